#!/usr/bin/env python3
"""Runs a Python program unmodified and writes what it did as a coreplay workload (.cpw).

    python3 coreplay_record.py [-o FILE.cpw] [--for TIME] prog.py ARGUMENTS ...
    python3 coreplay_record.py [-o FILE.cpw] [--for TIME] -m module ARGUMENTS ...
    python3 coreplay_record.py --read [-o FILE.cpw] prog.py

Plain Python 3.8 or newer, nothing to install.  Every call that waits, locks, starts or passes
something on is noted with the thread's CPU time since the call before; the program's output
and exit code stay its own.  What is written: the calls as statements, repetitions as loops.
With --read the program is not run: its source alone is read, and lengths nobody can know from
it become parameters.
"""
import sys
import os
import time
import builtins
import atexit
import _thread

# What the recorder itself uses is taken before anything is replaced.
_cpu_clock = getattr(time, "thread_time_ns", time.process_time_ns)
_wall_clock = time.perf_counter_ns
_sleep = time.sleep
_import = builtins.__import__
_exit_now = os._exit
_kill = os.kill

_STDLIB = os.path.dirname(os.path.realpath(os.__file__)) + os.sep
_HERE = os.path.realpath(__file__)
_OWN_FILE = (lambda: 0).__code__.co_filename
_MAX_EVENTS = 3000000
_FOREVER = 3600 * 10 ** 9  # a wait that had not ended when the recording did

# --- what is kept ---------------------------------------------------------------------


class Flow:
    """What one thread, process, pool job, callback or asyncio task did, in order."""
    __slots__ = ("key", "name", "kind", "events", "quiet", "ended")

    def __init__(self, key, name, kind):
        self.key, self.name, self.kind = key, name, kind
        self.events = []  # ("cpu", ns) before each other event
        self.quiet = False
        self.ended = ""  # "cancelled" if it was

    def add(self, *event):
        if Recording.room > 0:
            Recording.room -= 1
            self.events.append(event)


class State(_thread._local):
    flow = None
    depth = 0
    last = 0


class Recording:
    flows = {}      # key -> Flow
    objects = {}    # key -> dict(kind=, at=, otherwise=, options)
    next_key = 0
    cost = 0        # ns of a burst that is the recorder's own
    room = _MAX_EVENTS
    folder = None   # where child processes leave what they did
    output = None
    program = ""
    began = 0
    wall = 0        # ns it took
    is_child = False
    pid = os.getpid()
    written = False
    interrupted = False
    unseen = {}     # what the workload lacks, in words -> how often


_state = State()


def _new_key():
    Recording.next_key += 1
    return "%d.%d" % (os.getpid(), Recording.next_key)


def _unseen(words):
    Recording.unseen[words] = Recording.unseen.get(words, 0) + 1


def _is_foreign_file(name):
    """Whether a file belongs to Python's library or to the recorder."""
    known = _is_foreign_file.known.get(name)
    if known is None:
        real = os.path.realpath(name)
        known = name.startswith(("<frozen", "<string>")) or real == _HERE or (
            real.startswith(_STDLIB) and "site-packages" not in real)
        _is_foreign_file.known[name] = known
    return known


_is_foreign_file.known = {}


def _is_foreign(frame):
    return _is_foreign_file(frame.f_code.co_filename)


def _called_by_program():
    """Whether what the recorder looks at was called by the program, not by the library."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == _OWN_FILE:
        frame = frame.f_back
    return frame is not None and not _is_foreign(frame)


def _user_frame(start):
    """The nearest frame of the program from `start` on; None if there is none."""
    while start is not None and _is_foreign(start):
        start = start.f_back
    return start


def _constructor_frame():
    """The frame of the program that makes an object; None if the library makes it."""
    frame = sys._getframe(2)
    while frame is not None and (frame.f_code.co_filename == _OWN_FILE or (
            # Constructors of subclasses within the library, and of the program itself.
            frame.f_code.co_name == "__init__" and _is_foreign(frame) and
            type(frame.f_locals.get("self")).__name__ in (
                "BoundedSemaphore", "Timer", "LifoQueue", "PriorityQueue"))):
        frame = frame.f_back
    return None if frame is None or _is_foreign(frame) else frame


def _name_of(function, otherwise="job"):
    """The name of what is called: the function behind partials, methods and coroutines."""
    for _ in range(8):
        inner = getattr(function, "func", None)
        if inner is None:
            break
        arguments = getattr(function, "args", ())
        # functools.partial(context.run, f) of asyncio.to_thread
        named = getattr(inner, "__name__", "") == "run" and arguments and callable(arguments[0])
        function = arguments[0] if named else inner
    name = getattr(function, "__name__", None) or type(function).__name__
    return otherwise if name == "<lambda>" else name


def _new_object(kind, frame, otherwise=None, key=None, **options):
    key = key or _new_key()
    where = (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None
    Recording.objects[key] = dict(options, kind=kind, at=where, otherwise=otherwise or kind)
    return key


# --- noting events ----------------------------------------------------------------------

def _burst(now, line=0):
    """Ends the computing of the flow that calls; `line` is that of the event to come."""
    used = now - _state.last - Recording.cost
    _state.flow.add("cpu", used if used > 0 else 0, line)


def _line_of(frame, known={}):
    """The line of the program in which a frame of the library or the recorder was called."""
    while frame is not None:
        name = frame.f_code.co_filename
        foreign = known.get(name)
        if foreign is None:
            foreign = known[name] = _is_foreign_file(name)
        if not foreign:
            return frame.f_lineno
        frame = frame.f_back
    return 0


def _run_flow(key, name, kind, function, args=(), kwargs={}):
    """Runs a function as a flow of its own."""
    state = _state
    before = (state.flow, state.depth)
    flow = Recording.flows.get(key)
    if flow is None:
        flow = Recording.flows[key] = Flow(key, name, kind)
    state.flow, state.depth, state.last = flow, 0, _cpu_clock()
    try:
        return function(*args, **kwargs)
    finally:
        if state.depth == 0:
            _burst(_cpu_clock())
        flow.ended = flow.ended or "returned"
        state.flow, state.depth = before
        state.last = _cpu_clock()
        if Recording.is_child and kind != "thread":
            _hand_on([flow])


def _like(wrapper, original):
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        try:
            setattr(wrapper, name, getattr(original, name))
        except (AttributeError, TypeError):
            pass
    wrapper.__wrapped__ = original
    return wrapper


def _wrapped(original, describe, after=None):
    """`original` with an event before it.  `describe` gets its arguments and returns the
    event, or None to note nothing; `after` gets event, result, what was raised and arguments
    and may return another event in its place."""
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
        _burst(now, _line_of(sys._getframe(1)))
        events, place = flow.events, len(flow.events)
        flow.add(*event)
        state.depth = 1
        result = raised = None
        try:
            result = original(*args, **kwargs)
            return result
        except BaseException as error:
            raised = error
            raise
        finally:
            state.depth = 0
            if after is not None:
                other = after(event, result, raised, *args, **kwargs)
                if other is not None and place < len(events):
                    events[place] = other
            raised = None
            state.last = _cpu_clock()
    return _like(call, original)


def _patch(holder, name, describe, after=None):
    setattr(holder, name, _wrapped(getattr(holder, name), describe, after))


def _patch_outside(holder, name, kind="outside"):
    """A wait for something outside the program: as long as it took.  With kind "nogil" its
    CPU time is that of a call that runs without the interpreter's lock."""
    moments = {}

    def describe(*args, **kwargs):
        moments[_thread.get_ident()] = _wall_clock(), _cpu_clock()
        return (kind, None, 0)

    def after(event, result, raised, *args, **kwargs):
        wall, cpu = moments.pop(_thread.get_ident())
        wall, cpu = _wall_clock() - wall, _cpu_clock() - cpu
        return (kind, wall - cpu if wall > cpu else 0, cpu)
    try:
        _patch(holder, name, describe, after)
    except (TypeError, AttributeError):
        pass


def _ns(seconds):
    return max(0, int(seconds * 1e9))


def _of(self, *event):
    """The event of an object the program made; None for one of the library's own."""
    key = getattr(self, "_coreplay", None)
    return None if key is None else (event[0], key) + event[1:]


def _note_creation(cls, kind, options=lambda *a, **k: {}):
    original = cls.__init__

    def init(self, *args, **kwargs):
        frame = _constructor_frame()
        original(self, *args, **kwargs)
        if frame is not None and getattr(self, "_coreplay", None) is None:
            self._coreplay = _new_object(kind, frame, **options(*args, **kwargs))
    cls.__init__ = _like(init, original)


# --- imports --------------------------------------------------------------------------

class Imports:
    """What is replaced in a module once the program has loaded it, and what the program
    would have computed to load a module that the recorder loaded before it."""
    patches = {}  # module -> function that replaces what is in it
    alone = {}    # module the recorder loaded -> ns of itself
    inside = {}   # the same -> modules loaded by it
    stack = []
    loading = False


def _when_loaded(*names):
    def register(function):
        for name in names:
            Imports.patches.setdefault(name, []).append(function)
        return function
    return register


def _absolute(name, globals, level):
    if not level or not globals:
        return name
    package = globals.get("__package__") or globals.get("__name__", "")
    base = package.rsplit(".", level - 1)[0] if level > 1 else package
    return base + "." + name if name else base


def _charge(name):
    own = Imports.alone.pop(name, None)
    if own is not None:
        _state.last -= own
        for inner in Imports.inside.get(name, ()):
            _charge(inner)


def _noted_import(name, globals=None, locals=None, fromlist=(), level=0):
    full = _absolute(name, globals, level)
    if Imports.loading:
        if full in sys.modules:
            return _import(name, globals, locals, fromlist, level)
        began, entry = _cpu_clock(), [full, 0]
        Imports.stack.append(entry)
        try:
            return _import(name, globals, locals, fromlist, level)
        finally:
            used = _cpu_clock() - began
            Imports.stack.pop()
            Imports.alone[full] = used - entry[1]
            if Imports.stack:
                Imports.stack[-1][1] += used
                Imports.inside.setdefault(Imports.stack[-1][0], []).append(full)
    if full in Imports.alone and _state.flow is not None:
        _charge(full)
    module = _import(name, globals, locals, fromlist, level)
    if Imports.patches:
        _replace_loaded()
    return module


def _replace_loaded():
    for name in list(Imports.patches):
        module = sys.modules.get(name)
        if module is None:
            continue
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            continue
        now = _cpu_clock()
        for function in Imports.patches.pop(name, ()):
            function(module)
        _state.last += _cpu_clock() - now
