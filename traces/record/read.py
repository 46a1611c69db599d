

# --- a program that is read and not run ---------------------------------------------------

class Thing:
    """What a name of the program stands for: a thread to be started, a pool, a lock ..."""

    def __init__(self, kind, name="", task=None, args=(), daemon=False):
        self.kind, self.name, self.task, self.args = kind, name, task, args
        self.daemon = daemon


class Symbol:
    """A parameter of the task being read, or an expression with one: its text."""

    def __init__(self, text):
        self.text = text


class Many:
    """Things of the same kind, nobody knows how many."""

    def __init__(self, thing, count):
        self.thing, self.count = thing, count


_RESOURCES = {
    "Lock": "lock", "RLock": "rlock", "Condition": "condition", "Semaphore": "semaphore",
    "BoundedSemaphore": "semaphore", "Event": "event", "Barrier": "barrier", "Queue": "queue",
    "LifoQueue": "queue", "PriorityQueue": "queue", "SimpleQueue": "queue",
    "JoinableQueue": "queue"}
_SPENDING = ("sum", "sorted", "min", "max", "all", "any", "list", "pow")
_MAX_ROUNDS = 64


class Reader:
    """Follows the source of a module statement by statement, without running it."""

    def __init__(self, tree):
        import ast
        self.ast, self.tree = ast, tree
        self.names = Names()
        self.names.taken.update(("program", "main"))
        self.functions, self.classes, self.methods = {}, {}, {}
        self.kinds = {}      # (function, parameter) -> "time" or "number"
        self.tasks = {}      # function -> (name, lines, parameters); None while it is read
        self.params, self.declared, self.shared = [], [], []
        self.imports = {}    # name -> dotted name it was imported as
        self.globals, self.attributes = {}, {}
        # Conditions that are notified for all: by their names in the source.
        self.broadcast = {n.func.value.attr if isinstance(n.func.value, ast.Attribute) else
                          getattr(n.func.value, "id", "") for n in ast.walk(tree)
                          if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and
                          n.func.attr == "notify_all"}
        self.uses_loop, self.shared_names, self.in_async = False, set(), False
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = getattr(node, "module", None)
                for a in node.names:
                    self.imports[a.asname or a.name] = a.name if module is None else (
                        module + "." + a.name)
            elif isinstance(node, ast.Global):
                self.shared_names.update(node.names)
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
                for f in node.body:
                    if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        self.methods[(node.name, f.name)] = f
        for _ in range(3):
            for f in list(self.functions.values()) + list(self.methods.values()):
                self.find_kinds(f)

    # --- what is called ---

    def dotted(self, node):
        """time.sleep for a call of what was imported so; the last two words otherwise."""
        ast = self.ast
        words = []
        while isinstance(node, ast.Attribute):
            words.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            words.append(self.imports.get(node.id, node.id))
        return ".".join(reversed(words))

    def find_kinds(self, function):
        """Which parameters are times and numbers, from what they are passed to."""
        ast = self.ast
        names = {a.arg for a in function.args.args}

        def mark(node, kind):
            if isinstance(node, ast.BinOp):
                mark(node.left, kind)
                mark(node.right, kind)
            elif isinstance(node, ast.Name) and node.id in names:
                self.kinds.setdefault((function.name, node.id), kind)
        for call in (n for n in ast.walk(function) if isinstance(n, ast.Call)):
            name = self.dotted(call.func)
            if name in ("time.sleep", "asyncio.sleep") and call.args:
                mark(call.args[0], "time")
            elif name == "range" and len(call.args) == 1:
                mark(call.args[0], "number")
            elif name in self.functions:
                inner = self.functions[name].args.args
                for a, p in zip(call.args, inner):
                    kind = self.kinds.get((name, p.arg))
                    if kind:
                        mark(a, kind)

    # --- values ---

    def value(self, node, env):
        """A constant, a Thing, a Symbol, or None for what is not known."""
        ast = self.ast
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return env.get(node.id, self.globals.get(node.id))
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self.value(e, env) for e in node.elts]
        if isinstance(node, ast.Dict):
            return {self.value(k, env): self.value(v, env) for k, v in zip(
                node.keys, node.values) if isinstance(k, ast.Constant)}
        if isinstance(node, ast.BinOp):
            return self.binary(node, env)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            v = self.value(node.operand, env)
            return -v if isinstance(v, (int, float)) else None
        if isinstance(node, ast.Attribute):
            base = self.value(node.value, env)
            if isinstance(base, Thing) and base.kind == "instance":
                return self.attributes.get((base.name, node.attr))
            return None
        if isinstance(node, ast.Subscript):
            base = self.value(node.value, env)
            key = self.value(getattr(node.slice, "value", node.slice) if not isinstance(
                node.slice, ast.Constant) else node.slice, env)
            try:
                return base[key] if isinstance(base, (list, dict)) else None
            except (KeyError, IndexError, TypeError):
                return None
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            return self.comprehension(node, env)
        if isinstance(node, ast.Call):
            return self.made(node, env)
        return None

    def binary(self, node, env):
        ast = self.ast
        a, b = self.value(node.left, env), self.value(node.right, env)
        word = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
                ast.Pow: "**", ast.Mod: "%"}.get(type(node.op))
        if isinstance(a, (int, float)) and isinstance(b, (int, float)) and word:
            try:
                return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b,
                        "/": lambda: a / b, "//": lambda: a // b, "%": lambda: a % b,
                        "**": lambda: a ** b if abs(b) < 20 else None}[word]()
            except (ZeroDivisionError, OverflowError):
                return None
        if isinstance(a, list) and isinstance(b, int) and word == "*" and len(a) * b <= 1000:
            return a * b
        if word in ("*", "/") and isinstance(a, Symbol) and isinstance(b, (int, float)) and b:
            return Symbol("%s %s %s" % (a.text, word, b))
        return None

    def rounds(self, node, env):
        """The values a loop goes over, or their number, or None."""
        ast = self.ast
        if isinstance(node, ast.Call):
            name = self.dotted(node.func)
            args = [self.value(a, env) for a in node.args]
            if name == "range" and args and isinstance(args[0], Symbol) and len(args) == 1:
                return args[0]
            if name == "range" and all(isinstance(a, int) for a in args) and args:
                return range(*args[:3])
            if name.rsplit(".", 1)[-1] in ("as_completed", "reversed", "list", "iter") and args:
                return self.rounds(node.args[0], env)
            if name == "enumerate" and args:
                inner = self.rounds(node.args[0], env)
                if isinstance(inner, (list, range)) and len(inner) <= 1000:
                    return [[i, v] for i, v in enumerate(inner)]
            if name == "zip":
                inner = [self.rounds(a, env) for a in node.args]
                if inner and all(isinstance(i, (list, range)) for i in inner):
                    return [list(row) for row in zip(*(list(i)[:1000] for i in inner))]
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "values"):
                base = self.value(node.func.value, env)
                if isinstance(base, dict):
                    return [[k, v] for k, v in base.items()] if node.func.attr == "items" \
                        else list(base.values())
        found = self.value(node, env)
        if isinstance(found, dict):
            return list(found)
        return found if isinstance(found, (list, Many)) else None

    def comprehension(self, node, env):
        if len(node.generators) != 1:
            return None
        part = node.generators[0]
        rows = self.rounds(part.iter, env)
        if not isinstance(rows, (list, range)) or len(rows) > 1000:
            thing = self.value(node.elt, dict(env))
            if not isinstance(thing, Thing):
                return None
            return Many(thing, rows.text if isinstance(rows, Symbol) else self.unknown(
                "rounds", node.lineno, "10", "how many is not in the source"))
        out = []
        for row in rows:
            inner = dict(env)
            self.bind(part.target, row, inner)
            out.append(self.value(node.elt, inner))
        return out

    def bind(self, target, value, env):
        ast = self.ast
        if isinstance(target, ast.Name):
            env[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value if isinstance(value, list) else [None] * len(target.elts)
            for t, v in zip(target.elts, values):
                self.bind(t, v, env)

    def made(self, call, env):
        """What a call makes: threads, processes, pools, locks, instances."""
        name = self.dotted(call.func)
        last = name.rsplit(".", 1)[-1]
        keys = {k.arg: k.value for k in call.keywords}
        if last in ("Thread", "Process", "Timer") and (
                "target" in keys or last == "Timer"):
            target = keys.get("target") if last != "Timer" else call.args[1]
            args = keys.get("args", self.ast.Tuple(elts=[], ctx=None))
            values = self.value(args, env)
            thing = Thing("process" if last == "Process" else "thread", "", self.target(
                target, env), values if isinstance(values, list) else [])
            daemon = keys.get("daemon")
            thing.daemon = daemon is not None and self.value(daemon, env) is True
            if last == "Timer":
                thing.after = self.value(call.args[0], env)
            return thing
        if name in self.classes and any(self.dotted(b).rsplit(".", 1)[-1] in (
                "Thread", "Process") for b in self.classes[name].bases):
            kind = "process" if any("Process" in self.dotted(b)
                                    for b in self.classes[name].bases) else "thread"
            return Thing(kind, name, (name, "run"), [])
        if name in self.classes:
            return self.instance(name)
        if last in ("get_event_loop", "new_event_loop", "get_running_loop"):
            return Thing("loop")
        if last in ("get_context",):
            return Thing("context")
        if last == "Value" and len(call.args) > 1:
            return Thing("value")
        return None

    def instance(self, name):
        """An object of a class of the program: its locks and queues are those of the class."""
        thing = Thing("instance", name)
        init = self.methods.get((name, "__init__"))
        if init is not None and (name, "") not in self.attributes:
            self.attributes[(name, "")] = True
            for s in self.ast.walk(init):
                if isinstance(s, self.ast.Assign) and isinstance(s.targets[0],
                                                                 self.ast.Attribute):
                    made = self.resource(s.value, s.targets[0].attr, {})
                    if made is not None:
                        self.attributes[(name, s.targets[0].attr)] = made
        return thing

    def resource(self, node, wish, env):
        """Declares a lock, queue or the like."""
        if not isinstance(node, self.ast.Call):
            return None
        name = self.dotted(node.func)
        last = name.rsplit(".", 1)[-1]
        if last == "defaultdict" or last not in _RESOURCES:
            return None
        kind, args = _RESOURCES[last], [self.value(a, env) for a in node.args]
        keys = {k.arg: self.value(k.value, env) for k in node.keywords}
        options = ""
        if kind in ("semaphore", "barrier"):
            n = args[0] if args and isinstance(args[0], int) else keys.get("value", 1)
            options = " (n=%d)" % (n if isinstance(n, int) else 1)
        elif kind == "queue" and (args and args[0] or keys.get("maxsize")):
            size = args[0] if args else keys["maxsize"]
            options = " (capacity=%d)" % size if isinstance(size, int) and size > 0 else ""
        elif kind == "condition" and args and isinstance(args[0], Thing):
            options = " (lock=%s)" % args[0].name
        base = self.value(node.func.value, env) if isinstance(
            node.func, self.ast.Attribute) else None
        across = name.startswith("multiprocessing.") or isinstance(
            base, Thing) and base.kind == "context"
        loops = "async " if name.startswith("asyncio.") else ""
        thing = Thing(kind, self.names.fresh(wish))
        thing.loop = bool(loops)
        (self.shared if across else self.declared).append(
            "%s%s%s %s%s" % ("shared " if across else "", loops, kind, thing.name, options))
        return thing

    def target(self, node, env):
        """The function a thread or a call of a pool runs: its key, or None."""
        ast = self.ast
        if isinstance(node, ast.Name):
            return node.id if node.id in self.functions else None
        if isinstance(node, ast.Attribute):
            base = self.value(node.value, env)
            if isinstance(base, Thing) and (base.name, node.attr) in self.methods:
                return base.name, node.attr
        return None

    # --- unknown lengths ---

    def unknown(self, word, line, default, why):
        name = self.names.once(("unknown", word, line), "%s_%d" % (word, line))
        row = "param %s = %s  # line %d: %s" % (name, default, line, why)
        if row not in self.params:
            self.params.append(row)
        return name

    def time_text(self, node, env, word="sleep"):
        v = self.value(node, env)
        if isinstance(v, (int, float)) and not isinstance(v, bool):
            return _format(_ns(v))
        if isinstance(v, Symbol):
            return v.text
        return self.unknown(word, node.lineno, "1s", "how long is not in the source")

    # --- tasks ---

    def task(self, key):
        """The name of the task a function became, its parameters and whether it does
        anything."""
        if key in self.tasks:
            return self.tasks[key]
        function = self.functions.get(key) if isinstance(key, str) else self.methods.get(key)
        if function is None:
            return None
        self.tasks[key] = None  # while it is read: a call of itself
        names = [a.arg for a in function.args.args if (function.name, a.arg) in self.kinds]
        env = {}
        local = {}
        for n in names:
            local[n] = n if n not in _WORDS and n not in self.names.taken else n + "_"
            env[n] = Symbol(local[n])
        if isinstance(key, tuple):
            env["self"] = self.instance(key[0])
        before, self.in_async = self.in_async, isinstance(function, self.ast.AsyncFunctionDef)
        lines = self.block(function.body, env, "    ")
        if not lines and self.spends(function):
            lines = ["    cpu " + self.unknown("work", function.lineno, "1ms", (
                "what %s computes" % function.name))]
        word = "async task" if self.in_async else "task"
        self.in_async = before
        name = self.names.fresh(function.name)
        self.tasks[key] = (name, ["  %s %s(%s) {" % (word, name, ", ".join(
            local[n] for n in names))] + lines + ["  }"], [
                (self.kinds[(function.name, n)], [a.arg for a in function.args.args].index(n))
                for n in names], bool(lines))
        return self.tasks[key]

    def spends(self, node):
        ast = self.ast
        return any(isinstance(n, (ast.For, ast.While, ast.ListComp, ast.GeneratorExp)) or
                   isinstance(n, ast.Call) and self.dotted(n.func) in _SPENDING
                   for n in ast.walk(node))

    def call_text(self, key, args, line):
        """f(2s, 3): the call of a task; None if the function does nothing worth it."""
        task = self.task(key)
        if task is None:
            return None
        name, _, params, _ = task
        skip = 1 if isinstance(key, tuple) else 0
        texts = []
        for kind, place in params:
            v = args[place - skip] if 0 <= place - skip < len(args) else None
            if isinstance(v, Symbol):
                texts.append(v.text)
            elif isinstance(v, (int, float)):
                texts.append(_format(_ns(v)) if kind == "time" else str(int(v)))
            else:
                texts.append(self.unknown("arg", line, "1s" if kind == "time" else "10",
                                          "an argument of %s" % name))
        return "%s(%s)" % (name, ", ".join(texts))

    # --- statements ---

    def block(self, statements, env, indent):
        out = []
        for s in statements:
            out += self.statement(s, env, indent)
        return self.compressed(out)

    @staticmethod
    def compressed(lines):
        """The same line several times is a loop."""
        import re
        out, i = [], 0
        lines = [re.sub(r"repeat \S+ { (join \w+) }$", r"\1", line) for line in lines]
        while i < len(lines):
            n = 1
            if lines[i].strip().startswith("join "):  # of all of that name
                while i + 1 < len(lines) and lines[i + 1] == lines[i]:
                    i += 1
            while i + n < len(lines) and lines[i + n] == lines[i] and not lines[i].endswith(
                    ("{", "}")):
                n += 1
            indent = lines[i][:len(lines[i]) - len(lines[i].lstrip())]
            out.append(lines[i] if n == 1 else "%srepeat %d { %s }" % (
                indent, n, lines[i].strip()))
            i += n
        return out

    def statement(self, s, env, indent):
        made = getattr(self, "read_" + type(s).__name__.lower(), None)
        return made(s, env, indent) if made else []

    @staticmethod
    def wrap(indent, head, body):
        return Writer.block(indent, head, body) if body else []

    def read_expr(self, s, env, indent):
        return self.expression(s.value, env, indent)

    def read_return(self, s, env, indent):
        return self.expression(s.value, env, indent) if s.value is not None else []

    def read_assign(self, s, env, indent):
        ast = self.ast
        target = s.targets[0]
        if isinstance(target, ast.Attribute) and target.attr == "daemon":
            thing = self.value(target.value, env)
            if isinstance(thing, Thing):
                thing.daemon = self.value(s.value, env) is True
            return []
        pairs = [(target, s.value)]
        if isinstance(target, ast.Tuple) and isinstance(s.value, ast.Tuple):
            pairs = list(zip(target.elts, s.value.elts))
        lines = []
        for t, v in pairs:
            name = t.id if isinstance(t, ast.Name) else getattr(t, "attr", "x")
            pool = self.pool_of(v, env)
            if pool is not None:
                lines += self.open_pool(name, pool, env, indent)
                continue
            made = self.resource(v, name, env)
            if made is None and self.is_calls(v):
                more, made = self.handles(v, env, indent, name)
                lines += more
            elif made is None:
                lines += self.expression(v, env, indent, name)
                made = self.value(v, env)
            if isinstance(t, ast.Name):
                if not (isinstance(env.get(name), Thing) and env[name].kind == "handle"):
                    env[name] = made
                elif made is not None:
                    env[name] = made
        return lines

    def is_calls(self, node):
        """Whether it is a list of tasks or of calls of a pool."""
        ast = self.ast
        elt = getattr(node, "key", None) if isinstance(node, ast.DictComp) else getattr(
            node, "elt", None)
        return isinstance(elt, ast.Call) and self.dotted(elt.func).rsplit(".", 1)[-1] in (
            "create_task", "ensure_future", "submit") and len(node.generators) == 1

    def handles(self, node, env, indent, name):
        """[pool.submit(f, x) for x in xs]: a handle of each, if their number is known."""
        part = node.generators[0]
        elt = node.key if isinstance(node, self.ast.DictComp) else node.elt
        rows = self.rounds(part.iter, env)
        if not isinstance(rows, (list, range)) or len(rows) > _MAX_ROUNDS:
            lines = self.expression(elt, dict(env), indent + "  ")
            count = self.unknown("rounds", node.lineno, "10", "how many is not in the source")
            return self.wrap(indent, "repeat " + count, lines), None
        lines, things = [], []
        for row in rows:
            inner = dict(env)
            self.bind(part.target, row, inner)
            inner.pop(name, None)
            lines += self.expression(elt, inner, indent, name)
            if isinstance(inner.get(name), Thing):
                things.append(inner[name])
        return lines, things

    def read_augassign(self, s, env, indent):
        ast = self.ast
        if isinstance(s.target, ast.Name) and s.target.id in self.shared_names and \
                isinstance(s.op, (ast.Add, ast.Sub)):
            name = self.names.once(("var", s.target.id), s.target.id)
            row = "var %s = 0" % name
            if row not in self.declared:
                self.declared.append(row)
            return [indent + "%s += 1" % name]
        if isinstance(s.target, ast.Attribute) and s.target.attr == "value":
            return []
        return self.expression(s.value, env, indent)

    def read_with(self, s, env, indent):
        item, rest = s.items[0], s.items[1:]
        expression = item.context_expr
        inner = s if not rest else None
        body = (lambda ind: self.block(s.body, env, ind)) if inner is not None else (
            lambda ind: self.read_with(type(s)(items=rest, body=s.body), env, ind))
        pool = self.pool_of(expression, env)
        if pool is not None:
            name = item.optional_vars.id if isinstance(item.optional_vars, self.ast.Name) \
                else "pool"
            return self.open_pool(name, pool, env, indent, body)
        thing = self.value(expression, env)
        if isinstance(thing, Thing) and thing.kind in ("lock", "rlock", "semaphore",
                                                       "condition"):
            word = "await lock" if getattr(thing, "loop", False) else "lock"
            lines = body(indent + "  ")
            return [indent + "%s %s { }" % (word, thing.name)] if not lines else self.wrap(
                indent, "%s %s" % (word, thing.name), lines)
        if isinstance(expression, self.ast.Call) and self.dotted(expression.func).endswith(
                "TaskGroup"):
            name = getattr(item.optional_vars, "id", "group")
            env[name] = Thing("group", name)
            lines = body(indent)
            made = getattr(env[name], "made", [])
            return lines + ([indent + "gather { %s }" % "; ".join(made)] if made else [])
        return body(indent)

    read_asyncwith = read_with

    def read_for(self, s, env, indent):
        rows = self.rounds(s.iter, env)
        uses = self.uses_target(s)
        if isinstance(rows, (list, range)) and len(rows) <= _MAX_ROUNDS and uses:
            out = []
            for row in rows:
                self.bind(s.target, row, env)
                out += self.block(s.body, env, indent)
            return out
        if isinstance(rows, Symbol):
            count = rows.text
        elif isinstance(rows, (list, range)):
            count = str(len(rows))
        else:
            count = rows.count if isinstance(rows, Many) else None
        self.bind(s.target, rows.thing if isinstance(rows, Many) else None, env)
        body = self.block(s.body, env, indent + "  ")
        if not body:
            if isinstance(rows, (list, range)) and len(rows) <= 100:
                return []
            return [indent + "cpu " + self.unknown(
                "work", s.lineno, "1ms", "what this loop computes")]
        if count is None:
            count = self.unknown("rounds", s.lineno, "10", "how often is not in the source")
        return self.wrap(indent, "repeat " + count, body)

    read_asyncfor = read_for

    def uses_target(self, s):
        """Whether the rounds of a loop differ in what is written of them."""
        ast = self.ast
        names = {n.id for n in ast.walk(s.target) if isinstance(n, ast.Name)}
        for call in (n for b in s.body for n in ast.walk(b) if isinstance(n, ast.Call)):
            if isinstance(call.func, ast.Attribute) and isinstance(
                    call.func.value, ast.Name) and call.func.value.id in names:
                return True
            word = self.dotted(call.func).rsplit(".", 1)[-1]
            if word in ("print", "append", "range", "put", "round", "len", "str"):
                continue
            if any(isinstance(n, ast.Name) and n.id in names for a in list(call.args) + [
                    k.value for k in call.keywords] for n in ast.walk(a)):
                return True
            if word in ("Thread", "Process", "Timer") or word in self.classes:
                return True
        return False

    def read_while(self, s, env, indent):
        ast = self.ast
        if any(isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and
               n.func.attr == "wait" for b in s.body for n in ast.walk(b)) and len(s.body) == 1:
            return self.block(s.body, env, indent)  # a condition's predicate
        body = self.block(s.body, env, indent + "  ")
        ends = any(isinstance(n, (ast.Break, ast.Return)) for b in s.body for n in ast.walk(b))
        if not body:
            return [indent + "cpu " + self.unknown("work", s.lineno, "1ms",
                                                   "what this loop computes")]
        if isinstance(s.test, ast.Constant) and s.test.value and not ends:
            return self.wrap(indent, "forever", body)
        if body and body[0].strip().startswith(("recv ", "await recv ")) and ends:
            words = body[0].strip().split()
            prefix = "await " if words[0] == "await" else ""
            return self.wrap(indent, "%sfor item from %s" % (prefix, words[-1]), body[1:]) or [
                indent + "%sfor item from %s { }" % (prefix, words[-1])]
        return self.wrap(indent, "repeat " + self.unknown(
            "rounds", s.lineno, "10", "how often is not in the source"), body)

    def read_if(self, s, env, indent):
        ast = self.ast
        test = s.test
        if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and \
                test.left.id == "__name__":
            return self.block(s.body, env, indent)
        yes = self.block(s.body, env, indent + "  ")
        no = self.block(s.orelse, env, indent + "  ")
        if not yes and not no:
            return []
        name = self.unknown("if", s.lineno, "yes in [yes, no]", "which way it goes")
        out = [indent + "if %s == yes {" % name] + yes
        return out + ([indent + "} else {"] + no if no else []) + [indent + "}"]

    def read_try(self, s, env, indent):
        return self.block(s.body, env, indent) + self.block(s.orelse, env, indent) + \
            self.block(s.finalbody, env, indent)

    # --- expressions ---

    def expression(self, node, env, indent, name=None):
        """The statements of the calls in an expression, in their order."""
        ast = self.ast
        if isinstance(node, ast.Await):
            return self.awaited(node.value, env, indent, name)
        if isinstance(node, ast.Call):
            return self.call(node, env, indent, name)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            return self.comprehended(node, env, indent)
        out = []
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and not isinstance(child, ast.Lambda):
                out += self.expression(child, env, indent)
        return out

    def comprehended(self, node, env, indent):
        part = node.generators[0]
        rows = self.rounds(part.iter, env)
        inner = dict(env)
        if isinstance(rows, (list, range)) and len(rows) <= _MAX_ROUNDS:
            out = []
            for row in rows:
                self.bind(part.target, row, inner)
                out += self.expression(node.elt, inner, indent)
            return out
        body = self.expression(node.elt, inner, indent + "  ")
        count = rows.text if isinstance(rows, Symbol) else str(len(rows)) if isinstance(
            rows, (list, range)) else None
        if body and count is None:
            count = self.unknown("rounds", node.lineno, "10", "how often is not in the source")
        return self.wrap(indent, "repeat %s" % count, body) if body else []

    def call(self, node, env, indent, name=None):
        ast = self.ast
        word = self.dotted(node.func)
        last = word.rsplit(".", 1)[-1]
        if word == "time.sleep" and node.args:
            return [indent + "wait " + self.time_text(node.args[0], env)]
        inner = []
        for a in node.args:
            if isinstance(a, (ast.Call, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.Await)) and not (
                    word.startswith("asyncio.") or self.is_coroutine(a)):
                inner += self.expression(a, env, indent)
        if word == "print":
            return inner + [indent + "print"]
        if word == "input":
            return inner + [indent + "input " + self.unknown(
                "input", node.lineno, "1s", "how long somebody types")]
        if word == "asyncio.run" or last == "run_until_complete":
            self.uses_loop = True
            return self.awaited(node.args[0], env, indent) if node.args else []
        if last in ("create_task", "ensure_future") and node.args:
            return self.create(node, env, indent, name)
        if word in self.functions:
            text = self.call_text(word, [self.value(a, env) for a in node.args], node.lineno)
            return inner + ([indent + "call " + text] if text and self.task(word)[3] else [])
        if isinstance(node.func, ast.Attribute):
            base = self.value(node.func.value, env)
            if isinstance(base, list):
                if node.func.attr == "append" and node.args:
                    base.append(self.value(node.args[0], env))
                return inner
            if base is None and isinstance(node.func.value, ast.Call):
                base = self.value(node.func.value, env)
            if isinstance(base, Thing):
                return inner + self.method(base, node, env, indent, name)
        return inner

    def is_coroutine(self, node):
        return isinstance(node, self.ast.Call) and isinstance(self.functions.get(
            self.dotted(node.func)), self.ast.AsyncFunctionDef)

    def create(self, node, env, indent, name):
        coroutine = node.args[0]
        key = self.dotted(coroutine.func) if isinstance(coroutine, self.ast.Call) else None
        text = key and self.call_text(key, [self.value(a, env) for a in coroutine.args],
                                      node.lineno)
        if not text:
            return []
        base = self.value(node.func.value, env) if isinstance(
            node.func, self.ast.Attribute) else None
        if isinstance(base, Thing) and base.kind == "group":
            base.__dict__.setdefault("made", []).append(text)
            return []
        if name:
            handle = self.names.fresh("h_" + name)
            env[name] = Thing("handle", handle)
            return [indent + "create %s as %s" % (text, handle)]
        return [indent + "create " + text]

    def awaited(self, node, env, indent, name=None):
        ast = self.ast
        if not isinstance(node, ast.Call):
            thing = self.value(node, env)
            if isinstance(thing, Thing) and thing.kind == "handle":
                return [indent + "await " + thing.name]
            return []
        word = self.dotted(node.func)
        last = word.rsplit(".", 1)[-1]
        if word == "asyncio.sleep" and node.args:
            v = self.value(node.args[0], env)
            return [indent + ("await yield" if v == 0 else
                              "await wait " + self.time_text(node.args[0], env))]
        if word in ("asyncio.gather", "asyncio.wait"):
            members = self.members(node.args, env, node.lineno)
            which = "gather" if last == "gather" else "await all"
            if any(k.arg == "return_when" and "FIRST" in self.dotted(k.value)
                   for k in node.keywords):
                which = "await first"
            return [indent + "%s { %s }" % (which, "; ".join(members))] if members else []
        if word == "asyncio.wait_for" and node.args:
            members = self.members(node.args[:1], env, node.lineno)
            limit = node.args[1] if len(node.args) > 1 else next(
                (k.value for k in node.keywords if k.arg == "timeout"), None)
            if members and limit is not None:
                return [indent + "await %s timeout %s else { }" % (
                    members[0], self.time_text(limit, env, "timeout"))]
            return []
        if word == "asyncio.to_thread" or last == "run_in_executor":
            at = 0 if word == "asyncio.to_thread" else 1
            key = self.target(node.args[at], env)
            pool = self.value(node.args[0], env) if at else None
            pool = pool.name + " " if isinstance(pool, Thing) and pool.kind == "pool" else ""
            if key:
                text = self.call_text(key, [self.value(a, env) for a in node.args[at + 1:]],
                                      node.lineno)
                return [indent + "await executor %s%s" % (pool, text)] if text else []
            if self.dotted(node.args[at]) == "time.sleep":
                return [indent + "await wait " + self.time_text(node.args[at + 1], env)]
            return []
        if word in self.functions:
            text = self.call_text(word, [self.value(a, env) for a in node.args], node.lineno)
            return [indent + "await " + text] if text and self.task(word)[3] else []
        if isinstance(node.func, ast.Attribute):
            base = self.value(node.func.value, env)
            if isinstance(base, Thing):
                return self.method(base, node, env, indent, name, "await ")
        return []

    def members(self, args, env, line):
        """What is gathered: calls of coroutines and tasks made before."""
        ast = self.ast
        out = []
        for a in args:
            star = isinstance(a, ast.Starred)
            a = a.value if star else a
            if isinstance(a, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.List, ast.Tuple, ast.Set)):
                if isinstance(a, (ast.List, ast.Tuple, ast.Set)):
                    out += self.members(a.elts, env, line)
                    continue
                part = a.generators[0]
                rows = self.rounds(part.iter, env)
                rows = rows if isinstance(rows, (list, range)) else range(10)
                for row in list(rows)[:1000]:
                    inner = dict(env)
                    self.bind(part.target, row, inner)
                    out += self.members([a.elt], inner, line)
                continue
            if isinstance(a, ast.Call):
                key = self.dotted(a.func)
                if key.rsplit(".", 1)[-1] in ("create_task", "ensure_future") and a.args:
                    out += self.members(a.args[:1], env, line)
                elif key in self.functions:
                    text = self.call_text(key, [self.value(v, env) for v in a.args], line)
                    out += [text] if text else []
                continue
            v = self.value(a, env)
            for thing in v if isinstance(v, list) else [v]:
                if isinstance(thing, Thing) and thing.kind == "handle":
                    out.append(thing.name)
        return out

    def method(self, thing, node, env, indent, name, prefix=""):
        """A method of a thread, lock, queue, pool ..."""
        word, args = node.func.attr, node.args
        if thing.kind in ("thread", "process"):
            return self.thread_method(thing, word, node, env, indent)
        if thing.kind == "pool":
            return self.pool_method(thing, word, node, env, indent, name)
        if thing.kind == "instance" and (thing.name, word) in self.methods:
            key = (thing.name, word)
            text = self.call_text(key, [self.value(a, env) for a in args], node.lineno)
            head = "await " if prefix else "call "
            return [indent + head + text] if text and self.task(key)[3] else []
        if thing.kind == "handle":
            if word in ("result", "exception"):
                return [indent + "result " + thing.name]
            return [indent + "cancel " + thing.name] if word == "cancel" else []
        prefix = "await " if getattr(thing, "loop", False) and word in (
            "get", "put", "acquire", "wait", "put_nowait", "get_nowait") else ""
        if thing.kind == "condition":
            return self.condition_method(thing, word, indent, prefix)
        text = {"put": "send %s 1", "put_nowait": "send %s 1", "get": "recv %s",
                "get_nowait": "recv %s", "acquire": "acquire %s", "release": "release %s",
                "wait": "waitfor %s", "wait_for": "waitfor %s", "set": "signal %s",
                "clear": "clear %s", "notify": "signal %s", "notify_all": "signal %s all"}.get(
                    word)
        if text is None:
            return []
        if word.startswith("put") and args and isinstance(args[0], self.ast.Constant) and \
                args[0].value is None:
            text = "send %s none"
        return [indent + prefix + text % thing.name]

    def condition_method(self, thing, word, indent, prefix):
        """A wait for a predicate waits for what a notify says: one for each, or one for all."""
        if word not in ("wait", "wait_for", "notify", "notify_all"):
            return []
        var = self.names.once(("told", thing.name), thing.name + "_told")
        # A buffer is not full at first.
        first = 10 if "full" in thing.name or "space" in thing.name else 0
        row = "var %s = %d" % (var, first)
        if row not in self.declared:
            self.declared.append(row)
        if word.startswith("notify"):
            return [indent + "%s += 1" % var, indent + "signal %s%s" % (
                thing.name, " all" if word == "notify_all" else "")]
        out = [indent + "while %s < 1 { %swaitfor %s }" % (var, prefix, thing.name)]
        return out + ([indent + "%s += -1" % var] if thing.name not in self.broadcast else [])

    def thread_method(self, thing, word, node, env, indent):
        if word == "start":
            text = thing.task and self.call_text(thing.task, thing.args, node.lineno)
            if not text:
                text = self.nothing(thing) + "()"
            thing.name = text.split("(")[0]
            daemon = "daemon " if thing.daemon and thing.kind == "thread" else ""
            after = getattr(thing, "after", None)
            return [indent + "spawn %s%s %s %s%s" % (
                daemon, thing.kind, thing.name, text,
                " (after=%s)" % _format(_ns(after)) if isinstance(after, (int, float)) else "")]
        if word == "join" and thing.name:
            return [indent + "join " + thing.name]
        return []

    def nothing(self, thing):
        """A task for a function that is not in this source."""
        name = self.names.once("elsewhere", "elsewhere")
        self.tasks.setdefault("elsewhere", (name, ["  task %s() {" % name, "    wait " + (
            self.unknown("elsewhere", 0, "1s", "what functions of other modules take")), "  }"],
            [], True))
        return name

    def pool_of(self, node, env):
        """Form and size of the pool a call makes; None for other calls."""
        if not isinstance(node, self.ast.Call):
            return None
        last = self.dotted(node.func).rsplit(".", 1)[-1]
        form = {"ThreadPoolExecutor": "threads", "ProcessPoolExecutor": "processes",
                "Pool": "workers", "ThreadPool": "threads"}.get(last)
        if form is None:
            return None
        size = node.args[0] if node.args else next(
            (k.value for k in node.keywords if k.arg in ("max_workers", "processes")), None)
        n = None if size is None else self.value(size, env)
        return form, str(n) if isinstance(n, int) else self.unknown(
            "workers", node.lineno, "4", "how many workers")

    def open_pool(self, name, pool, env, indent, body=None):
        thing = env[name] = Thing("pool", self.names.fresh(name))
        head = "pool %s %s(%s)" % (thing.name, pool[0], pool[1])
        if body is None:  # until the end of what is being read
            self.open_pools = getattr(self, "open_pools", [])
            return [indent + head + " {"] + ["}pool " + indent]
        lines = body(indent + "  ")
        return self.wrap(indent, head, lines) or [indent + head + " { }"]

    def pool_method(self, thing, word, node, env, indent, name):
        args = node.args
        key = self.target(args[0], env) if args else None
        if word in ("submit", "apply_async", "apply"):
            values = [self.value(a, env) for a in args[1:]]
            if word != "submit":
                values = values[0] if values and isinstance(values[0], list) else []
            text = key and self.call_text(key, values, node.lineno)
            if not text:
                text = self.nothing(thing) + "()"
            head = "apply" if word == "apply" else "submit"
            handle = ""
            if name and head == "submit":
                known = self.names.fresh("h_" + name)
                env[name], handle = Thing("handle", known), " as " + known
            return [indent + "%s %s %s%s" % (head, thing.name, text, handle)]
        if word in ("map", "imap", "imap_unordered", "starmap", "map_async"):
            return self.map_method(thing, word, key, node, env, indent)
        return []

    def map_method(self, thing, word, key, node, env, indent):
        rows = self.rounds(node.args[1], env) if len(node.args) > 1 else None
        task = self.task(key) if key else None
        rows = list(rows)[:1000] if isinstance(rows, (list, range)) else list(range(10))
        if task is None or len(task[2]) > 1:
            return []
        if task[2]:
            kind = task[2][0][0]
            texts = [(_format(_ns(v)) if kind == "time" else str(int(v))) if isinstance(
                v, (int, float)) else "1" for v in rows]
            return [indent + "map %s %s over [%s]" % (thing.name, task[0], ", ".join(texts))]
        return [indent + "repeat %d { submit %s %s() }" % (len(rows), thing.name, task[0]),
                indent + "as_completed %s { }" % thing.name]

    # --- the workload ---

    def text(self, path):
        lines = self.closed(self.block(self.tree.body, self.globals, "    "), "    ")
        out = ["# %s, read and not run: what no source says is a param, and its value a guess."
               % os.path.basename(path),
               "# Set them with --set NAME=VALUE, or record the program to have them measured."]
        out += self.params + ["machine { cores 2 }"] + self.shared
        out += ["", "process program runtime python \"%d.%d\" {" % sys.version_info[:2]]
        out += ["  " + d for d in self.declared]
        for task in self.tasks.values():
            if task is not None:
                out += self.closed(task[1][:-1], "    ") + [task[1][-1]]
        out += ["  thread main%s {" % (" loop asyncio" if self.uses_loop else "")]
        return "\n".join(out + lines + ["  }", "}", ""])

    @staticmethod
    def closed(lines, indent):
        """Pools without a `with` stay open to the end of where they were made."""
        out, open_blocks = [], []
        for line in lines:
            if line.startswith("}pool "):
                open_blocks.append(line[6:])
            else:
                out.append(line)
        return out + [i + "}" for i in reversed(open_blocks)]


def _read_only(argv, output):
    """Reads a program without running it and writes what its source says."""
    import ast
    path = argv[0]
    try:
        with open(path, "rb") as source:
            text = source.read()
        tree = ast.parse(text, path)
    except OSError as error:
        _fail("%s: %s" % (path, error.strerror))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        _fail("%s:%s: %s: no Python %d.%d" % (path, line or 1, getattr(error, "msg", error),
                                              sys.version_info[0], sys.version_info[1]))
    sys.setrecursionlimit(20000)
    text = Reader(tree).text(path)
    output = output or os.path.splitext(os.path.basename(path))[0] + ".cpw"
    if output == "-":
        sys.stdout.write(text)
        return
    try:
        with open(output, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        _fail("%s: %s" % (output, error.strerror))
    _say("coreplay record: wrote %s; next: coreplay run %s\n" % (output, output))
