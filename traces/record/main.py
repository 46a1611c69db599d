

# --- the program ------------------------------------------------------------------------

def _say(text):
    """What the recorder has to say goes where the interpreter's own errors go, whatever the
    program did to sys.stderr."""
    try:
        (sys.__stderr__ or sys.stderr).write(text)
        (sys.__stderr__ or sys.stderr).flush()
    except (AttributeError, OSError, ValueError):
        pass


def _measure_own_cost():
    """What a burst of no work measures, mostly the two readings of the clock."""
    nothing = _wrapped(lambda: None, lambda: ("pass",))
    flow = _state.flow = Flow("cost", "cost", "thread")
    _state.last = _cpu_clock()
    for _ in range(2000):
        nothing()
    _state.flow = None
    bursts = sorted(e[1] for e in flow.events if e[0] == "cpu")
    Recording.cost = bursts[len(bursts) // 2]
    Recording.room = _MAX_EVENTS


def _patch_everything():
    _patch_builtins()
    builtins.__import__ = _noted_import
    _replace_loaded()


def _write(cut=False):
    """Writes what there is; only once, by the process that began."""
    if Recording.written or os.getpid() != Recording.pid:
        return
    Recording.written = True
    wall = Recording.wall = _wall_clock() - Recording.began
    flow = _state.flow
    _state.flow = None
    if flow is not None and not _state.depth and cut:
        flow.add("cpu", max(0, _cpu_clock() - _state.last))
    builtins.__import__ = _import
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 20000))
    try:
        _finish(wall, cut)
    finally:
        sys.setrecursionlimit(limit)


def _finish(wall, cut):
    import shutil
    _take_over()
    shutil.rmtree(Recording.folder, ignore_errors=True)
    _end_what_was_stopped()
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        text = _text(Recording.program, wall, cpus, cut, Recording.source)
    except Exception as error:
        import traceback
        if os.environ.get("COREPLAY_RECORD_DEBUG"):
            traceback.print_exc()
        _say("coreplay record: error: what was recorded cannot be written: %r\n"
                         % error)
        return
    try:
        with open(Recording.output, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        _say("coreplay record: error: %s: %s\n" % (Recording.output, error.strerror))
        return
    for words in sorted(Recording.unseen):
        _say("coreplay record: warning: not seen: %s\n" % words)
    if Recording.room <= 0:
        _say("coreplay record: warning: only the first %d events were kept; record a "
                         "smaller run\n" % _MAX_EVENTS)
    _say("coreplay record: wrote %s; next: coreplay whatif %s\n" % (
        Recording.output, Recording.output))


def _end_what_was_stopped():
    """A process that was terminated waits for that in the place where it was."""
    stopped = {e[1] for _, e in _all_events("terminate")}
    for key in stopped:
        flow = Recording.flows.get(key)
        if flow is None or flow.ended:
            continue
        blocking = ("wait", "recv", "waitfor", "acquire", "outside", "join", "passed")
        while flow.events and flow.events[-1][0] == "cpu":
            flow.events.pop()
        if flow.events and flow.events[-1][0] in blocking:
            last = flow.events.pop()
            ns = last[1] if last[0] == "wait" else _FOREVER
            flow.events.append(("stopped", key, ns))


def _fail(message, code=2):
    _say("coreplay record: error: %s\n" % message)
    sys.exit(code)


def _seconds(text):
    import re
    found = re.match(r"^(\d+(?:\.\d+)?)(us|ms|s|min|h)?$", text)
    if not found or float(found.group(1)) == 0:
        _fail("--for needs a time such as 5s, not '%s'" % text)
    return float(found.group(1)) * {"us": 1e-6, "ms": 1e-3, "min": 60, "h": 3600}.get(
        found.group(2), 1)


def _arguments(argv):
    output, limit, module, read = None, None, None, False
    while argv and argv[0].startswith("-") and argv[0] != "-":
        option = argv.pop(0)
        if option == "--":
            break
        if option in ("-o", "--for", "-m") and not argv:
            _fail("%s needs a value" % option)
        if option == "-o":
            output = argv.pop(0)
        elif option == "--for":
            limit = _seconds(argv.pop(0))
        elif option == "--read":
            read = True
        elif option == "-m":
            module = argv.pop(0)
            break
        elif option in ("-h", "--help"):
            sys.stdout.write(__doc__)
            sys.exit(0)
        else:
            _fail("unknown option %s: -o FILE, --for TIME, --read and -m MODULE are known" % option)
    if module is None and not argv:
        _fail("which program? coreplay_record.py prog.py ARGUMENTS")
    return output, limit, module, read, argv


def _load(module, argv):
    """Code, name and specification of the program; prints what is wrong as Python does."""
    Recording.source = Source()
    if module is not None:
        import importlib.util
        sys.path[0] = os.getcwd()
        try:
            spec = importlib.util.find_spec(module)
            if spec is not None and spec.submodule_search_locations is not None:
                spec = importlib.util.find_spec(module + ".__main__")
        except (ImportError, ValueError):
            spec = None
        if spec is None or spec.loader is None:
            _fail("no module named '%s'" % module, 1)
        sys.argv = [spec.origin] + argv
        return spec.loader.get_code(spec.name), spec.origin, spec
    path = argv[0]
    sys.argv = list(argv)
    if os.path.isdir(path):
        _fail("%s is a folder: give its program, or -m and the name of a module" % path)
    if sys.version_info >= (3, 9):
        # As the interpreter does, which leaves ".." as it is.
        path = os.path.join(os.getcwd(), path[2:] if path.startswith("./") else path)
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    try:
        with open(path, "rb") as source:
            text = source.read()
    except OSError as error:
        _fail("%s: %s" % (argv[0], error.strerror))
    try:
        code, Recording.source = _compiled(text, path)
        return code, path, None
    except (SyntaxError, ValueError):
        kind, value, _ = sys.exc_info()
        sys.excepthook(kind, value.with_traceback(None), None)
        if b"\0" in text[:4096]:
            _say("coreplay record: error: %s is no Python source\n" % path)
        sys.exit(1)


def _own_frames_out(error, seen):
    """Takes the recorder's frames out of a traceback, and out of those it came from."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == _OWN_FILE:
        trace = trace.tb_next
    error.__traceback__ = trace
    while trace is not None:
        while trace.tb_next is not None and \
                trace.tb_next.tb_frame.f_code.co_filename == _OWN_FILE:
            trace.tb_next = trace.tb_next.tb_next
        trace = trace.tb_next
    _own_frames_out(error.__cause__, seen)
    _own_frames_out(error.__context__, seen)


@_when_loaded("traceback")
def _patch_traceback(module):
    """What the program prints of exceptions itself shows none of the recorder's frames."""
    original = module.TracebackException.__init__

    def init(self, kind, value, trace, *args, **kwargs):
        if trace is not None and getattr(value, "__traceback__", None) is trace:
            _own_frames_out(value, set())
            trace = value.__traceback__
        original(self, kind, value, trace, *args, **kwargs)
    module.TracebackException.__init__ = _like(init, original)


@_when_loaded("threading")
def _patch_excepthook(module):
    original = module.excepthook

    def excepthook(args, /):
        _own_frames_out(args.exc_value, set())
        trace = getattr(args.exc_value, "__traceback__", None)
        return original(module.ExceptHookArgs((args.exc_type, args.exc_value, trace,
                                               args.thread)))
    module.excepthook = _like(excepthook, original)


def _at_the_end():
    _write(Recording.interrupted)
    if Recording.interrupted and os.getpid() == Recording.pid:
        import signal
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _kill(os.getpid(), signal.SIGINT)


@_when_loaded("signal")
def _patch_signal(module):
    """A signal the program sends to itself may be its last act."""
    original = os.kill

    def kill(pid, number):
        if pid == os.getpid() == Recording.pid and number and \
                (module.getsignal(number) is module.SIG_DFL or number == module.SIGTERM and
                 _is_own_handler(module.getsignal(number))) and number not in (
                    module.SIGCHLD, module.SIGCONT, module.SIGSTOP, module.SIGTSTP,
                    module.SIGURG, module.SIGWINCH):
            if _state.flow is not None:
                _burst(_cpu_clock())
                _state.flow.add("exit")
            _write()
        return original(pid, number)
    if hasattr(module, "SIGCHLD"):
        os.kill = _like(kill, original)


def _is_own_handler(handler):
    code = getattr(handler, "__code__", None)
    return code is not None and code.co_filename == _OWN_FILE


def main(argv):
    output, limit, module, read, argv = _arguments(argv)
    if read:
        return _read_only(argv, output)
    builtins.__import__ = _noted_import
    Imports.loading = True
    code, path, spec = _load(module, argv)
    import tempfile
    Imports.loading = False
    if output is None:
        output = os.path.splitext(os.path.basename(path if module is None else module))[0] + ".cpw"
    Recording.output, Recording.program = os.path.abspath(output), os.path.abspath(path)
    Recording.folder = tempfile.mkdtemp(prefix="coreplay-")
    me = sys.modules["coreplay_record"] = sys.modules["__main__"]
    Job.__module__ = _remake_job.__module__ = "coreplay_record"
    me.__name__ = "coreplay_record"
    _measure_own_cost()
    _patch_everything()
    program = type(sys)("__main__")
    program.__dict__.update(__file__=path, __builtins__=builtins, __spec__=spec,
                            __cached__=None, __package__=None if spec is None else spec.parent,
                            __loader__=None if spec is None else spec.loader)
    sys.modules["__main__"] = program
    atexit.register(_at_the_end)
    _catch_termination()

    def cut():
        _sleep(limit)
        if Recording.written or os.getpid() != Recording.pid:
            return
        main_flow = Recording.flows["main"]
        main_flow.add("cpu", 0)
        _write(True)
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            pass
        _exit_now(0)
    if limit is not None:
        _thread.start_new_thread(cut, ())
    Recording.began = _wall_clock()
    flow = Recording.flows["main"] = Flow("main", "main", "thread")
    _state.flow, _state.depth, _state.last = flow, 0, _cpu_clock()
    try:
        exec(code, program.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        Recording.interrupted = isinstance(error, KeyboardInterrupt)
        _own_frames_out(error, set())
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)
    finally:
        if _state.flow is not None and not _state.depth:
            _burst(_cpu_clock())
            _state.last = _cpu_clock()


if __name__ == "__main__":
    main(sys.argv[1:])
