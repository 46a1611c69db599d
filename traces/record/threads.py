

# --- threading ------------------------------------------------------------------------

class RecordedLock:
    """threading.Lock of the program; what the library makes stays as it is."""
    _kind = "lock"

    def __new__(cls, *args, **kwargs):
        lock = cls._original(*args, **kwargs)
        frame = sys._getframe(1)
        if _is_foreign(frame):
            return lock
        self = object.__new__(cls)
        self._lock, self._key = lock, _new_object(cls._kind, frame)
        return self

    def acquire(self, blocking=True, timeout=-1):
        return self._lock.acquire(blocking, timeout)

    def release(self):
        self._lock.release()

    def locked(self):
        return self._lock.locked()

    def __enter__(self):
        return self._entered()

    def __exit__(self, *what):
        self.release()

    def __getattr__(self, name):
        if name in ("_lock", "_key"):
            raise AttributeError(name)
        return getattr(self._lock, name)

    def __repr__(self):
        return repr(self._lock)


class RecordedRLock(RecordedLock):
    _kind = "rlock"


def _acquired(event, result, raised, lock, blocking=True, timeout=None):
    """A lock that was only tried takes it if it did; one that waited has a limit."""
    if timeout is not None and timeout >= 0 and blocking:
        return event + (_ns(timeout),)
    return event if result or blocking else ("pass",)


RecordedLock._entered = _wrapped(
    RecordedLock.acquire, lambda s: ("acquire", s._key, sys._getframe(3).f_lineno))
RecordedLock.acquire = _wrapped(RecordedLock.acquire,
                                lambda s, *a, **k: ("acquire", s._key, 0), _acquired)
RecordedLock.release = _wrapped(RecordedLock.release, lambda s: ("release", s._key))


def _waited(event, result, raised, self, timeout=None):
    return event if timeout is None else event[:2] + (_ns(timeout),)


def _passed(event, result, raised, self, *args, **kwargs):
    """A wait of a condition: how often it had been notified when the wait was over."""
    limit = kwargs.get("timeout", args[-1] if len(args) > 1 or (
        args and not callable(args[0])) else None)
    told = getattr(self, "_coreplay_told", 0)
    if limit is not None and not result:
        return ("wait_condition", event[1], _ns(limit))
    return ("passed", event[1], told, told > event[2])


def _notified(event, result, raised, self, *args):
    self._coreplay_told = getattr(self, "_coreplay_told", 0) + 1


def _coreplay_passed(condition):
    """Called behind `while ...: condition.wait()`, which may have waited or not."""
    flow = _state.flow
    key = getattr(condition, "_coreplay", None)
    if flow is None or _state.depth or key is None:
        return
    _burst(_cpu_clock())
    # The waits of this loop are one.
    used, blocked = 0, False
    while flow.events and (flow.events[-1][0] == "cpu" or
                           flow.events[-1][:2] == ("passed", key)):
        event = flow.events.pop()
        used += event[1] if event[0] == "cpu" else 0
        blocked = blocked or event[0] == "passed"
    flow.add("cpu", used)
    flow.add("passed", key, getattr(condition, "_coreplay_told", 0), blocked)
    _state.last = _cpu_clock()


@_when_loaded("threading")
def _patch_threading(t):
    RecordedLock._original, RecordedRLock._original = t.Lock, t.RLock
    t.Lock, t.RLock = RecordedLock, RecordedRLock
    RecordedLock.__name__ = RecordedLock.__qualname__ = "Lock"
    RecordedRLock.__name__ = RecordedRLock.__qualname__ = "RLock"
    _note_creation(t.Condition, "condition", lambda lock=None: {
        "lock": getattr(lock, "_key", None)})
    _patch(t.Condition, "__enter__", lambda s: _of(s, "acquire", sys._getframe(2).f_lineno))
    _patch(t.Condition, "__exit__", lambda s, *a: _of(s, "release"))
    init = t.Condition.__init__

    def condition_init(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if getattr(self, "_coreplay", None) is not None:
            lock = self._lock
            self.acquire = _wrapped(lock.acquire, lambda *a, **k: (
                "acquire", self._coreplay, 0))
            self.release = _wrapped(lock.release, lambda: ("release", self._coreplay))
    t.Condition.__init__ = _like(condition_init, init)

    def told(self, *a, **k):
        return _of(self, "passed", getattr(self, "_coreplay_told", 0))
    _patch(t.Condition, "wait", told, _passed)
    _patch(t.Condition, "wait_for", told, _passed)
    _patch(t.Condition, "notify", lambda s, n=1: _of(s, "notify", n), _notified)
    _patch(t.Condition, "notify_all", lambda s: _of(s, "notify", "all"), _notified)
    _note_creation(t.Semaphore, "semaphore", lambda value=1: {"n": value})
    _patch(t.Semaphore, "acquire", lambda s, *a, **k: _of(s, "acquire", 0), _acquired)
    _patch(t.Semaphore, "release", lambda s, n=1: _of(s, "release", n))
    t.Semaphore.__enter__ = t.Semaphore.acquire
    t.Semaphore.__exit__ = lambda self, *what: self.release()
    if "release" in t.BoundedSemaphore.__dict__:
        _patch(t.BoundedSemaphore, "release", lambda s, n=1: _of(s, "release", n))
    _note_creation(t.Event, "event")
    _patch(t.Event, "wait", lambda s, timeout=None: _of(s, "waitfor"), _waited)
    _patch(t.Event, "set", lambda s: _of(s, "signal", 1))
    _patch(t.Event, "clear", lambda s: _of(s, "clear"))
    _note_creation(t.Barrier, "barrier", lambda parties, *a, **k: {"n": parties})
    _patch(t.Barrier, "wait", lambda s, timeout=None: _of(s, "waitfor"))
    _patch_thread(t)


def _thread_name(thread):
    timed = getattr(thread, "interval", None)
    target = getattr(thread, "function" if timed is not None else "_target", None)
    return type(thread).__name__ if target is None else _name_of(target)


# Threads that the library starts for itself are part of the call that starts them.
_OWN_THREADS = tuple(_STDLIB + part for part in (
    "concurrent", "multiprocessing", "asyncio", "threading.py", "subprocess.py"))


def _is_own(frame, known={}):
    name = frame.f_code.co_filename
    if name not in known:
        known[name] = os.path.realpath(name).startswith(_OWN_THREADS)
    return known[name]


def _patch_thread(t):
    cls = t.Thread
    start, run_timer = cls.start, t.Timer.run

    def noted_start(self):
        return _wrapped(start, lambda s: ("spawn", s._coreplay_key, bool(s.daemon), "thread"))(
            self)

    def begin(self):
        self._coreplay_key = None
        if _state.flow is not None and not _state.depth and not _is_own(sys._getframe(1)):
            self._coreplay_key = key = _new_key()
            name = _thread_name(self)
            Recording.flows[key] = Flow(key, name, "thread")
            run = self.run
            self.run = lambda: _run_flow(key, name, "thread", run)
            return noted_start(self)
        return start(self)
    cls.start = _like(begin, start)
    cls.join = _wrapped(cls.join, lambda self, timeout=None: (
        ("join", self._coreplay_key, None if timeout is None or timeout < 0 else _ns(timeout))
        if getattr(self, "_coreplay_key", None) else None))

    def timer_run(self):
        """A timer is a thread that waits until it is cancelled, or time is up."""
        flow, key = _state.flow, getattr(self, "_coreplay_key", None)
        if flow is None or key is None:
            return run_timer(self)
        _burst(_cpu_clock())
        flow.add("timer", key, _ns(self.interval))
        _state.depth = 1
        self.finished.wait(self.interval)
        _state.depth, _state.last = 0, _cpu_clock()
        if not self.finished.is_set():
            self.function(*self.args, **self.kwargs)
        self.finished.set()
    t.Timer.run = _like(timer_run, run_timer)
    _patch(t.Timer, "cancel", lambda self: (
        ("cancel_timer", self._coreplay_key) if getattr(self, "_coreplay_key", None) else None))


# --- queues, time, output -------------------------------------------------------------

@_when_loaded("queue")
def _patch_queue(module):
    for cls in (module.Queue,):
        _note_creation(cls, "queue", lambda maxsize=0: {"capacity": max(0, maxsize)})
    for cls in (module.Queue, module.LifoQueue, module.PriorityQueue):
        for name in ("put", "get", "join", "task_done"):
            if name not in cls.__dict__:
                continue
            _patch_queue_method(module, cls, name)
    simple = module.SimpleQueue

    class RecordedSimpleQueue(module._PySimpleQueue):
        """The fast one is written in C and closed; the slow one does the same."""
    RecordedSimpleQueue.__name__ = RecordedSimpleQueue.__qualname__ = "SimpleQueue"
    _note_creation(RecordedSimpleQueue, "queue", lambda: {"capacity": 0})
    for name in ("put", "get"):
        _patch_queue_method(module, RecordedSimpleQueue, name)

    def make():
        if _state.flow is None or _state.depth or _is_foreign(sys._getframe(1)):
            return simple()
        return RecordedSimpleQueue()
    module.SimpleQueue = type("SimpleQueue", (), {"__new__": lambda cls: make()})


def _mark_of(item):
    """What an item is recognised by, if it is one that tells its receiver to stop."""
    if item is None or isinstance(item, str):
        return repr(item)[:24]
    return "object" if type(item) is object else ""


def _put(event, full, raised, block, timeout):
    if isinstance(raised, full):
        return ("wait", _ns(timeout)) if block and timeout is not None else ("pass",)
    return None


def _got(event, empty, result, raised, block, timeout):
    """A call that may give up: with its limit, or nothing if it did not wait at all."""
    if isinstance(raised, empty) and (not block or timeout is None):
        return ("pass",)
    limit = _ns(timeout) if block and timeout is not None else None
    return event[:2] + (limit, _mark_of(result) if raised is None else "")


def _patch_queue_method(module, cls, name):
    if name == "put":
        _patch(cls, name, lambda self, item, block=True, timeout=None: _of(
                   self, "send", None, _mark_of(item)),
               lambda e, r, x, self, item, block=True, timeout=None: _put(
                   e, module.Full, x, block, timeout))
    elif name == "get":
        _patch(cls, name, lambda self, block=True, timeout=None: _of(self, "recv"),
               lambda e, r, x, self, block=True, timeout=None: _got(
                   e, module.Empty, r, x, block, timeout))
    else:
        _patch(cls, name, lambda self: _of(self, "drained" if name == "join" else name))


def _patch_builtins():
    slept_since = {}

    def sleeps(seconds):
        slept_since[_thread.get_ident()] = _wall_clock()
        return ("wait", _ns(seconds))

    def slept(event, result, raised, seconds):
        began = slept_since.pop(_thread.get_ident(), 0)
        return None if raised is None else ("wait", _wall_clock() - began)
    time.sleep = _wrapped(time.sleep, sleeps, slept)

    def text_of(*args, **kwargs):
        out = kwargs.get("file")
        if out is not None and out not in (sys.stdout, sys.stderr):
            return None
        # A text with what is printed by itself; other objects may mind being asked twice.
        words = [a if type(a) is str else str(a) if type(a) in (int, float, bool) else "..."
                 for a in args[:8]]
        return ("print", " ".join(words)[:60])
    builtins.print = _wrapped(builtins.print, text_of)
    asked, moment = builtins.input, [0]

    def describe(*args):
        moment[0] = _wall_clock()
        return ("input", 0)
    builtins.input = _wrapped(asked, describe, lambda e, r, x, *a: (
        "input", _wall_clock() - moment[0]))
    leave = os._exit

    def exit_now(status):
        if os.getpid() == Recording.pid:
            if _state.flow is not None:
                _burst(_cpu_clock())
                _state.flow.add("exit")
            _write()
        elif Recording.is_child:
            _hand_on(list(Recording.flows.values()))
        leave(status)
    os._exit = _like(exit_now, leave)


# --- what is outside: files, sockets, programs ------------------------------------------

@_when_loaded("subprocess")
def _patch_subprocess(module):
    for name in ("__init__", "wait", "communicate"):
        _patch_outside(module.Popen, name)


@_when_loaded("selectors")
def _patch_selectors(module):
    for cls in list(vars(module).values()):
        if isinstance(cls, type) and "select" in vars(cls) and cls.__name__ != "BaseSelector":
            _patch_outside(cls, "select")


@_when_loaded("select")
def _patch_select(module):
    _patch_outside(module, "select")


def _patch_nogil(module, *names):
    for name in names:
        if hasattr(module, name):
            _patch_outside(module, name, "nogil")


# Calls known to give up the interpreter's lock while they compute.
@_when_loaded("hashlib")
def _patch_hashlib(module):
    _patch_nogil(module, *(list(module.algorithms_guaranteed) + [
        "new", "pbkdf2_hmac", "scrypt", "file_digest"]))


@_when_loaded("zlib")
def _patch_zlib(module):
    _patch_nogil(module, "compress", "decompress", "crc32", "adler32")


@_when_loaded("bz2", "lzma", "gzip")
def _patch_packers(module):
    _patch_nogil(module, "compress", "decompress")


class _Stream:
    """One direction of a connection, as both ends name it: who sends, who receives."""
    names = {}  # socket -> (key of what it sends, key of what it receives)


def _stream_keys(sock):
    known = _Stream.names.get(id(sock))
    if known is not None and known[0] is sock:
        return known[1:]
    try:
        own, peer = sock.getsockname(), sock.getpeername()
    except (OSError, ValueError):
        return None
    if not own or not peer or sock.type & 0xf != 1:
        return None
    return "%s>%s" % (own, peer), "%s>%s" % (peer, own)


def _listener_key(address):
    return "listener %s" % (address[1] if isinstance(address, tuple) else address)


def _patch_stream(cls, name, sends):
    moments = {}

    def describe(self, *args, **kwargs):
        moments[_thread.get_ident()] = _wall_clock(), _cpu_clock()
        keys = _stream_keys(self)
        return ("outside", None, 0) if keys is None else (
            "sock_send" if sends else "sock_recv", keys[0 if sends else 1], None, 0, 0)

    def after(event, result, raised, self, data=None, *args, **kwargs):
        wall, cpu = moments.pop(_thread.get_ident())
        wall, cpu = _wall_clock() - wall, _cpu_clock() - cpu
        wait = max(0, wall - cpu)
        if event[0] == "outside":
            return ("outside", wait, cpu)
        if raised is not None:
            return ("outside", wait, cpu)
        if sends:
            size = result if isinstance(result, int) else len(memoryview(data).cast("B"))
        else:
            size = result if isinstance(result, int) else len(
                result[0] if isinstance(result, tuple) else result)
        return (event[0], event[1], wait, cpu, size)
    _patch(cls, name, describe, after)


@_when_loaded("socket")
def _patch_socket(module):
    cls = module.socket
    for name in ("recv", "recv_into", "recvfrom"):
        base = getattr(cls, name)
        setattr(cls, name, lambda self, *a, _base=base, **k: _base(self, *a, **k))
        _patch_stream(cls, name, False)
    for name in ("send", "sendall"):
        base = getattr(cls, name)
        setattr(cls, name, lambda self, *a, _base=base, **k: _base(self, *a, **k))
        _patch_stream(cls, name, True)
    moments = {}

    def meet(describe_key):
        def describe(self, *args, **kwargs):
            moments[_thread.get_ident()] = _wall_clock(), _cpu_clock()
            return ("outside", None, 0)

        def after(event, result, raised, self, *args, **kwargs):
            wall, cpu = moments.pop(_thread.get_ident())
            wall, cpu = _wall_clock() - wall, _cpu_clock() - cpu
            wait = max(0, wall - cpu)
            key = describe_key(self, result) if raised is None else None
            return ("outside", wait, cpu) if key is None else key + (wait, cpu, 1)
        return describe, after

    def connected(self, result):
        return None if _stream_keys(self) is None else (
            "sock_send", _listener_key(self.getpeername()))

    def accepted(self, result):
        return "sock_recv", _listener_key(self.getsockname())
    connect, accept = cls.connect, cls.accept
    cls.connect = _wrapped(_like(lambda self, *a: connect(self, *a), connect), *meet(connected))
    cls.accept = _wrapped(accept, *meet(accepted))
    for name in ("close", "shutdown"):
        _patch(cls, name, lambda self, *a: (lambda k: None if k is None else (
            "sock_send", k[0], 0, 0, 0))(_stream_keys(self)))
    pair = module.socketpair

    def socketpair(*args, **kwargs):
        a, b = pair(*args, **kwargs)
        key = _new_key()
        _Stream.names[id(a)] = (a, key + "a", key + "b")
        _Stream.names[id(b)] = (b, key + "b", key + "a")
        return a, b
    module.socketpair = _like(socketpair, pair)
