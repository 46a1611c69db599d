#!/usr/bin/env python3
"""Runs a Python program unmodified and writes what it did as a coreplay workload (.cpw).

    python3 coreplay_record.py [-o FILE.cpw] [--for SECONDS] prog.py ARGUMENTS ...
    python3 coreplay_record.py [-o FILE.cpw] [--for SECONDS] -m module ARGUMENTS ...

Plain Python 3.8 or newer, nothing to install.  Every call that waits, locks, starts or passes
something on is noted with the thread's CPU time since the call before; the program's output
and exit code stay its own.  What is written: the calls as statements, repetitions as loops.
"""
import sys
import os
import time

# What the recorder itself uses is taken before anything is replaced.
_cpu_clock = time.thread_time_ns if hasattr(time, "thread_time_ns") else time.process_time_ns
_wall_clock = time.perf_counter_ns
_sleep = time.sleep

import _thread
import atexit
import builtins
import collections
import collections.abc
import functools
import json
import linecache
import queue
import re
import shutil
import sysconfig
import tempfile
import threading

_STDLIB = tuple(os.path.realpath(p) + os.sep for p in
                {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")} if p)
_HERE = os.path.realpath(__file__)
_FOLDER_VARIABLE = "COREPLAY_RECORD_FOLDER"
_MAX_EVENTS = 3000000


# --- what is kept ---------------------------------------------------------------------

class Flow:
    """What one thread, process, pool job or asyncio task did, in order."""

    def __init__(self, key, name, kind):
        self.key, self.name, self.kind = key, name, kind
        self.events = []  # ("cpu", ns) before each other event
        self.quiet = False

    def add(self, *event):
        if len(self.events) < _MAX_EVENTS:
            self.events.append(event)


class State(threading.local):
    flow = None
    depth = 0
    last = 0


class Recording:
    flows = {}      # key -> Flow
    objects = {}    # key -> dict(kind=, name=, options)
    next_key = 0
    cost = 0        # ns of a burst that is the recorder's own
    folder = None
    began = 0
    is_child = False
    pid = os.getpid()
    unseen = set()  # what the workload lacks, in words


_state = State()


def _new_key():
    Recording.next_key += 1
    return "%d.%d" % (os.getpid(), Recording.next_key)


def _is_foreign(frame):
    """Whether the code of a frame belongs to Python's library or to the recorder."""
    name = frame.f_code.co_filename
    known = _is_foreign.known.get(name)
    if known is None:
        real = os.path.realpath(name)
        known = name.startswith("<frozen") or real == _HERE or (
            real.startswith(_STDLIB) and "site-packages" not in real)
        _is_foreign.known[name] = known
    return known


_is_foreign.known = {}


def _name_from_source(frame, otherwise):
    """The variable a new object is given to, as the source line says."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    found = re.match(r"\s*(?:(?:async\s+)?with\b.*\bas\s+(\w+)\s*:|(?:global\s+)?(?:\w+\.)*(\w+)\s*"
                     r"(?::[^=]+)?=[^=])", line)
    return (found.group(1) or found.group(2)) if found else otherwise


def _name_of(function, otherwise="job"):
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None) or type(function).__name__
    return otherwise if name == "<lambda>" else name


def _new_object(kind, frame, otherwise=None, **options):
    key = _new_key()
    Recording.objects[key] = dict(options, kind=kind,
                                  name=_name_from_source(frame, otherwise or kind))
    return key


def _burst(now):
    """Ends the computing of the flow that calls."""
    used = now - _state.last - Recording.cost
    _state.flow.add("cpu", used if used > 0 else 0)


def _begin_flow(key, name, kind):
    """Makes a new flow the one of this thread; returns what was there before."""
    before = (_state.flow, _state.depth)
    flow = Recording.flows[key] = Flow(key, name, kind)
    _state.flow, _state.depth = flow, 0
    _state.last = _cpu_clock()
    return before


def _end_flow(before):
    now = _cpu_clock()
    if _state.flow is not None and _state.depth == 0:
        _burst(now)
    flow = _state.flow
    _state.flow, _state.depth = before
    _state.last = _cpu_clock()
    return flow


def _run_flow(key, name, kind, function, args=(), kwargs={}):
    before = _begin_flow(key, name, kind)
    try:
        return function(*args, **kwargs)
    finally:
        flow = _end_flow(before)
        if Recording.is_child:
            _write_flows([flow])


def _wrapped(original, describe, after=None):
    """`original` with an event before it.  `describe` gets its arguments and returns the
    event, or None to note nothing; `after` gets event, result and arguments and may return
    another event in its place."""
    @functools.wraps(original)
    def call(*args, **kwargs):
        state = _state
        flow = state.flow
        if flow is None or state.depth:
            return original(*args, **kwargs)
        now = _cpu_clock()
        event = describe(*args, **kwargs)
        if event is None:
            state.last += _cpu_clock() - now
            return original(*args, **kwargs)
        _burst(now)
        place = len(flow.events)
        flow.add(*event)
        state.depth = 1
        result = None
        try:
            result = original(*args, **kwargs)
        finally:
            state.depth = 0
            if after is not None:
                other = after(event, result, *args, **kwargs)
                if other is not None and place < len(flow.events):
                    flow.events[place] = other
            state.last = _cpu_clock()
        return result
    return call


def _ns(seconds):
    return max(0, int(seconds * 1e9))


def _limit(timeout):
    return None if timeout is None or timeout < 0 else _ns(timeout)


# --- threading ------------------------------------------------------------------------

class RecordedLock:
    """threading.Lock or RLock of the program."""

    def __init__(self, lock, key):
        self._lock, self._key = lock, key

    def acquire(self, blocking=True, timeout=-1):
        return self._lock.acquire(blocking, timeout)

    def release(self):
        self._lock.release()

    def locked(self):
        return self._lock.locked()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *what):
        self.release()

    def __getattr__(self, name):
        return getattr(self._lock, name)


def _acquired(event, result, lock, blocking=True, timeout=-1):
    if result:
        return event
    return ("wait", _ns(timeout)) if blocking and timeout > 0 else ("pass",)


RecordedLock.acquire = _wrapped(RecordedLock.acquire,
                                lambda s, *a, **k: ("acquire", s._key), _acquired)
RecordedLock.release = _wrapped(RecordedLock.release, lambda s: ("release", s._key))


def _lock_factory(original, kind):
    def make(*args, **kwargs):
        frame = sys._getframe(1)
        lock = original(*args, **kwargs)
        if _is_foreign(frame):
            return lock
        return RecordedLock(lock, _new_object(kind, frame))
    make.__name__ = original.__name__
    return make


def _user_frame():
    """The frame of the program that makes an object; None if the library makes it."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    # Constructors of subclasses and `super().__init__` of the library itself.
    while frame is not None and _is_foreign(frame) and frame.f_code.co_name == "__init__" \
            and frame.f_locals.get("self") is not None \
            and type(frame.f_locals["self"]).__name__ in ("BoundedSemaphore", "Timer",
                                                          "LifoQueue", "PriorityQueue"):
        frame = frame.f_back
    return None if frame is None or _is_foreign(frame) else frame


def _note_creation(cls, kind, options=lambda *a, **k: {}):
    original = cls.__init__

    @functools.wraps(original)
    def init(self, *args, **kwargs):
        frame = _user_frame()
        if frame is not None and getattr(self, "_coreplay", None) is None:
            self._coreplay = _new_object(kind, frame, **options(*args, **kwargs))
        original(self, *args, **kwargs)
    cls.__init__ = init


def _patch(cls, name, describe, after=None):
    setattr(cls, name, _wrapped(getattr(cls, name), describe, after))


def _of(self, *event):
    key = getattr(self, "_coreplay", None)
    return None if key is None else (event[0], key) + event[1:]


def _waited(event, result, self, timeout=None):
    """A wait with a timeout that came to its end is a sleep; the rest stays a wait."""
    return ("wait", _ns(timeout)) if not result and timeout is not None else event


def _patch_threading():
    t = threading
    t.Lock = _lock_factory(t.Lock, "lock")
    t.RLock = _lock_factory(t.RLock, "rlock")
    _note_creation(t.Condition, "condition", lambda lock=None: {
        "lock": getattr(lock, "_key", None)})
    _patch(t.Condition, "__enter__", lambda s: _of(s, "acquire"))
    _patch(t.Condition, "__exit__", lambda s, *a: _of(s, "release"))
    enter, leave = t.Condition.__enter__, t.Condition.__exit__
    init = t.Condition.__init__

    def condition_init(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if getattr(self, "_coreplay", None) is not None:
            lock = self._lock
            self.acquire = _wrapped(lock.acquire, lambda *a, **k: ("acquire", self._coreplay))
            self.release = _wrapped(lock.release, lambda: ("release", self._coreplay))
    t.Condition.__init__, t.Condition.__enter__, t.Condition.__exit__ = \
        condition_init, enter, leave
    _patch(t.Condition, "wait", lambda s, timeout=None: _of(s, "waitfor", None), _waited)
    _patch(t.Condition, "notify", lambda s, n=1: _of(s, "signal", n))
    _patch(t.Condition, "notify_all", lambda s: _of(s, "signal", "all"))
    _note_creation(t.Semaphore, "semaphore", lambda value=1: {"n": value})
    _patch(t.Semaphore, "acquire", lambda s, *a, **k: _of(s, "acquire"),
           lambda e, r, s, blocking=True, timeout=None: _acquired(
               e, r, s, blocking, -1 if timeout is None else timeout))
    _patch(t.Semaphore, "release", lambda s, n=1: _of(s, "release", n))
    t.Semaphore.__enter__ = t.Semaphore.acquire
    t.BoundedSemaphore.__enter__ = t.Semaphore.acquire
    if "release" in t.BoundedSemaphore.__dict__:
        _patch(t.BoundedSemaphore, "release", lambda s, n=1: _of(s, "release", n))
    t.Semaphore.__exit__ = lambda self, *what: self.release()
    _note_creation(t.Event, "event")
    _patch(t.Event, "wait", lambda s, timeout=None: _of(s, "waitfor", None), _waited)
    _patch(t.Event, "set", lambda s: _of(s, "signal", 1))
    _patch(t.Event, "clear", lambda s: _of(s, "clear"))
    _note_creation(t.Barrier, "barrier", lambda parties, *a, **k: {"n": parties})
    _patch(t.Barrier, "wait", lambda s, timeout=None: _of(s, "waitfor", None))
    _patch_thread(t.Thread)


def _thread_name(thread):
    target = getattr(thread, "_target", None)
    if isinstance(thread, threading.Timer):
        return _name_of(thread.function)
    if target is not None:
        return _name_of(target)
    return type(thread).__name__


def _patch_thread(cls):
    start, join = cls.start, cls.join

    def describe_start(self):
        if self._coreplay_key is None:
            return None
        return ("spawn", self._coreplay_key, self.daemon,
                _ns(self.interval) if isinstance(self, threading.Timer) else 0)
    noted = _wrapped(start, describe_start)

    @functools.wraps(start)
    def begin(self):
        self._coreplay_key = None
        if _state.flow is not None and not _state.depth and not _is_foreign(sys._getframe(1)):
            self._coreplay_key = key = _new_key()
            run = self.run
            name, is_timer = _thread_name(self), isinstance(self, threading.Timer)
            Recording.flows[key] = Flow(key, name, "thread")
            if is_timer:
                function, self.function = self.function, None
                self.function = lambda *a, **k: _run_flow(key, name, "thread", function, a, k)
            else:
                self.run = lambda: _run_flow(key, name, "thread", run)
        noted(self)
    cls.start = begin
    cls.join = _wrapped(join, lambda self, timeout=None: (
        "join", self._coreplay_key, _limit(timeout))
        if getattr(self, "_coreplay_key", None) else None)


# --- time, queues, output ---------------------------------------------------------------

def _patch_queue(cls):
    _note_creation(cls, "queue", lambda maxsize=0: {"capacity": maxsize})

    def sent(event, result, *args, **kwargs):
        return ("pass",) if sys.exc_info()[0] is queue.Full else None

    def received(event, result, self, block=True, timeout=None):
        if sys.exc_info()[0] is not queue.Empty:
            return None
        return ("wait", _ns(timeout)) if block and timeout else ("pass",)

    def put(self, item, block=True, timeout=None):
        return _of(self, "send", item is None)
    _patch(cls, "put", put, sent)
    _patch(cls, "get", lambda self, block=True, timeout=None: _of(self, "recv"), received)
    _patch(cls, "join", lambda self: _of(self, "drained"))
    _patch(cls, "task_done", lambda self: _of(self, "task_done"))


def _patch_time():
    time.sleep = _wrapped(time.sleep, lambda seconds: ("wait", _ns(seconds)))
    printed = builtins.print

    def text_of(*args, **kwargs):
        out = kwargs.get("file")
        if out is not None and out not in (sys.stdout, sys.stderr):
            return None
        try:
            return ("print", " ".join(a if isinstance(a, str) else str(a) for a in args)[:60])
        except Exception:
            return ("print", "")
    builtins.print = _wrapped(printed, text_of)
    asked = builtins.input
    moment = [0]

    def describe(*args):
        moment[0] = _wall_clock()
        return ("input", 0)
    builtins.input = _wrapped(asked, describe, lambda e, r, *a: (
        "input", _wall_clock() - moment[0]))
    import select
    import socket
    import subprocess
    outside = [(subprocess.Popen, "wait"), (subprocess.Popen, "communicate")]
    for name in ("recv", "recvfrom", "recv_into", "accept", "connect", "sendall", "send"):
        outside.append((socket.socket, name))
    for holder, name in outside:
        _patch_outside(holder, name)
    _patch_outside(select, "select")


def _patch_outside(holder, name):
    """A wait for something outside the program: as long as it took."""
    original = getattr(holder, name)
    moments = {}

    def describe(*args, **kwargs):
        moments[_thread.get_ident()] = _wall_clock(), _cpu_clock()
        return ("wait", 0)

    def after(event, result, *args, **kwargs):
        wall, cpu = moments.pop(_thread.get_ident())
        wall, cpu = _wall_clock() - wall, _cpu_clock() - cpu
        return ("outside", wall - cpu if wall > cpu else 0, cpu)
    wrapped = _wrapped(original, describe, after)
    try:
        setattr(holder, name, wrapped)
    except TypeError:
        pass


# --- pools of threads, processes --------------------------------------------------------

def _write_flows(flows):
    """A child process hands on what it did: one line each, as it may be killed at any time."""
    path = os.path.join(Recording.folder, "%d.json" % os.getpid())
    with open(path, "a") as out:
        for f in flows:
            out.write(json.dumps([f.key, f.name, f.kind, f.events, Recording.objects]) + "\n")


def _read_flows():
    for name in sorted(os.listdir(Recording.folder)):
        with open(os.path.join(Recording.folder, name)) as lines:
            for line in lines:
                try:
                    key, name, kind, events, objects = json.loads(line)
                except ValueError:
                    continue  # cut off when the process was killed
                flow = Recording.flows[key] = Flow(key, name, kind)
                flow.events = [tuple(e) for e in events]
                Recording.objects.update(objects)


def _patch_executor():
    from concurrent.futures import thread, _base
    cls = thread.ThreadPoolExecutor
    init, submit = cls.__init__, cls.submit

    def make(self, max_workers=None, *args, **kwargs):
        init(self, max_workers, *args, **kwargs)
        frame = _user_frame()
        self._coreplay = None if frame is None else _new_object(
            "pool", frame, "pool", n=self._max_workers)
    cls.__init__ = functools.wraps(init)(make)

    def submit_noted(self, fn, *args, **kwargs):
        if _state.flow is None or _state.depth or getattr(self, "_coreplay", None) is None:
            return submit(self, fn, *args, **kwargs)
        key, name = _new_key(), _name_of(fn)
        Recording.flows[key] = Flow(key, name, "job")
        noted = _wrapped(submit, lambda *a, **k: ("submit", self._coreplay, key))
        future = noted(self, lambda: _run_flow(key, name, "job", fn, args, kwargs))
        future._coreplay = key
        return future
    cls.submit = functools.wraps(submit)(submit_noted)
    _patch(_base.Future, "result", lambda self, timeout=None: _of(self, "result"))
    _patch(_base.Future, "exception", lambda self, timeout=None: _of(self, "result"))
    _patch(cls, "shutdown", lambda self, *a, **k: _of(self, "shutdown"))
    cls.__exit__ = lambda self, *what: self.shutdown(wait=True)

    def each_result(self, fn, *iterables, timeout=None, chunksize=1):
        futures = [self.submit(fn, *args) for args in zip(*iterables)]

        def results():
            for future in futures:
                yield future.result(timeout)
        return results()
    cls.map = each_result


def _patch_processes():
    from multiprocessing import process, queues
    cls = process.BaseProcess
    start, bootstrap = cls.start, cls._bootstrap
    noted = _wrapped(start, lambda self: ("spawn_process", self._coreplay_key))

    def begin(self):
        self._coreplay_key = None
        if _state.flow is None or _state.depth or _is_foreign(sys._getframe(1)):
            return start(self)
        self._coreplay_key = key = _new_key()
        Recording.flows[key] = Flow(key, _thread_name(self), "process")
        if getattr(self, "_start_method", None) not in (None, "fork"):
            Recording.unseen.add("processes started by " + self._start_method)
        noted(self)

    def run(self, *args, **kwargs):
        key = getattr(self, "_coreplay_key", None)
        if key is None or Recording.folder is None:
            return bootstrap(self, *args, **kwargs)
        Recording.is_child, Recording.flows = True, {}
        program = self.run
        self.run = lambda: _run_flow(key, _thread_name(self), "process", program)
        try:
            return bootstrap(self, *args, **kwargs)
        finally:
            _write_flows([f for f in Recording.flows.values() if f.kind == "thread"])
    cls.start, cls._bootstrap = functools.wraps(start)(begin), bootstrap and run
    cls.join = _wrapped(cls.join, lambda self, timeout=None: (
        "join", self._coreplay_key, _limit(timeout))
        if getattr(self, "_coreplay_key", None) else None)
    for kind in (queues.Queue,):
        original = kind.__init__

        def init(self, maxsize=0, *args, **kwargs):
            original(self, maxsize, *args, **kwargs)
            frame = sys._getframe(1)
            while frame is not None and _is_foreign(frame):
                frame = frame.f_back  # the context's own Queue() stands between
            if frame is not None:
                self._coreplay = _new_object("shared queue", frame, "queue",
                                             capacity=max(0, maxsize))
        kind.__init__ = init
        _patch(kind, "put", lambda self, item, *a, **k: _of(self, "send", item is None))
        _patch(kind, "get", lambda self, *a, **k: _of(self, "recv"))


# --- pools of processes -----------------------------------------------------------------

class Job:
    """A function called in a worker process; what it did goes into the worker's file."""

    def __init__(self, function, key, many):
        self.function, self.key, self.many = function, key, many

    def __call__(self, *args, **kwargs):
        if os.getpid() == Recording.pid:
            return self.function(*args, **kwargs)
        if not Recording.is_child:
            Recording.is_child, Recording.flows = True, {}
            _state.flow, _state.depth = None, 0
        key = "%s %020d %s" % (self.key, _wall_clock(), _new_key()) if self.many else self.key
        return _run_flow(key, _name_of(self.function), "job", self.function, args, kwargs)


def _foreign_start(context):
    """Workers that are no forks do not know the recorder."""
    method = context.get_start_method() if context is not None else "fork"
    if method != "fork":
        Recording.unseen.add("jobs in processes started by " + method)
    return method != "fork"


def _patch_process_pools():
    import multiprocessing
    from multiprocessing import pool
    from concurrent.futures import process
    sys.modules.setdefault("coreplay_record", sys.modules[Job.__module__])
    Job.__module__ = "coreplay_record"
    cls = pool.Pool
    init = cls.__init__

    def make(self, processes=None, *args, **kwargs):
        frame = sys._getframe(1)
        while frame is not None and _is_foreign(frame):
            frame = frame.f_back
        if _state.flow is None or _state.depth or frame is None or type(self) is not cls:
            return init(self, processes, *args, **kwargs)
        context = kwargs.get("context") or multiprocessing.get_context()
        key = _new_object("pool", frame, "pool", form="workers", n=processes or os.cpu_count())
        opened = _wrapped(lambda: init(self, processes, *args, **kwargs), lambda: ("open", key))
        opened()
        if not _foreign_start(context):
            self._coreplay = key
    cls.__init__ = functools.wraps(init)(make)

    def replace(name, many):
        original = getattr(cls, name)

        @functools.wraps(original)
        def call(self, function, *args, **kwargs):
            pool_key = getattr(self, "_coreplay", None)
            if pool_key is None or _state.flow is None or _state.depth:
                return original(self, function, *args, **kwargs)
            key = _new_key()
            Recording.flows[key] = Flow(key, _name_of(function), "job")
            event = ("map" if many else "apply", pool_key, key)
            return _wrapped(lambda: original(self, Job(function, key, many), *args, **kwargs),
                            lambda: event)()
        setattr(cls, name, call)
    for name in ("map", "starmap"):
        replace(name, True)
    replace("apply", False)
    for name in ("imap", "imap_unordered", "map_async", "starmap_async", "apply_async"):
        _mark_unseen(cls, name)
    executor = process.ProcessPoolExecutor
    make_executor, submit = executor.__init__, executor.submit

    def make_noted(self, max_workers=None, mp_context=None, *args, **kwargs):
        make_executor(self, max_workers, mp_context, *args, **kwargs)
        frame = _user_frame()
        if frame is not None and not _foreign_start(mp_context or multiprocessing.get_context()):
            self._coreplay = _new_object("pool", frame, "pool", form="processes",
                                         n=self._max_workers)

    def submit_noted(self, function, *args, **kwargs):
        pool_key = getattr(self, "_coreplay", None)
        if pool_key is None or _state.flow is None or _state.depth:
            return submit(self, function, *args, **kwargs)
        key = _new_key()
        Recording.flows[key] = Flow(key, _name_of(function), "job")
        future = _wrapped(lambda: submit(self, Job(function, key, False), *args, **kwargs),
                          lambda: ("submit", pool_key, key))()
        future._coreplay = key
        return future
    executor.__init__ = functools.wraps(make_executor)(make_noted)
    executor.submit = functools.wraps(submit)(submit_noted)
    _patch(executor, "shutdown", lambda self, *a, **k: _of(self, "shutdown"))
    executor.__exit__ = lambda self, *what: self.shutdown(wait=True)


def _mark_unseen(cls, name):
    original = getattr(cls, name)

    @functools.wraps(original)
    def call(*args, **kwargs):
        if _state.flow is not None and not _state.depth:
            Recording.unseen.add("%s.%s" % (cls.__name__, name))
        return original(*args, **kwargs)
    setattr(cls, name, call)


# --- asyncio ----------------------------------------------------------------------------

class RecordedCoroutine(collections.abc.Coroutine):
    """A coroutine whose steps between two awaits are bursts of its own flow."""

    def __init__(self, coroutine, flow):
        self._coroutine, self._flow, self._since = coroutine, flow, None

    def __getattr__(self, name):
        return getattr(self._coroutine, name)

    def _step(self, function, *args):
        state = _state
        before = (state.flow, state.depth, state.last)
        flow = state.flow = self._flow
        state.depth = 0
        if self._since is not None:
            place, began = self._since
            flow.events[place] = ("await_wait", _wall_clock() - began)
            self._since = None
        state.last = _cpu_clock()
        try:
            waits_for = function(*args)
        except BaseException:
            if not flow.quiet:
                _burst(_cpu_clock())
            raise
        else:
            if not flow.quiet:
                _burst(_cpu_clock())
                self._note(flow, waits_for)
            return waits_for
        finally:
            state.flow, state.depth, state.last = before

    def _note(self, flow, future):
        key = getattr(future, "_coreplay", None)
        children = getattr(future, "_children", None)
        if future is None:
            flow.add("await_yield")
        elif key is not None:
            flow.add("await", key)
        elif children is not None:
            flow.add("gather", [getattr(c, "_coreplay", None) for c in children])
        else:
            self._since = len(flow.events), _wall_clock()
            flow.add("await_wait", 0)

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


def _quiet(original, describe, finished=None):
    """An awaitable function of asyncio that is one event, whatever it awaits itself."""
    @functools.wraps(original)
    async def call(*args, **kwargs):
        flow = _state.flow
        event = None
        if flow is not None and not flow.quiet and not _state.depth:
            event = describe(*args, **kwargs)
        if event is None:
            return await original(*args, **kwargs)
        _burst(_cpu_clock())
        flow.add(*event)
        flow.quiet = True
        try:
            return await original(*args, **kwargs)
        finally:
            flow.quiet = False
            _state.last = _cpu_clock()
    return call


def _patch_asyncio():
    import asyncio
    from asyncio import base_events, locks, queues, tasks
    loop = base_events.BaseEventLoop
    create = loop.create_task

    def create_task(self, coroutine, **kwargs):
        flow = _state.flow
        if flow is None or flow.quiet or _state.depth or not asyncio.iscoroutine(coroutine):
            return create(self, coroutine, **kwargs)
        if asyncio._get_running_loop() is None:  # asyncio.run: the thread goes on in it
            return create(self, of_thread(coroutine, flow), **kwargs)
        key, name = _new_key(), _name_of(coroutine, "task")
        own = Recording.flows[key] = Flow(key, name, "task")
        _burst(_cpu_clock())
        flow.add("create", key)
        task = create(self, RecordedCoroutine(coroutine, own), **kwargs)
        task._coreplay = key
        _state.last = _cpu_clock()
        return task
    loop.create_task = create_task
    executed = loop.run_in_executor

    def run_in_executor(self, executor, function, *args):
        flow = _state.flow
        if flow is None or flow.quiet or _state.depth:
            return executed(self, executor, function, *args)
        key = _new_key()
        name = _name_of(function)
        Recording.flows[key] = Flow(key, name, "job")
        _burst(_cpu_clock())
        flow.add("executor", key)
        _state.depth = 1
        future = executed(self, executor, lambda: _run_flow(key, name, "job", function, args))
        _state.depth = 0
        future._coreplay = key
        _state.last = _cpu_clock()
        return future
    loop.run_in_executor = run_in_executor
    run = loop.run_until_complete

    def of_thread(coroutine, flow):
        code = getattr(coroutine, "cr_code", None)
        if code is None or _is_foreign(collections.namedtuple("Frame", "f_code")(code)):
            return coroutine
        return RecordedCoroutine(coroutine, flow)

    def run_until_complete(self, future):
        flow = _state.flow
        if flow is None or _state.depth:
            return run(self, future)
        _burst(_cpu_clock())
        flow.add("loop")
        if asyncio.iscoroutine(future):
            future = of_thread(future, flow)
        _state.flow = None
        try:
            return run(self, future)
        finally:
            _state.flow, _state.last = flow, _cpu_clock()
    loop.run_until_complete = run_until_complete

    def slept(delay, *args, **kwargs):
        return ("await_wait", _ns(delay)) if delay > 0 else ("await_yield",)
    asyncio.sleep = tasks.sleep = _quiet(tasks.sleep, slept)
    for cls, kind, name, word in ((queues.Queue, "async queue", "get", "recv"),
                                  (queues.Queue, None, "put", "send"),
                                  (locks.Lock, "async lock", "acquire", "acquire"),
                                  (locks.Semaphore, "async semaphore", "acquire", "acquire"),
                                  (locks.Event, "async event", "wait", "waitfor")):
        if kind is not None:
            options = {"async queue": lambda maxsize=0, **k: {"capacity": max(0, maxsize)},
                       "async semaphore": lambda value=1, **k: {"n": value}}
            _note_creation(cls, kind, options.get(kind, lambda *a, **k: {}))
        setattr(cls, name, _quiet(getattr(cls, name), functools.partial(
            lambda word, self, *a: _of(self, "await_" + word), word)))
    for cls, name, word in ((queues.Queue, "put_nowait", "send"), (locks.Lock, "release", "release"),
                            (locks.Semaphore, "release", "release"), (locks.Event, "set", "signal"),
                            (locks.Event, "clear", "clear")):
        def describe(word, self, *args):
            if _state.flow.quiet:
                return None
            return _of(self, word, 1) if word == "signal" else _of(self, word)
        _patch(cls, name, functools.partial(describe, word))


# --- from events to statements ----------------------------------------------------------

def _format(ns):
    for unit, size in (("s", 10 ** 9), ("ms", 10 ** 6), ("us", 10 ** 3)):
        if ns >= size:
            return ("%.6f" % (ns / size)).rstrip("0").rstrip(".") + unit
    return "%dns" % ns


class Step:
    """A statement that may stand for many: `times` holds each one's length."""
    __slots__ = ("shape", "times", "count", "body")

    def __init__(self, shape, times=(), count=1, body=None):
        self.shape, self.times, self.count, self.body = shape, list(times), count, body


def _merge(steps):
    first = steps[0]
    body = None
    if first.body is not None:
        body = [_merge(column) for column in zip(*(s.body for s in steps))]
    return Step(first.shape, [t for s in steps for t in s.times], first.count, body)


def _fold(steps, longest=24):
    """Runs of the same steps become loops, the shortest first."""
    numbers = {}
    for period in range(1, longest + 1):
        shapes = [numbers.setdefault(s.shape, len(numbers)) for s in steps]
        out, i, n = [], 0, len(steps)
        equal = 0
        same = [0] * (n + 1)  # for how long steps from here on repeat after one period
        for j in range(n - period - 1, -1, -1):
            same[j] = same[j + 1] + 1 if shapes[j] == shapes[j + period] else 0
        while i < n:
            equal = same[i]
            if equal >= period and (period > 1 or steps[i].body is None):
                count = equal // period + 1
                rounds = [steps[i + k * period:i + (k + 1) * period] for k in range(count)]
                body = [_merge(column) for column in zip(*rounds)]
                shape = ("repeat", count, tuple(numbers[s.shape] for s in body))
                out.append(Step(shape, (), count, body))
                i += count * period
            else:
                out.append(steps[i])
                i += 1
        steps = out
    return steps


class Writer:
    """Turns the recording into the text of a workload."""

    def __init__(self, program):
        self.program, self.taken, self.names = program, set(), {}
        self.worst = 0.0
        self.maps = {}  # key of a job of map -> ns it waits

    def name(self, key, wish):
        if key not in self.names:
            wish = re.sub(r"\W", "_", wish).lower().strip("_") or "x"
            wish = wish if wish[0].isalpha() else "x" + wish
            other, n = wish + "_" if wish in _WORDS else wish, 2
            while other in self.taken:
                other, n = "%s_%d" % (wish, n), n + 1
            self.taken.add(other)
            self.names[key] = other
        return self.names[key]

    def object(self, key):
        return self.name(key, Recording.objects[key]["name"])

    def text_of(self, event):
        """The statement of an event that is no span of time; None if it says nothing."""
        what = event[0]
        if what in ("acquire", "clear", "recv"):
            return "%s %s" % (what, self.object(event[1]))
        if what == "release":
            return " ; ".join(["release " + self.object(event[1])] *
                              (event[2] if len(event) > 2 else 1))
        if what == "waitfor":
            return "waitfor " + self.object(event[1])
        if what == "signal":
            count = event[2]
            return "signal %s%s" % (self.object(event[1]), "" if count == 1 else " %s" % count)
        if what == "send":
            return "send %s 1" % self.object(event[1])
        if what == "print":
            return "print"
        if what in ("spawn", "spawn_process"):
            flow = Recording.flows[event[1]]
            name = self.name(event[1], flow.name)
            if what == "spawn_process":
                return "spawn process %s do_%s()" % (name, name)
            return "spawn %sthread %s do_%s()%s" % (
                "daemon " if event[2] else "", name, name,
                " (after=%s)" % _format(event[3]) if event[3] else "")
        if what == "join":
            limit = "" if event[2] is None else " timeout %s else { }" % _format(event[2])
            return "join %s%s" % (self.name(event[1], "thread"), limit)
        if what == "submit":
            name = self.name(event[2], Recording.flows[event[2]].name)
            return "submit %s do_%s() as h_%s" % (self.object(event[1]), name, name)
        if what == "result":
            return "result h_" + self.name(event[1], "job")
        if what == "map":
            return self.map_text(event)
        if what == "apply":
            name = self.name(event[2], Recording.flows[event[2]].name)
            return "apply %s do_%s()" % (self.object(event[1]), name)
        if what == "open":
            self.object(event[1])
            return None
        if what == "shutdown":
            return "shutdown " + self.object(event[1])
        if what in ("await_recv", "await_acquire", "await_waitfor"):
            return "await %s %s" % (what[6:], self.object(event[1]))
        if what == "await_send":
            return "await send %s 1" % self.object(event[1])
        if what == "await_yield":
            return "await yield"
        if what in ("create", "executor"):
            name = self.name(event[1], Recording.flows[event[1]].name)
            return "%s do_%s() as h_%s" % (what, name, name)
        if what == "await":
            return "await h_" + self.name(event[1], "task")
        if what == "gather":
            return "gather { %s }" % "; ".join("h_" + self.name(k, "task")
                                               for k in event[1] if k is not None)
        return None

    def map_text(self, event):
        """`map` over what each item computed; a wait among it is the mean of all."""
        jobs = [f for k, f in sorted(Recording.flows.items()) if k.startswith(event[2] + " ")]
        if not jobs:
            return None
        name = self.name(event[2], Recording.flows[event[2]].name)
        computed = [sum(e[1] for e in f.events if e[0] == "cpu") for f in jobs]
        waited = sum(e[1] for f in jobs for e in f.events if e[0] in ("wait", "outside"))
        self.maps[event[2]] = waited // len(jobs)
        return "map %s do_%s over [%s]" % (self.object(event[1]), name,
                                           ", ".join(_format(t) for t in computed))

    def steps(self, flow):
        steps, used = [], 0
        spans = {"wait": "wait", "outside": "wait", "input": "input",
                 "await_wait": "await wait"}
        for event in flow.events:
            if event[0] == "cpu":
                used += event[1]
                continue
            text = self.text_of(event)
            if event[0] == "outside":
                used += event[2]
            if text is None and event[0] not in spans:
                continue
            steps.append(Step("cpu", [used]))
            used = 0
            steps.append(Step(text) if text else Step(spans[event[0]], [event[1]]))
        steps.append(Step("cpu", [used]))
        return _fold(steps)

    def span(self, step):
        times = step.times
        mean = sum(times) // len(times)
        if mean < 100:
            return None
        spread = (sum((t - mean) ** 2 for t in times) / len(times)) ** 0.5
        if len(times) > 1 and spread > mean / 10:
            self.worst = max(self.worst, spread / mean)
            if spread < mean and mean > 10000:
                return "%s normal(%s, %s)" % (step.shape, _format(mean), _format(int(spread)))
        return "%s %s" % (step.shape, _format(mean))

    def outstanding(self, loop):
        """Takes what was computed before a loop out of its first burst and returns it."""
        first, n = loop.body[0], loop.count
        if first.shape != "cpu" or n < 2:
            return 0
        rest = [t for i, t in enumerate(first.times) if i % n]
        usual = sorted(rest)[len(rest) // 2]
        heads = first.times[::n]
        excess = sum(heads) // len(heads) - usual
        if excess < max(usual, 10000):
            return 0
        first.times[::n] = [usual] * len(heads)
        return excess

    def lines(self, steps, indent):
        out = []
        for step in steps:
            if step.body is not None:
                before = self.outstanding(step)
                out += ["%scpu %s" % (indent, _format(before))] if before else []
                body = self.lines(step.body, indent + "  ")
                if body:
                    out += ["%srepeat %d {" % (indent, step.count)] + body + [indent + "}"]
            elif step.times:
                text = self.span(step)
                out += [indent + text] if text else []
            else:
                out.append(indent + step.shape)
        return out

    def declarations(self, shared):
        out = []
        for key, o in Recording.objects.items():
            if key not in self.names or (o["kind"] == "shared queue") != shared:
                continue
            name, kind = self.names[key], o["kind"]
            options = ""
            if kind == "pool":
                continue
            if o.get("capacity"):
                options = " (capacity=%d)" % o["capacity"]
            if o.get("n") is not None:
                options = " (n=%d)" % o["n"]
            if o.get("lock") in self.names:
                options = " (lock=%s)" % self.names[o["lock"]]
            out.append("%s%s %s%s" % ("" if shared else "  ", kind, name, options))
        return out

    def text(self, wall, cpus, cut):
        main = Recording.flows["main"]
        body, tasks = self.lines(self.steps(main), "    "), []
        for key, flow in list(Recording.flows.items()):
            if key in self.maps:
                tasks += ["  task do_%s(t) {" % self.names[key], "    cpu t"] + (
                    ["    wait " + _format(self.maps[key])] if self.maps[key] else []) + ["  }"]
            elif key != "main" and key in self.names:
                lines = self.lines(self.steps(flow), "    ")
                word = "async task" if flow.kind == "task" else "task"
                tasks += ["  %s do_%s() {" % (word, self.names[key])] + lines + ["  }"]
        pools = [k for k, o in Recording.objects.items()
                 if o["kind"] == "pool" and k in self.names]
        for key in pools:
            body = ["    pool %s %s(%d) {" % (self.names[key], Recording.objects[key].get("form", "threads"),
                                          Recording.objects[key]["n"])
                    ] + ["  " + line for line in body] + ["    }"]
        version = "%d.%d" % sys.version_info[:2]
        uses_loop = any(e[0] == "loop" for e in main.events)
        return "\n".join([
            "# %s as recorded under Python %s%s." % (
                os.path.basename(self.program), sys.version.split()[0],
                ", cut off" if cut else ""),
            "# It took %s; the recorder's own %s of each burst are taken out." % (
                _format(wall), _format(Recording.cost)),
            "# In loops the mean stands for each burst: the spread is up to %d %% of it." % (
                self.worst * 100) if self.worst else "# Each burst stands as it was.",
        ] + ["# Not seen: %s." % ", ".join(sorted(Recording.unseen))] * bool(Recording.unseen) + [
            "machine { cores %d }" % cpus,
        ] + (["run { until %s }" % _format(wall)] if cut else []) + self.declarations(True) + [
            "", "process program runtime python \"%s\" {" % version] + self.declarations(False) +
            tasks + ["  thread main%s {" % (" loop asyncio" if uses_loop else "")] + body + ["  }", "}", ""])


_WORDS = set("all as await cancel choose clear cpu create daemon do else empty event exit for "
             "forever from gather group if in input io job kill lock machine main map mark nice "
             "none object on order param period pool print process queue raise recv release "
             "repeat result run send set signal spawn spin start stop submit task thread timed "
             "timeout touch try until var wait waitfor while x yield first barrier condition "
             "semaphore pipe socket device cgroup noise at expect shared call running imap "
             "apply shutdown completed executor acquire rlock rwlock".split())


# --- the program ------------------------------------------------------------------------

def _measure_own_cost():
    """What a burst of no work measures, mostly the two readings of the clock."""
    nothing = _wrapped(lambda: None, lambda: ("pass",))
    before = _begin_flow("cost", "cost", "thread")
    for _ in range(2000):
        nothing()
    flow = _end_flow(before)
    bursts = sorted(e[1] for e in flow.events if e[0] == "cpu")
    Recording.cost = bursts[len(bursts) // 2]
    del Recording.flows["cost"]


def _write(output, program, cut):
    wall = _wall_clock() - Recording.began
    if _state.flow is not None and not _state.depth:
        _burst(_cpu_clock())
        _state.flow = None
    _read_flows()
    shutil.rmtree(Recording.folder, ignore_errors=True)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = Writer(program).text(wall, cpus, cut)
    try:
        with open(output, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        sys.stderr.write("coreplay record: error: %s: %s\n" % (output, error.strerror))
        return
    sys.stderr.write("coreplay record: wrote %s; next: coreplay whatif %s\n" % (output, output))


def _fail(message, code=2):
    sys.stderr.write("coreplay record: error: %s\n" % message)
    sys.exit(code)


def _seconds(text):
    found = re.match(r"^(\d+(?:\.\d+)?)(us|ms|s|min|h)?$", text)
    if not found:
        _fail("--for needs a time such as 5s, not '%s'" % text)
    return float(found.group(1)) * {"us": 1e-6, "ms": 1e-3, "min": 60, "h": 3600}.get(
        found.group(2), 1)


def _arguments(argv):
    output, limit, module = None, None, None
    while argv and argv[0].startswith("-"):
        option = argv.pop(0)
        if option == "--":
            break
        if option in ("-o", "--for", "-m") and not argv:
            _fail("%s needs a value" % option)
        if option == "-o":
            output = argv.pop(0)
        elif option == "--for":
            limit = _seconds(argv.pop(0))
        elif option == "-m":
            module = argv.pop(0)
            break
        elif option in ("-h", "--help"):
            sys.stdout.write(__doc__)
            sys.exit(0)
        else:
            _fail("unknown option %s: -o FILE, --for TIME and -m MODULE are known" % option)
    if module is None and not argv:
        _fail("which program? coreplay_record.py prog.py ARGUMENTS")
    return output, limit, module, argv


def _load(module, argv):
    """Code, name and file of the program; prints what is wrong as Python itself does."""
    if module is not None:
        import importlib.util
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(module + ".__main__")
        if spec is None or spec.loader is None:
            _fail("no module named '%s'" % module, 1)
        sys.argv = [spec.origin] + argv
        sys.path[0] = os.getcwd()
        return spec.loader.get_code(spec.name), spec.origin, spec
    path = argv[0]
    sys.argv = list(argv)
    if sys.version_info >= (3, 9):
        path = os.path.abspath(path)
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    try:
        with open(path, "rb") as source:
            return compile(source.read(), path, "exec"), path, None
    except OSError as error:
        _fail("%s: %s" % (path, error.strerror))
    except (SyntaxError, ValueError):
        kind, value, _ = sys.exc_info()
        sys.excepthook(kind, value, None)
        sys.exit(1)


def _program_names(code, word):
    """Whether the program may use a module: it, or what stands beside it, says its name."""
    return word in code.co_names or any(
        hasattr(c, "co_names") and _program_names(c, word) for c in code.co_consts)


def main(argv):
    output, limit, module, argv = _arguments(argv)
    code, path, spec = _load(module, argv)
    if output is None:
        output = os.path.splitext(os.path.basename(path if module is None else module))[0] + ".cpw"
    output = os.path.abspath(output)
    Recording.folder = tempfile.mkdtemp(prefix="coreplay-")
    _measure_own_cost()
    _patch_threading()
    _patch_time()
    _patch_queue(queue.Queue)
    _patch_executor()
    _patch_processes()
    _patch_process_pools()
    if _program_names(code, "asyncio"):
        _patch_asyncio()
    program = type(sys)("__main__")
    program.__dict__.update(__file__=path, __builtins__=builtins, __spec__=spec)
    sys.modules["__main__"] = program
    own, pid = threading.get_ident(), os.getpid()
    atexit.register(lambda: _write(output, path, False) if os.getpid() == pid else None)

    def cut():
        _sleep(limit)
        main_flow = Recording.flows["main"]
        main_flow.add("cpu", 0)
        _write(output, path, True)
        sys.stdout.flush()
        os._exit(0)
    if limit is not None:
        _thread.start_new_thread(cut, ())
    Recording.began = _wall_clock()
    _begin_flow("main", "main", "thread")
    try:
        exec(code, program.__dict__)
    except SystemExit:
        raise
    except BaseException:
        kind, value, trace = sys.exc_info()
        trace = trace.tb_next
        sys.excepthook(kind, value.with_traceback(trace), trace)
        sys.exit(130 if kind is KeyboardInterrupt else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
