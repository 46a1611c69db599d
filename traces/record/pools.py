

# --- pools ----------------------------------------------------------------------------

class Job:
    """A function called in a worker; what a worker process did goes into its file."""

    def __init__(self, function, key, name, many=False):
        self.function, self.key, self.name, self.many = function, key, name, many

    def __call__(self, *args, **kwargs):
        if os.getpid() != Recording.pid:
            _become_child()
        key = self.key
        if self.many:  # a pair of a number and what the function gets
            number, what = args if self.many == "star" else args[0]
            args = what if self.many == "star" else (what,)
            key = "%s %09d" % (key, number)
        return _run_flow(key, self.name, "job", self.function, args, kwargs)

    def __reduce__(self):
        return _remake_job, (self.function, self.key, self.name, self.many)


def _remake_job(*what):
    return Job(*what)


def _new_job(function, kind="job"):
    key, name = _new_key(), _name_of(function)
    Recording.flows[key] = Flow(key, name, kind)
    return key, name


@_when_loaded("concurrent.futures._base")
def _patch_futures(module):
    cls = module.Future

    def limit(event, result, raised, self, timeout=None):
        return event if timeout is None else event[:2] + (_ns(timeout),)
    moments = {}

    def taken(self, timeout=None):
        moments[_thread.get_ident()] = _wall_clock()
        # A future of somebody else is waited for as long as it took.
        return _of(self, "result") or ("outside", None, 0)

    def over(event, result, raised, self, timeout=None):
        took = _wall_clock() - moments.pop(_thread.get_ident())
        if event[0] == "outside":
            return ("outside", took if took > 20000 else 0, 0)
        return limit(event, result, raised, self, timeout)
    _patch(cls, "result", taken, over)
    _patch(cls, "exception", taken, over)
    _patch(cls, "cancel", lambda self: _of(self, "cancel"),
           lambda e, r, x, self: e if r else ("pass",))
    completed, wait = module.as_completed, module.wait

    def as_completed(fs, timeout=None):
        fs = list(fs)
        futures = completed(fs, timeout)
        while True:
            depth, _state.depth = _state.depth, 1
            now = _cpu_clock()
            try:
                future = next(futures)
            except StopIteration:
                return
            finally:
                _state.depth = depth
                used = _cpu_clock() - now
                _state.last += used
            if _state.flow is not None and not depth and hasattr(future, "_coreplay"):
                _burst(_cpu_clock())
                _state.flow.add("completed", future._coreplay)
                _state.last = _cpu_clock()
            yield future
    module.as_completed = _like(as_completed, completed)

    def wait_for(fs, timeout=None, return_when="ALL_COMPLETED"):
        fs = list(fs)
        keys = [getattr(f, "_coreplay", None) for f in fs]
        before = {k for f, k in zip(fs, keys) if f.done()}

        def after(event, result, raised, *args):
            if result is None:
                return None
            done = [getattr(f, "_coreplay", None) for f in result.done]
            if timeout is not None and result.not_done:
                return ("wait", _ns(timeout))
            return ("results", [k for k in done if k and k not in before]
                    if return_when != "ALL_COMPLETED" else [k for k in keys if k])
        return _wrapped(lambda: wait(fs, timeout, return_when),
                        lambda: ("results", [k for k in keys if k]), after)()
    module.wait = _like(wait_for, wait)
    package = sys.modules["concurrent.futures"]
    package.as_completed, package.wait = module.as_completed, module.wait


def _patch_executor(cls, form):
    init, submit, shutdown = cls.__init__, cls.submit, cls.shutdown

    def make(self, max_workers=None, *args, **kwargs):
        frame = _constructor_frame()
        flow = _state.flow
        init(self, max_workers, *args, **kwargs)
        if flow is None or _state.depth or frame is None:
            return
        context = kwargs.get("mp_context", args[0] if form == "processes" and args else None)
        method = None
        if form == "processes":
            method = getattr(self, "_mp_context", context).get_start_method()
        self._coreplay = _new_object("pool", frame, "pool", n=self._max_workers, form=form,
                                     start=method)
        _burst(_cpu_clock())
        flow.add("open", self._coreplay)
        _state.last = _cpu_clock()

    def submit_noted(self, fn, *args, **kwargs):
        pool = getattr(self, "_coreplay", None)
        if _state.flow is None or _state.depth or pool is None:
            return submit(self, fn, *args, **kwargs)
        key, name = _new_job(fn)
        future = _wrapped(lambda: submit(self, Job(fn, key, name), *args, **kwargs),
                          lambda: ("submit", pool, key))()
        future._coreplay = key
        return future
    cls.__init__, cls.submit = _like(make, init), _like(submit_noted, submit)
    cls.shutdown = _wrapped(shutdown, lambda self, wait=True, **k: _of(self, "shutdown", wait))
    cls.__exit__ = lambda self, *what: self.shutdown(wait=True)

    def each_result(self, fn, *iterables, timeout=None, chunksize=1):
        if getattr(self, "_coreplay", None) is None or form == "processes" and chunksize > 1:
            return mapped(self, fn, *iterables, timeout=timeout, chunksize=chunksize)
        futures = [self.submit(fn, *args) for args in zip(*iterables)]

        def results():
            for future in futures:
                yield future.result() if timeout is None else future.result(timeout)
        return results()
    mapped = cls.map
    cls.map = _like(each_result, mapped)


@_when_loaded("concurrent.futures.thread")
def _patch_thread_executor(module):
    _patch_executor(module.ThreadPoolExecutor, "threads")


@_when_loaded("concurrent.futures.process")
def _patch_process_executor(module):
    _patch_executor(module.ProcessPoolExecutor, "processes")


@_when_loaded("multiprocessing.pool")
def _patch_pool(module):
    cls = module.Pool
    init = cls.__init__

    def make(self, processes=None, *args, **kwargs):
        frame = _user_frame(sys._getframe(1))
        if _state.flow is None or _state.depth or frame is None:
            return init(self, processes, *args, **kwargs)
        threads = type(self).__name__ == "ThreadPool"
        context = kwargs.get("context") or sys.modules["multiprocessing"].get_context()
        key = _new_object("pool", frame, "pool", n=processes or os.cpu_count(),
                          form="threads" if threads else "workers",
                          start=None if threads else context.get_start_method())
        _wrapped(lambda: init(self, processes, *args, **kwargs), lambda: ("open", key))()
        self._coreplay = key
    cls.__init__ = _like(make, init)

    def replace(name, word):
        original = getattr(cls, name)

        def call(self, function, *args, **kwargs):
            pool = getattr(self, "_coreplay", None)
            if pool is None or _state.flow is None or _state.depth:
                return original(self, function, *args, **kwargs)
            key, named = _new_job(function)
            many = word in ("map", "imap", "map_async") and (
                "star" if name.startswith("star") else "one")
            if many:
                args = (_numbered(args[0]),) + args[1:]
            result = _wrapped(lambda: original(self, Job(function, key, named, many), *args,
                                               **kwargs), lambda: (word, pool, key))()
            if word == "submit":
                result._coreplay = key
            return _each_of(result) if word == "imap" else result
        setattr(cls, name, _like(call, original))
    for name, word in (("map", "map"), ("starmap", "map"), ("apply", "apply"),
                       ("imap", "imap"), ("imap_unordered", "imap"),
                       ("map_async", "map_async"), ("starmap_async", "map_async"),
                       ("apply_async", "submit")):
        replace(name, word)
    result = module.ApplyResult
    for name in ("get", "wait"):
        _patch(result, name, lambda self, timeout=None: _of(self, "result"))
    # What is closed or terminated and joined is over; a pool may also just be left.
    _patch(cls, "terminate", lambda self: _of(self, "shutdown", True))
    _patch(cls, "join", lambda self: _of(self, "shutdown", True))


def _numbered(items):
    return list(enumerate(items)) if hasattr(items, "__len__") else enumerate(items)


def _each_of(iterator):
    """The results of imap one by one: each is waited for where it is taken."""
    class Results:
        def __iter__(self):
            return self

        def __next__(self):
            return _wrapped(lambda: next(iterator), lambda: ("next",))()
        next = __next__

        def __getattr__(self, name):
            return getattr(iterator, name)
    return Results()
