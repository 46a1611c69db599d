

from _collections_abc import Coroutine as _Coroutine

# --- asyncio ----------------------------------------------------------------------------

class RecordedCoroutine(_Coroutine):
    """A coroutine whose steps between two awaits are bursts of its own flow."""

    def __init__(self, coroutine, flow):
        self._coroutine, self._flow, self._since = coroutine, flow, None

    def __getattr__(self, name):
        return getattr(self._coroutine, name)

    def _step(self, function, *args):
        state = _state
        before = (state.flow, state.depth)
        flow = state.flow = self._flow
        state.depth = 0
        if self._since is not None:
            place, began = self._since
            if place < len(flow.events):
                flow.events[place] = ("await_outside", _wall_clock() - began)
            self._since = None
        state.last = _cpu_clock()
        try:
            waits_for = function(*args)
        except BaseException as error:
            if not flow.quiet:
                _burst(_cpu_clock())
            if not isinstance(error, StopIteration):
                flow.ended = type(error).__name__
            else:
                flow.ended = "returned"
            raise
        else:
            if not flow.quiet:
                _burst(_cpu_clock(), self._line())
                self._note(flow, waits_for)
            return waits_for
        finally:
            state.flow, state.depth = before
            state.last = _cpu_clock()

    def _line(self):
        """The innermost line of the program in which the coroutine waits."""
        line, inner = 0, self._coroutine
        while inner is not None:
            frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
            if frame is None or _is_foreign(frame):
                break
            line = frame.f_lineno
            inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
        return line

    def _note(self, flow, future):
        key = getattr(future, "_coreplay", None)
        children = getattr(future, "_children", None)
        if future is None:
            flow.add("await_yield")
        elif key is not None:
            flow.add("await", key)
        elif children is not None:
            flow.add("gather", [k for k in (getattr(c, "_coreplay", None) for c in children)
                                if k is not None])
        else:
            self._since = len(flow.events), _wall_clock()
            flow.add("await_outside", None)

    def send(self, value):
        return self._step(self._coroutine.send, value)

    def throw(self, *what):
        return self._step(self._coroutine.throw, *what)

    def close(self):
        return self._coroutine.close()

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)


def _loud():
    """The flow that calls, if what it does is to be noted."""
    flow = _state.flow
    return None if flow is None or flow.quiet or _state.depth else flow


def _note(*event):
    """Notes an event between two steps of whatever calls."""
    flow = _loud()
    if flow is not None:
        _burst(_cpu_clock())
        flow.add(*event)
        _state.last = _cpu_clock()


def _quiet(original, describe, after=None):
    """An awaitable function of asyncio that is one event, whatever it awaits itself."""
    async def call(*args, **kwargs):
        flow = _loud()
        event = None if flow is None else describe(*args, **kwargs)
        if event is None:
            return await original(*args, **kwargs)
        _burst(_cpu_clock(), _line_of(sys._getframe(1)))
        place = len(flow.events)
        flow.add(*event)
        flow.quiet = True
        result = raised = None
        try:
            result = await original(*args, **kwargs)
            return result
        except BaseException as error:
            raised = error
            raise
        finally:
            flow.quiet = False
            if after is not None and place < len(flow.events):
                other = after(event, result, raised, *args, **kwargs)
                if other is not None:
                    flow.events[place] = other
            raised = None
            _state.last = _cpu_clock()
    return _like(call, original)


def _patch_quiet(cls, name, describe, after=None):
    setattr(cls, name, _quiet(getattr(cls, name), describe, after))


def _by_program(depth=2):
    return not _is_foreign(sys._getframe(depth))


@_when_loaded("asyncio")
def _patch_asyncio(asyncio):
    from asyncio import base_events, events, locks, queues, tasks
    loop = base_events.BaseEventLoop
    _patch_tasks(asyncio, loop)
    _patch_runs(asyncio, loop)
    _patch_callbacks(asyncio, loop, events)
    _patch_waits(asyncio, tasks)
    _patch_async_objects(locks, queues)
    _patch_streams(asyncio)


def _patch_tasks(asyncio, loop):
    create = loop.create_task

    class RecordedTask(asyncio.Task):
        def cancel(self, *args, **kwargs):
            if _by_program() and not self.done():
                _note("cancel", self._coreplay)
            return super().cancel(*args, **kwargs)
    RecordedTask.__name__ = RecordedTask.__qualname__ = "Task"
    RecordedTask.__module__ = "_asyncio"

    def create_task(self, coroutine, **kwargs):
        flow = _loud()
        if not asyncio.iscoroutine(coroutine) or isinstance(coroutine, RecordedCoroutine):
            return create(self, coroutine, **kwargs)
        if flow is None:
            return create(self, _served(coroutine, self), **kwargs)
        caller = os.path.basename(sys._getframe(1).f_code.co_filename)
        if caller == "runners.py" and _is_foreign(sys._getframe(1)):
            return create(self, RecordedCoroutine(coroutine, flow), **kwargs)
        key, name = _new_key(), _name_of(coroutine, "task")
        own = Recording.flows[key] = Flow(key, name, "task")
        _burst(_cpu_clock(), _line_of(sys._getframe(1)))
        flow.add("create", key)
        if self.get_task_factory() is None:
            task = RecordedTask(RecordedCoroutine(coroutine, own), loop=self, **kwargs)
        else:
            task = create(self, RecordedCoroutine(coroutine, own), **kwargs)
        task._coreplay = key
        _state.last = _cpu_clock()
        return task
    loop.create_task = _like(create_task, create)
    executed = loop.run_in_executor

    def run_in_executor(self, executor, function, *args):
        flow = _loud()
        if flow is None:
            return executed(self, executor, function, *args)
        key, name = _new_job(function)
        _burst(_cpu_clock(), _line_of(sys._getframe(1)))
        flow.add("executor", key, getattr(executor, "_coreplay", None))
        _state.depth = 1
        try:
            future = executed(self, executor, Job(function, key, name), *args)
        finally:
            _state.depth, _state.last = 0, _cpu_clock()
        future._coreplay = key
        return future
    loop.run_in_executor = _like(run_in_executor, executed)


class _Servers:
    """Tasks that the library makes for each connection, and for what a thread hands over."""
    flows = {}  # id of a loop -> flow that stands for the loop itself


def _served(coroutine, loop):
    """A task nobody of the program made: it belongs to the server that was started."""
    own = Recording.flows.get(_Servers.flows.get(id(loop)))
    code = getattr(coroutine, "cr_code", None)
    if own is None or code is None or _is_foreign_file(code.co_filename):
        return coroutine
    key, name = _new_key(), _name_of(coroutine, "task")
    Recording.flows[key] = flow = Flow(key, name, "task")
    own.add("cpu", 0)
    own.add("create", key)
    return RecordedCoroutine(coroutine, flow)


def _patch_runs(asyncio, loop):
    run, forever, stop = loop.run_until_complete, loop.run_forever, loop.stop
    stops = {}

    def is_main():
        import threading
        return threading.current_thread() is threading.main_thread()

    def outside(*args, **kwargs):
        _unseen("what an event loop does outside the main thread")
        return ("outside", None, 0)

    def took(original):
        def call(self, *args):
            moment = _wall_clock()
            return _wrapped(lambda: original(self, *args), outside, lambda *a: (
                "outside", _wall_clock() - moment, 0))()
        return call
    of_other_thread, forever_of_other = took(run), took(forever)

    def run_until_complete(self, future):
        flow = _state.flow
        if flow is None or _state.depth:
            return run(self, future)
        if not is_main():
            return of_other_thread(self, future)
        _burst(_cpu_clock())
        flow.add("loop")
        if isinstance(future, RecordedCoroutine) or not asyncio.iscoroutine(future):
            key, children = getattr(future, "_coreplay", None), getattr(future, "_children", ())
            if key is not None:
                flow.add("await", key)
            elif children:
                flow.add("gather", [c._coreplay for c in children if hasattr(c, "_coreplay")])
        elif not _is_foreign_file(getattr(getattr(future, "cr_code", None), "co_filename", "<")):
            future = RecordedCoroutine(future, flow)
        _state.flow = None
        try:
            return run(self, future)
        finally:
            _state.flow, _state.last = flow, _cpu_clock()
    loop.run_until_complete = _like(run_until_complete, run)

    def run_forever(self):
        flow = _state.flow
        if flow is None or _state.depth:
            return forever(self)
        if not is_main():
            return forever_of_other(self)
        key = stops[id(self)] = _new_object("async event", None, "stopped")
        _burst(_cpu_clock())
        flow.add("loop")
        flow.add("await_waitfor", key)
        _state.flow = None
        try:
            return forever(self)
        finally:
            _state.flow, _state.last = flow, _cpu_clock()
    loop.run_forever = _like(run_forever, forever)

    def stop_noted(self):
        if id(self) in stops:
            _note("signal", stops[id(self)], 1)
        return stop(self)
    loop.stop = _like(stop_noted, stop)


def _is_callback(function):
    """Whether a function is the program's, or a builtin it gave, and not asyncio's own."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None:
        return not _is_foreign_file(code.co_filename)
    return type(function) is type(len) and type(getattr(function, "__self__", 0)) is type(sys)


def _patch_callbacks(asyncio, loop, events):
    def replace(name, delay_of):
        original = getattr(loop, name)

        def call(self, *args, **kwargs):
            flow = _loud()
            if flow is None or not _by_program():
                return original(self, *args, **kwargs)
            delay = delay_of(self, *args)
            args = list(args)
            place = 0 if delay is None else 1
            function = args[place]
            if not _is_callback(function):
                return original(self, *args, **kwargs)
            key, named = _new_job(function, "callback")
            _burst(_cpu_clock(), _line_of(sys._getframe(1)))
            flow.add("call", key, delay or 0)
            args[place] = lambda *a: _run_flow(key, named, "callback", function, a)
            _state.depth = 1
            try:
                return original(self, *args, **kwargs)
            finally:
                _state.depth, _state.last = 0, _cpu_clock()
        setattr(loop, name, _like(call, original))
    replace("call_soon", lambda self, *a: None)
    replace("call_later", lambda self, delay, *a: _ns(delay))
    replace("call_at", lambda self, when, *a: _ns(when - self.time()))


def _patch_waits(asyncio, tasks):
    def slept(delay, *args, **kwargs):
        return ("await_wait", _ns(delay)) if delay > 0 else ("await_yield",)
    asyncio.sleep = tasks.sleep = _quiet(tasks.sleep, slept)
    key_of = lambda future: getattr(future, "_coreplay", None)

    def waited(fs, **kwargs):
        timeout = kwargs.get("timeout")
        first = kwargs.get("return_when", "ALL_COMPLETED") != "ALL_COMPLETED"
        return ("wait_tasks", [k for k in map(key_of, fs) if k is not None],
                "first" if first else "all", None if timeout is None else _ns(timeout))
    wait = tasks.wait

    async def wait_noted(fs, **kwargs):
        flow = _loud()
        if flow is None:
            return await wait(fs, **kwargs)
        loop = asyncio.get_running_loop()
        fs = {asyncio.ensure_future(f, loop=loop) for f in fs} if any(
            asyncio.iscoroutine(f) for f in fs) and sys.version_info < (3, 11) else fs
        fs = fs if isinstance(fs, (set, list, tuple)) else list(fs)
        return await quiet_wait(fs, **kwargs)
    quiet_wait = _quiet(wait, waited)
    asyncio.wait = tasks.wait = _like(wait_noted, wait)
    wait_for = tasks.wait_for

    async def wait_for_noted(fut, timeout, **kwargs):
        flow = _loud()
        if flow is None or timeout is None:
            return await wait_for(fut, timeout, **kwargs)
        key = getattr(fut, "_coreplay", None)
        if asyncio.iscoroutine(fut):
            key, name = _new_key(), _name_of(fut, "task")
            own = Recording.flows[key] = Flow(key, name, "task")
            fut = RecordedCoroutine(fut, own)
            event = ("wait_for_call", key, _ns(timeout))
        elif key is not None:
            event = ("wait_for", key, _ns(timeout))
        else:
            event = ("await_outside", None)
        began = _wall_clock()
        return await _quiet(wait_for, lambda *a, **k: event, lambda e, *a, **k: (
            ("await_outside", _wall_clock() - began) if e[0] == "await_outside" else None))(
                fut, timeout, **kwargs)
    asyncio.wait_for = tasks.wait_for = _like(wait_for_noted, wait_for)
    shield = tasks.shield

    def shield_noted(arg, **kwargs):
        inner = asyncio.ensure_future(arg)
        outer = shield(inner, **kwargs)
        if key_of(inner) is not None and outer is not inner:
            outer._coreplay = inner._coreplay
        return outer
    asyncio.shield = tasks.shield = _like(shield_noted, shield)
    completed = tasks.as_completed

    def as_completed(fs, **kwargs):
        if _loud() is None or kwargs.get("timeout") is not None:
            return completed(fs, **kwargs)
        return _Completed(asyncio, [asyncio.ensure_future(f) for f in fs], completed)
    asyncio.as_completed = tasks.as_completed = _like(as_completed, completed)
    if hasattr(asyncio, "TaskGroup"):
        group = asyncio.TaskGroup
        create = group.create_task

        def create_task(self, *args, **kwargs):
            task = create(self, *args, **kwargs)
            self.__dict__.setdefault("_coreplay_tasks", []).append(key_of(task))
            return task
        group.create_task = _like(create_task, create)
        _patch_quiet(group, "__aexit__", lambda self, *what: (
            "gather", [k for k in self.__dict__.get("_coreplay_tasks", ()) if k]))
        timeout = asyncio.timeouts.Timeout
        _note_timeout(asyncio, timeout)


def _note_timeout(asyncio, cls):
    enter, leave = cls.__aenter__, cls.__aexit__

    async def __aenter__(self):
        flow = _loud()
        result = await enter(self)
        if flow is not None and self.when() is not None:
            self._coreplay_flow = flow
            _note("block", "timeout", _ns(self.when() - asyncio.get_running_loop().time()))
        return result

    async def __aexit__(self, *what):
        flow = getattr(self, "_coreplay_flow", None)
        if flow is not None and flow is _loud():
            _note("end", "timeout")
        return await leave(self, *what)
    cls.__aenter__, cls.__aexit__ = _like(__aenter__, enter), _like(__aexit__, leave)


class _Completed:
    """asyncio.as_completed: what is awaited next is the task that was next to end."""

    def __init__(self, asyncio, tasks, completed):
        self.ended, self.taken = [], 0
        for task in tasks:
            task.add_done_callback(lambda t: self.ended.append(getattr(t, "_coreplay", None)))
        self.iterator = iter(completed(tasks))
        self.tasks, self.left = tasks, len(tasks)

    def __iter__(self):
        return self

    def __next__(self):
        inner = next(self.iterator)
        place, self.taken = self.taken, self.taken + 1

        async def one():
            return await inner
        return _quiet(one, lambda: ("await", None), lambda e, *a: (
            "await", self.ended[place]) if place < len(self.ended) else ("pass",))()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        known = {id(t) for t in self.tasks if t.done()}
        await self.__next__()
        done = [t for t in self.tasks if t.done()]
        fresh = [t for t in done if id(t) not in known] or done
        return fresh[0]


def _patch_async_objects(locks, queues):
    def make(cls, kind, options=lambda *a, **k: {}):
        _note_creation(cls, kind, options)
    make(queues.Queue, "async queue", lambda maxsize=0, **k: {"capacity": max(0, maxsize)})
    make(locks.Lock, "async lock")
    make(locks.Semaphore, "async semaphore", lambda value=1, **k: {"n": value})
    make(locks.Event, "async event")
    waits = ((queues.Queue, "get", "await_recv"), (queues.Queue, "put", "await_send"),
             (queues.Queue, "join", "await_drained"), (locks.Lock, "acquire", "await_acquire"),
             (locks.Semaphore, "acquire", "await_acquire"), (locks.Event, "wait", "await_waitfor"))
    for cls, name, word in waits:
        _patch_quiet(cls, name, lambda self, *a, _w=word: _of(self, _w))

    def at_once(cls, name, word, *more):
        def describe(self, *args):
            return None if _state.flow.quiet else _of(self, word, *more)
        _patch(cls, name, describe, lambda e, r, x, *a: ("pass",) if x is not None else None)
    at_once(queues.Queue, "put_nowait", "await_send")
    at_once(queues.Queue, "get_nowait", "await_recv")
    at_once(queues.Queue, "task_done", "task_done")
    at_once(locks.Lock, "release", "release")
    at_once(locks.Semaphore, "release", "release")
    at_once(locks.Event, "set", "signal", 1)
    at_once(locks.Event, "clear", "clear")
    if hasattr(locks, "Barrier"):
        make(locks.Barrier, "async barrier", lambda parties: {"n": parties})
        _patch_quiet(locks.Barrier, "wait", lambda self: _of(self, "await_waitfor"))


def _patch_streams(asyncio):
    from asyncio import streams

    def keys_of(transport):
        if transport is None:
            return None
        own, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        return ("%s>%s" % (own, peer), "%s>%s" % (peer, own)) if own and peer else None

    def read(self, *args, **kwargs):
        keys = keys_of(self._transport)
        return ("await_outside", None) if keys is None else (
            "sock_recv", keys[1], None, 0, 0, "await")

    def timed(name):
        original = getattr(streams.StreamReader, name)

        async def call(self, *args, **kwargs):
            moment = _wall_clock()

            def after(event, result, raised, *a, **k):
                took = _wall_clock() - moment
                if event[0] == "await_outside" or raised is not None:
                    return ("await_outside", took)
                return ("sock_recv", event[1], took, 0, len(result), "await")
            return await _quiet(original, read, after)(self, *args, **kwargs)
        setattr(streams.StreamReader, name, _like(call, original))
    for name in ("read", "readline", "readexactly", "readuntil"):
        timed(name)
    writer = streams.StreamWriter
    for name in ("write", "writelines"):
        def describe(self, data, _n=name):
            keys = keys_of(self._transport)
            if keys is None or _state.flow.quiet:
                return None
            size = len(data) if _n == "write" else sum(map(len, data))
            return ("sock_send", keys[0], 0, 0, size, "await")
        _patch(writer, name, describe)

    def closed(self):
        keys = keys_of(self._transport)
        return None if keys is None or _state.flow.quiet else (
            "sock_send", keys[0], 0, 0, 0, "await")
    for name in ("close", "write_eof"):
        _patch(writer, name, closed)
    _patch_quiet(writer, "drain", lambda self: ("pass",))
    opened = streams.open_connection

    async def open_connection(*args, **kwargs):
        moment = _wall_clock()

        def after(event, result, raised, *a, **k):
            took = _wall_clock() - moment
            peer = result[1].get_extra_info("peername") if result else None
            if not peer:
                return ("await_outside", took)
            return ("sock_send", _listener_key(peer), took, 0, 1, "await")
        return await _quiet(opened, lambda *a, **k: ("await_outside", None), after)(
            *args, **kwargs)
    asyncio.open_connection = streams.open_connection = _like(open_connection, opened)
    started = streams.start_server

    async def start_server(callback, *args, **kwargs):
        flow = _loud()
        if flow is None:
            return await started(callback, *args, **kwargs)
        loop = asyncio.get_running_loop()
        key = _new_key()
        own = Recording.flows[key] = Flow(key, "server", "task")

        def connected(reader, writer):
            own.add("cpu", 0)
            own.add("sock_recv", _listener_key(writer.get_extra_info("sockname")), 0, 0, 1,
                    "await")
            result = callback(reader, writer)
            if asyncio.iscoroutine(result):
                _Servers.flows[id(loop)] = key
            return result
        server = await _quiet(started, lambda *a, **k: ("create", key))(
            connected, *args, **kwargs)
        return server
    asyncio.start_server = streams.start_server = _like(start_server, started)
