

# --- the source ---------------------------------------------------------------------------

class Source:
    """What the program's source says that no recording shows: which variables threads share,
    and where a condition is waited for in a loop."""

    def __init__(self, tree=None):
        self.loops = []     # names each instrumented loop adds to
        self.at = {}        # line of a `with` -> names its body adds to
        if tree is not None:
            self.tree = tree
            self.find_functions()

    def updates_of(self, site):
        return self.loops[site] if site < len(self.loops) else ()

    def updates_at(self, line):
        return self.at.get(line, ())

    def find_functions(self):
        import ast
        self.adders = {}   # function of the module -> shared names it adds to once
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                names = self.globals_of(node)
                added = [n for s in node.body for n in self.added(s, names)]
                if added:
                    self.adders[node.name] = added

    @staticmethod
    def globals_of(function):
        import ast
        return {n for s in ast.walk(function) if isinstance(s, ast.Global) for n in s.names}

    def added(self, statement, names):
        """Names that this statement itself adds to, if they are among `names`."""
        import ast
        if isinstance(statement, ast.AugAssign):
            target = statement.target
            if isinstance(target, ast.Name) and target.id in names:
                return [target.id]
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            function = statement.value.func
            if isinstance(function, ast.Name):
                return self.adders.get(function.id, [])
        return []

    def instrument(self):
        """The program with marks at loops of updates and at waits for predicates; every line
        keeps its number, and errors are reported as before."""
        import ast
        source = self

        class Marks(ast.NodeTransformer):
            names = [set()]

            def visit_FunctionDef(self, node):
                self.names.append(source.globals_of(node))
                self.generic_visit(node)
                self.names.pop()
                return node

            visit_AsyncFunctionDef = visit_FunctionDef

            def visit_With(self, node):
                names = self.names[-1]
                added = [n for s in node.body for n in source.added(s, names)]
                for s in node.body:
                    if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Attribute) and \
                            s.target.attr == "value" and isinstance(s.target.value, ast.Name):
                        added.append("shared " + s.target.value.id + "_value")
                if added:
                    source.at[node.lineno] = added
                self.generic_visit(node)
                return node

            def visit_For(self, node):
                added = [n for s in node.body for n in source.added(s, self.names[-1])]
                self.generic_visit(node)
                ends = any(isinstance(n, (ast.Break, ast.Return, ast.Continue))
                           for s in node.body for n in ast.walk(s))
                if added and not ends:
                    source.loops.append(added)
                    node.iter = self.place(ast.Call(
                        func=ast.Name(id="__coreplay_loop__", ctx=ast.Load()),
                        args=[ast.Constant(value=len(source.loops) - 1), node.iter],
                        keywords=[]), node.iter)
                return node

            def visit_While(self, node):
                self.generic_visit(node)
                for call in ast.walk(node):
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and \
                            call.func.attr == "wait" and not call.args and self.plain(
                                call.func.value) and len(node.body) == 1:
                        mark = ast.Expr(value=ast.Call(
                            func=ast.Name(id="__coreplay_passed__", ctx=ast.Load()),
                            args=[call.func.value], keywords=[]))
                        return [node, self.place(mark, node)]
                return node

            @staticmethod
            def plain(node):
                while isinstance(node, ast.Attribute):
                    node = node.value
                return isinstance(node, ast.Name)

            @staticmethod
            def place(new, old):
                ast.copy_location(new, old)
                for inner in ast.walk(new):
                    if not hasattr(inner, "lineno") and isinstance(inner, (ast.expr, ast.stmt)):
                        ast.copy_location(inner, old)
                return new
        builtins.__coreplay_loop__ = _coreplay_loop
        builtins.__coreplay_passed__ = _coreplay_passed
        return Marks().visit(self.tree)


def _coreplay_loop(site, rounds):
    """Stands around what a loop of updates goes over; notes how often, where that is known."""
    flow = _state.flow
    if flow is not None and not _state.depth and isinstance(rounds, (range, list, tuple)):
        _burst(_cpu_clock())
        flow.add("loop_of", len(rounds), site)
        _state.last = _cpu_clock()
    return rounds


def _compiled(text, path):
    """The code of the program and what its source says."""
    import ast
    code = compile(text, path, "exec")
    try:
        source = Source(ast.parse(text, path))
        return compile(source.instrument(), path, "exec"), source
    except Exception:
        return code, Source()


def _instrument_imports_of_main():
    """In a spawned child the program is imported by runpy."""
    import runpy
    original = runpy._get_code_from_file

    def get_code(*args):
        result = original(*args)
        path = args[-1]
        if os.path.realpath(str(path)) != os.path.realpath(Recording.program):
            return result
        with open(path, "rb") as text:
            code = _compiled(text.read(), path)[0]
        return (code,) + result[1:] if isinstance(result, tuple) else code
    runpy._get_code_from_file = get_code
