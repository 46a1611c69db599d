

# --- processes ------------------------------------------------------------------------

def _hand_on(flows):
    """A child process hands on what it did: a line each, as it may be killed at any time."""
    if not Recording.folder:
        return
    import json
    own = "%d." % os.getpid()
    path = os.path.join(Recording.folder, "%d.json" % os.getpid())
    objects = {k: o for k, o in Recording.objects.items()
               if k.startswith(own) or k not in _hand_on.known}
    _hand_on.known.update(objects)
    try:
        with open(path, "a") as out:
            for f in flows:
                out.write(json.dumps([f.key, f.name, f.kind, f.ended, f.events, objects],
                                     default=str) + "\n")
            if Recording.unseen:
                out.write(json.dumps([None, Recording.unseen]) + "\n")
    except OSError:
        pass


_hand_on.known = set()


def _take_over():
    import json
    for name in sorted(os.listdir(Recording.folder)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(Recording.folder, name)) as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue  # cut off when the process was killed
                if row[0] is None:
                    Recording.unseen.update(row[1])
                    continue
                key, name, kind, ended, events, objects = row
                flow = Flow(key, name, kind)
                flow.events, flow.ended = [tuple(e) for e in events], ended
                Recording.flows[key] = flow
                for k, o in objects.items():
                    Recording.objects.setdefault(k, o)


def _become_child():
    """This process is a child of the recorded one: what it does goes into its own file."""
    if not Recording.is_child or Recording.pid_of_child != os.getpid():
        Recording.is_child, Recording.pid_of_child = True, os.getpid()
        Recording.flows = {}
        _hand_on.known = set(Recording.objects)
        _state.flow, _state.depth = None, 0
        _catch_termination()


def _catch_termination():
    """SIGTERM ends a process as before, but not before what it did is written."""
    import _signal as signal  # the part in C costs nothing to load
    if not hasattr(signal, "SIGTERM"):
        return
    try:
        if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
            return

        def terminated(number, frame):
            try:
                if os.getpid() == Recording.pid:
                    _write(True)
                elif Recording.is_child:
                    _hand_on([f for f in Recording.flows.values() if not f.ended])
            finally:
                signal.signal(number, signal.SIG_DFL)
                _kill(os.getpid(), number)
        signal.signal(signal.SIGTERM, terminated)
    except ValueError:
        pass  # not the main thread


# What a spawned child runs before anything else: the recorder, then its own work.
_CHILD = ("import sys; sys.modules.setdefault('coreplay_record', type(sys)('coreplay_record')); "
          "m = sys.modules['coreplay_record']; m.__file__ = %r; "
          "exec(compile(open(%r, 'rb').read(), %r, 'exec'), m.__dict__); "
          "m._in_child(%r, %r, %r); ")


def _child_prefix():
    return _CHILD % (_HERE, _HERE, _HERE, Recording.folder, Recording.program, Recording.cost)


def _in_child(folder, program, cost):
    """Called in a child that is no fork."""
    Recording.folder, Recording.program, Recording.cost = folder, program, cost
    Recording.is_child, Recording.pid_of_child = True, os.getpid()
    Recording.pid = 0
    _patch_everything()
    _instrument_imports_of_main()
    _catch_termination()


@_when_loaded("multiprocessing.spawn")
def _patch_spawn(module):
    original = module.get_command_line

    def get_command_line(**kwargs):
        line = original(**kwargs)
        if Recording.folder and "-c" in line:
            at = line.index("-c") + 1
            line[at] = _child_prefix() + line[at]
        return line
    module.get_command_line = _like(get_command_line, original)


@_when_loaded("multiprocessing.forkserver")
def _patch_forkserver(module):
    util = module.util
    original = util.spawnv_passfds

    def spawnv_passfds(path, args, passfds):
        args = list(args)
        for i, word in enumerate(args):
            if Recording.folder and isinstance(word, str) and "forkserver import main" in word:
                args[i] = _child_prefix() + word
        return original(path, args, passfds)
    util.spawnv_passfds = _like(spawnv_passfds, original)


@_when_loaded("multiprocessing.process")
def _patch_process(module):
    cls = module.BaseProcess
    start, bootstrap = cls.start, cls._bootstrap

    def method_of(process):
        method = getattr(process, "_start_method", None)
        if method is None:
            method = sys.modules["multiprocessing"].get_start_method()
        return method
    noted = _wrapped(start, lambda self: ("spawn", self._coreplay_key, bool(self.daemon),
                                          "process " + method_of(self)))

    def begin(self):
        self._coreplay_key = None
        if _state.flow is None or _state.depth or _is_foreign(sys._getframe(1)):
            return start(self)
        self._coreplay_key = key = _new_key()
        self._coreplay_name = name = _thread_name(self)
        Recording.flows[key] = Flow(key, name, "process")
        return noted(self)

    def run(self, *args, **kwargs):
        key = getattr(self, "_coreplay_key", None)
        _become_child()
        if key is None or Recording.folder is None:
            return bootstrap(self, *args, **kwargs)
        program, name = self.run, self._coreplay_name
        self.run = lambda: _run_flow(key, name, "process", program)
        try:
            return bootstrap(self, *args, **kwargs)
        finally:
            _hand_on([f for f in Recording.flows.values() if f.kind == "thread"])
    cls.start, cls._bootstrap = _like(begin, start), _like(run, bootstrap)
    _patch(cls, "join", lambda self, timeout=None: (
        ("join", self._coreplay_key, None if timeout is None else _ns(timeout))
        if getattr(self, "_coreplay_key", None) else None))
    for name in ("terminate", "kill"):
        _patch(cls, name, lambda self: (
            ("terminate", self._coreplay_key) if getattr(self, "_coreplay_key", None) else None))


def _shared_object(made, key, kind, **options):
    """Objects of several processes are known by what the kernel calls them."""
    caller = sys._getframe(2)
    # Made by the context for the program, and not within another object of the library.
    while caller is not None and _is_foreign(caller) and (
            caller.f_code.co_filename == _OWN_FILE or caller.f_locals.get("self") is made or
            os.path.basename(caller.f_code.co_filename) in ("context.py", "sharedctypes.py")):
        caller = caller.f_back
    if caller is not None and not _is_foreign(caller):
        _new_object(kind, caller, kind.split()[-1], key, shared=True, **options)
    return key


@_when_loaded("multiprocessing.synchronize")
def _patch_synchronize(module):
    base = module.SemLock
    make = base._make_methods

    def key_of(lock):
        """A named one has its name wherever it goes; without, it is only inherited."""
        return "sem %s" % (lock._semlock.name or lock._semlock.handle)

    def by_user(self):
        """In a child that is no fork the objects are not known, only those that use them."""
        if not _called_by_program():
            return None
        key = key_of(self)
        return key if Recording.pid == 0 or key in Recording.objects else None

    def acquire(self, *args, **kwargs):
        key = by_user(self)
        return None if key is None else ("acquire", key, 0)

    def release(self):
        key = by_user(self)
        return None if key is None else ("release", key)

    def make_methods(self):
        make(self)
        inner, outer = self.acquire, self.release
        self.acquire = _wrapped(lambda *a, **k: inner(*a, **k), lambda *a, **k: acquire(self),
                                lambda e, r, x, *a, **k: _acquired(e, r, x, self, *a, **k))
        self.release = _wrapped(lambda: outer(), lambda: release(self))
    base._make_methods = make_methods

    def enter(self):
        return self._semlock.__enter__()

    def leave(self, *what):
        return self._semlock.__exit__(*what)

    def entered(self):
        event = acquire(self)
        return None if event is None else event[:2] + (sys._getframe(2).f_lineno,)
    base.__enter__ = _wrapped(enter, entered)
    base.__exit__ = _wrapped(leave, lambda self, *what: release(self))
    init = base.__init__

    def init_noted(self, kind, value, maxvalue, *args, **kwargs):
        init(self, kind, value, maxvalue, *args, **kwargs)
        word = {"Lock": "lock", "RLock": "rlock"}.get(type(self).__name__, "semaphore")
        options = {"n": value} if word == "semaphore" else {}
        _shared_object(self, key_of(self), word, **options)
    base.__init__ = init_noted

    def whole(cls, kind, known_as, **methods):
        """An object made of several semaphores is one to the program."""
        original = cls.__init__

        def init(self, *args, **kwargs):
            original(self, *args, **kwargs)
            _shared_object(self, kind + known_as(self), kind, **(
                {"n": args[0]} if kind == "barrier" else {}))
        cls.__init__ = init
        for name, event in methods.items():
            after = None
            if name == "wait" and kind == "event":
                after = lambda e, r, x, self, timeout=None: (
                    e if timeout is None else e + (_ns(timeout),))
            _patch(cls, name, lambda self, *a, _e=event, **k: (
                (_e[0], kind + known_as(self)) + _e[1:]
                if Recording.pid == 0 or kind + known_as(self) in Recording.objects else None),
                after)
    whole(module.Event, "event", lambda self: key_of(self._flag),
          wait=("waitfor",), set=("signal", 1), clear=("clear",))
    if hasattr(module.Barrier, "wait"):
        module.Barrier.wait = _like(lambda self, *a, _w=module.Barrier.wait, **k: _w(
            self, *a, **k), module.Barrier.wait)
        whole(module.Barrier, "barrier", lambda self: key_of(self._cond._lock),
              wait=("waitfor",))


@_when_loaded("multiprocessing.queues")
def _patch_shared_queues(module):
    def key_of(self):
        lock = self._rlock._semlock
        return "queue %s" % (lock.name or lock.handle)

    for cls, start in ((module.Queue, 1), (module.SimpleQueue, 0)):
        original = cls.__init__

        def init(self, *args, _original=original, _start=start, **kwargs):
            _original(self, *args, **kwargs)
            capacity = kwargs.get("maxsize", args[0] if _start and args else 0)
            if type(self).__name__ != "_SafeQueue":
                _shared_object(self, key_of(self), "queue", capacity=max(0, capacity))
        cls.__init__ = _like(init, original)

        def noted(word, self, *more):
            key = key_of(self)
            if Recording.pid == 0:
                return (word, key) + more if not _is_foreign(sys._getframe(3)) else None
            return (word, key) + more if key in Recording.objects else None
        _patch(cls, "put", lambda self, item, *a, _n=noted, **k: _n(
            "send", self, None, _mark_of(item)))
        _patch(cls, "get", lambda self, *a, _n=noted, **k: _n("recv", self),
               lambda e, r, x, self, block=True, timeout=None: _got(
                   e, module.Empty, r, x, block, timeout))
    cls = module.JoinableQueue
    for name, word in (("join", "drained"), ("task_done", "task_done")):
        _patch(cls, name, lambda self, _w=word: (_w, key_of(self)))


@_when_loaded("multiprocessing.connection")
def _patch_connection(module):
    def key_of(self, sends):
        try:
            node = os.fstat(self.fileno()).st_ino
        except (OSError, ValueError):
            return None
        return "pipe %s" % _Pipes.directions.get((node, sends), node)
    original = module.Pipe

    def pipe(duplex=True):
        a, b = original(duplex)
        frame = sys._getframe(1)
        while _is_foreign(frame) and frame.f_back is not None and (
                os.path.basename(frame.f_code.co_filename) == "context.py"):
            frame = frame.f_back
        if _state.flow is not None and not _state.depth and not _is_foreign(frame):
            one, other = os.fstat(a.fileno()).st_ino, os.fstat(b.fileno()).st_ino
            if duplex:
                _Pipes.directions.update({
                    (one, True): one, (other, False): one,
                    (other, True): other, (one, False): other})
            for node in {one, other}:
                _new_object("pipe", frame, "pipe", "pipe %s" % node, shared=True)
        return a, b
    module.Pipe = _like(pipe, original)
    cls = module._ConnectionBase

    def noted(word, sends):
        def describe(self, *args):
            key = key_of(self, sends)
            if key is None or (key not in Recording.objects and Recording.pid != 0):
                return None
            if _is_foreign(sys._getframe(2)):
                return None
            return (word, key, 0)
        return describe

    def size_of(event, result, raised, self, data=None, *args):
        return ("pass",) if raised is not None else None
    for name in ("send", "send_bytes"):
        _patch(cls, name, noted("send_bytes", True), size_of)
    for name in ("recv", "recv_bytes"):
        _patch(cls, name, noted("recv", False), size_of)


class _Pipes:
    directions = {}  # (inode of an end, sends) -> inode of the end that sends


@_when_loaded("multiprocessing.managers")
def _patch_managers(module):
    _patch_outside(module.BaseManager, "start")
    _patch_outside(module.BaseManager, "connect")
    _patch_outside(module.BaseProxy, "_callmethod")
