

# --- what a recording is like as a whole ---------------------------------------------------

def _all_events(*words):
    return [(f.key, e) for f in list(Recording.flows.values()) for e in f.events
            if e[0] in words]


def _condition_kinds():
    """How each condition is written: "tokens" if every notify lets one wait pass, "turns" if
    waits need a number of them, nothing if nobody waited for a predicate."""
    kinds, passed, told = {}, {}, {}
    for _, event in _all_events("passed"):
        passed.setdefault(event[1], []).append(event[2])
    for _, event in _all_events("notify"):
        told.setdefault(event[1], []).append(event[2])
    for key, numbers in passed.items():
        numbers.sort()
        one_each = all(n == 1 for n in told.get(key, ())) and len(numbers) == len(
            told.get(key, ()))
        kinds[key] = "tokens" if one_each and all(
            n >= i for i, n in enumerate(numbers, 1)) else "turns"
    return kinds


def _end_marks():
    """The item of each queue that ends whoever receives it: the last one received by every
    flow that received others before, in the same place."""
    last, seen = {}, {}
    for flow in list(Recording.flows.values()):
        mine = {}
        for event in flow.events:
            if event[0] in ("recv", "await_recv") and len(event) > 3:
                mine.setdefault(event[1], []).append(event[3])
        for key, marks in mine.items():
            last.setdefault(key, set()).add(marks[-1])
            seen.setdefault(key, set()).update(marks[:-1])
    return {k: next(iter(m)) for k, m in last.items() if len(m) == 1 and "" not in m and
            not m & seen.get(k, set())}


def _drains():
    """For queues that are joined: how many task_done each of the joins waits for, last first."""
    done, joins = {}, {}
    for _, event in _all_events("task_done"):
        done[event[1]] = done.get(event[1], 0) + 1
    for _, event in _all_events("drained", "await_drained"):
        joins[event[1]] = joins.get(event[1], 0) + 1
    return {k: [done.get(k, 0) // n] * (n - 1) + [done.get(k, 0) - done.get(k, 0) // n * (n - 1)]
            for k, n in joins.items()}


def _matched_streams():
    """Connections with both ends in the program: each receive is told how many sends it
    needs.  Events of others keep no number and stay waits of their length."""
    sends, receives = {}, {}
    for flow in list(Recording.flows.values()):
        for place, event in enumerate(flow.events):
            if event[0] == "sock_send":
                sends.setdefault(event[1], []).append((flow, place))
            elif event[0] == "sock_recv":
                receives.setdefault(event[1], []).append((flow, place))
    matched = []
    for key in sends:
        if key in receives and _match_stream(key, sends[key], receives[key]):
            matched.append(key)
    return matched


def _count(entry, number):
    flow, place = entry
    event = flow.events[place]
    mode = event[5] if len(event) > 5 else ""
    flow.events[place] = event[:5] + (mode, number)


def _match_stream(key, sends, receives):
    size = lambda entry: entry[0].events[entry[1]][4]
    if key.startswith("listener "):
        for entry in sends + receives:
            _count(entry, 1)
        return True
    if len({id(f) for f, _ in sends}) > 1 or len({id(f) for f, _ in receives}) > 1:
        return False
    if sum(map(size, receives)) > sum(map(size, sends)):
        return False
    starts, total = [], 0
    for entry in sends:
        if size(entry):
            starts.append(total)
            total += size(entry)
            _count(entry, 1)
    got, taken, ended = 0, 0, False
    for entry in receives:
        if size(entry) == 0:
            _count(entry, 0 if ended else 1)
            ended = True
            continue
        got += size(entry)
        number = sum(1 for s in starts[taken:] if s < got)
        taken += number
        _count(entry, number)
    for entry in sends:
        if size(entry) == 0:
            _count(entry, 1 if ended else 0)
            ended = False
    return True


# --- names ------------------------------------------------------------------------------

_WORDS = set("""@WORDS@""".split())


class Names:
    """What everything is called: as in the source, and never twice."""

    def __init__(self):
        self.taken, self.objects, self.used = set(), {}, {}
        self.extra = []       # declarations of what the program does not have
        self.lines = {}       # place in the source -> objects made there so far
        self.places = {}
        self.prepared = False

    def fresh(self, wish):
        import re
        wish = re.sub(r"\W", "_", wish, flags=re.ASCII).lower().strip("_") or "x"
        wish = wish if wish[0].isalpha() else "x" + wish
        other, n = wish + "_" if wish in _WORDS else wish, 2
        while other in self.taken:
            other, n = "%s_%d" % (wish, n), n + 1
        self.taken.add(other)
        return other

    def numbered(self, name, n):
        known = self.used.get((name, n))
        if known is None:
            known = self.used[(name, n)] = self.fresh("%s_%d" % (name, n))
        return known

    def once(self, key, wish, declare=None):
        known = self.used.get(key)
        if known is None:
            known = self.used[key] = self.fresh(wish)
            if declare:
                self.extra.append(declare % known)
        return known

    def variable(self, name):
        shared = "shared " if name.startswith("shared ") else ""
        return self.once(("var", name), name.split(" ")[-1], shared + "var %s = 0")

    def told(self, key, kind):
        return self.once(("told", key), self.object(key) + (
            "_items" if kind == "tokens" else "_turn"), "var %s = 0")

    def drained(self, key):
        kind = Recording.objects[key]["kind"]
        word = "async " if kind.startswith("async") else ""
        shared = "shared " if Recording.objects[key].get("shared") else ""
        return self.once(("done", key), self.object(key) + "_done",
                         shared + word + "semaphore %s (n=0)")

    def stream(self, key):
        return self.once(("stream", key), "listener" if key.startswith("listener") else "stream",
                         "socket %s")

    def stop(self, key):
        kind = Recording.flows[key].kind if key in Recording.flows else "thread"
        return self.once(("stop", key), "stop_" + (
            Recording.flows[key].name if key in Recording.flows else "it"),
            ("shared " if kind == "process" else "") + "event %s")

    def prepare(self):
        """Objects are named in the order they were made in."""
        self.prepared = True
        for key, o in Recording.objects.items():
            self.places[key] = self.from_source(o) or o["otherwise"].split()[-1]

    def object(self, key):
        if not self.prepared:
            self.prepare()
        known = self.objects.get(key)
        if known is None:
            o = Recording.objects[key]
            if o.get("lock") in Recording.objects:
                self.object(o["lock"])  # declared before
            wish = self.places.get(key) or self.from_source(o) or o["otherwise"].split()[-1]
            known = self.objects[key] = self.fresh(wish)
        return known

    def from_source(self, o):
        """The variable a new object is given to, as its line of the source says."""
        import linecache
        import re
        if not o.get("at"):
            return None
        name, number = o["at"]
        for line in (linecache.getline(name, number - up) for up in range(3)):
            found = re.match(r"\s*(?:(?:async\s+)?with\b.*\bas\s+(\w+)\s*:|(?:global\s+)?"
                             r"((?:[\w.]+\s*,\s*)*[\w.]+)\s*(?::[^=]+)?=[^=])", line)
            if found:
                if found.group(1):
                    return found.group(1)
                words = [w.strip().split(".")[-1] for w in found.group(2).split(",")]
                place = self.lines[(name, number)] = self.lines.get((name, number), -1) + 1
                return words[place % len(words)]
        return None


# --- from trees to text ---------------------------------------------------------------------

def _format(ns):
    ns = int(ns)
    for unit, size in (("s", 10 ** 9), ("ms", 10 ** 6), ("us", 10 ** 3)):
        if ns >= size:
            return ("%.6f" % (ns / size)).rstrip("0").rstrip(".") + unit
    return "%dns" % ns


def _rounded(ns):
    """Measured times say no more than four digits."""
    ns, size = int(ns), 1
    while ns // size >= 10000:
        size *= 10
    return (ns + size // 2) // size * size


class Writer:
    def __init__(self, builder, wall):
        self.builder, self.names = builder, builder.names
        self.slack = max(wall // 500, 1000)   # ns all rounds together may be off by
        self.tiny = max(wall // 20000, 200)   # ns not worth a line
        self.worst, self.choices = 0.0, 0

    # --- parameters of groups ---

    def columns(self, group):
        """Every column of a group: (node, index, [values of each flow])."""
        out = []

        def walk(nodes):
            first = nodes[0]
            for i, node in enumerate(first):
                same = [n[i] for n in nodes]
                if node.body is None or node.head == "repeat":
                    for c in range(len(node.columns)):
                        out.append((node, c, [n.columns[c] for n in same]))
                if node.body is not None:
                    walk([n.body for n in same])
        if group.trees:
            walk(group.trees)
        return out

    def prepare(self, group):
        """Gives calls their arguments, then decides what of the group is a parameter."""
        for tree in group.trees:
            self.spread_calls(tree)
        self.plans = getattr(self, "plans", {})
        found = []
        for node, c, flows in self.columns(group):
            exact = "{#}" in node.head or node.head == "repeat"
            means = [sum(v) / len(v) if v else 0 for v in flows]
            mean = sum(means) / len(means)
            off = sum(abs(m - mean) * len(v) for m, v in zip(means, flows))
            relative = off / max(1, mean * sum(map(len, flows)))
            slack = self.slack if mean > 50000 else 10 * self.slack
            matters = off > 0 if exact else (off > slack and relative > 0.02)
            if matters and len(flows) > 1:
                found.append((off * (10 ** 6 if exact else 1), node, c, means))
        if group.one_param and len(found) > 1:
            found = [max(found, key=lambda f: f[0])]
        group.args = {k: [] for k in group.keys}
        for _, node, c, means in found:
            exact = "{#}" in node.head or node.head == "repeat"
            kind = "n" if exact else "t"
            name = self.param_name(group, kind)
            group.params.append(name)
            for k, m in zip(group.keys, means):
                group.args[k].append((int(m + 0.5), kind))
            self.plans[(id(node), c)] = ("param", name)
        if group.one_param and not group.params:
            group.params.append("item")
            for i, k in enumerate(group.keys):
                group.args[k].append((i + 1, "n"))
        for node, c, flows in self.columns(group):
            self.plans.setdefault((id(node), c), ("values", flows))

    @staticmethod
    def param_name(group, kind):
        same = sum(p[0] == kind for p in group.params)
        return kind if same == 0 else "%s%d" % (kind, same + 1)

    def spread_calls(self, tree):
        """Arguments of the calls become columns behind those of the statement."""
        for node in tree:
            if node.body is not None:
                self.spread_calls(node.body)
            if not node.calls or "[@*]" in node.head:
                continue
            head, calls, places = "", list(node.calls), node.head.split("@")
            width = len(places) - 1
            for i, part in enumerate(places):
                if not i:
                    head = part
                    continue
                group = self.builder.group(calls[i - 1])
                rows = [group.args[k] for k in calls[i - 1::width]]
                slots = []
                for p in range(len(group.params)):
                    slots.append("{#}" if rows[0][p][1] == "n" else "{}")
                    node.columns.append([row[p][0] for row in rows])
                head += part[:len(group.name)] + "(" + ", ".join(slots) + ")" + \
                    part[len(group.name):]
            node.head = head

    # --- text of values ---

    def values_of(self, node, c):
        """The values of a column, all flows of the group together, and their numbers."""
        plan = self.plans.get((id(node), c))
        if plan is None:
            return [node.columns[c]]
        return plan[1] if plan[0] == "values" else None

    def literal(self, value, exact, waits):
        if exact:
            return str(int(value + 0.5))
        return _format(value if waits else _rounded(value))

    def slot(self, node, c, given):
        """What stands in a slot: a parameter, a name of a loop, a time or a distribution."""
        if (id(node), c) in given:
            return given[(id(node), c)]
        plan = self.plans.get((id(node), c))
        if plan is not None and plan[0] == "param":
            return plan[1]
        flows = plan[1] if plan is not None else [node.columns[c]]
        values = [v for f in flows for v in f]
        slots = [s for s in ("{#}" if part else "{}" for part in _slots(node.head))]
        exact = node.head == "repeat" or slots[c] == "{#}"
        mean = sum(values) / max(1, len(values))
        if exact or not self.vary(values):
            waits = node.head.split(" ")[0] not in ("cpu",)
            same = waits and max(values) == min(values)
            return self.literal(mean, exact, same)
        spread = sum(abs(v - mean) for v in values) / len(values) / max(1, mean)
        self.worst = max(self.worst, spread)
        self.choices += 1
        return "choice(%s)" % ", ".join(_format(_rounded(v)) for v in _quantiles(values))

    def vary(self, values):
        """Whether values differ by more than can be left out."""
        if len(values) < 2:
            return False
        mean = sum(values) / len(values)
        off = sum(abs(v - mean) for v in values)
        # Bursts of some microseconds differ by what the machine did meanwhile.
        slack = self.slack if mean > 50000 else 10 * self.slack
        return off > slack and off > 0.02 * mean * len(values)

    # --- text of trees ---

    def lines(self, nodes, indent, given=()):
        out, given = [], dict(given)
        for node in nodes:
            if node.body is None:
                out += self.leaf(node, indent, given)
            elif node.head == "repeat":
                out += self.loop(node, indent, given)
            else:
                body = self.lines(node.body, indent + "  ", given)
                if not body and node.head.startswith("lock "):
                    body = []
                out += self.block(indent, node.head, body, node.tail)
        return out

    @staticmethod
    def block(indent, head, body, tail=""):
        tail = " " + tail if tail else ""
        if not body:
            return ["%s%s { }%s" % (indent, head, tail)]
        if len(body) == 1 and len(body[0].strip()) + len(head) + len(indent) < 70 and \
                "\n" not in body[0]:
            return ["%s%s { %s }%s" % (indent, head, body[0].strip(), tail)]
        return [indent + head + " {"] + body + [indent + "}" + tail]

    def leaf(self, node, indent, given):
        if node.head in ("cpu {}", "cpu {} nogil", "wait {}") and not node.keep:
            plan = self.plans.get((id(node), 0))
            if plan is None or plan[0] == "values":
                flows = plan[1] if plan else [node.columns[0]]
                values = [v for f in flows for v in f]
                total = sum(values)
                if node.head == "wait {}" and total >= 50000:
                    pass
                elif total <= self.tiny * len(flows) or (
                        len(values) > 1 and total < Recording.cost * len(values)):
                    return []
        if "[@*]" in node.head:
            return [indent + self.map_text(node)]
        text = node.head
        for c, slot in enumerate(_slots(text)):
            text = text.replace("{#}" if slot else "{}", self.slot(node, c, given), 1)
        return [indent + line for line in text.split("\n")]

    def map_text(self, node):
        group = self.builder.group(node.calls[0])
        values = [group.args[k][0] for k in node.calls]
        texts = [str(v) if kind == "n" else _format(_rounded(v)) for v, kind in values]
        if values[0][1] == "n" and len(values) > 1:
            texts = ["1..%d" % len(values)] if [v for v, _ in values] == list(
                range(1, len(values) + 1)) else texts
        listed = texts[0] if ".." in texts[0] else "[%s]" % ", ".join(texts)
        return node.head.replace("[@*]", listed)

    def loop(self, node, indent, given):
        flows = self.values_of(node, 0)
        rounds = None if flows is None else flows[0][0]
        plan = self.varying(node, given)
        if plan is not None and plan[0] == "unroll":
            out = []
            for i in range(plan[1]):
                inner = dict(given)
                for key, texts in plan[2].items():
                    inner[key] = texts[i]
                out += self.lines(node.body, indent, inner)
            return out
        if plan is not None:
            keys, name, head = plan
            inner = dict(given)
            inner.update((key, name) for key in keys)
            body = self.lines(node.body, indent + "  ", inner)
            return self.block(indent, "for %s in %s" % (name, head), body) if body else []
        body = self.lines(node.body, indent + "  ", given)
        count = self.slot(node, 0, given) if rounds is None or len(
            {v for f in flows for v in f}) > 1 else str(rounds)
        return self.block(indent, "repeat " + count, body) if body else []

    def varying(self, node, given):
        """How a loop is written whose rounds differ: over a list, or one by one."""
        flows = self.values_of(node, 0)
        if flows is None or len({v for f in flows for v in f}) != 1:
            return None
        rounds = flows[0][0]
        found = []
        for inner, c, values in self.inside(node):
            if (id(inner), c) in given:
                continue
            exact = bool(_slots(inner.head) and _slots(inner.head)[c])
            by_round = self.by_round(values, rounds)
            if by_round is None:
                continue
            matters = len(set(by_round)) > 1 if exact else self.vary(
                by_round * (sum(map(len, values)) // rounds))
            if matters:
                off = max(by_round) - min(by_round)
                found.append((off * (10 ** 9 if exact else 1), inner, c, by_round, exact))
        if not found or rounds > 64:
            return None
        texts = {}
        for _, inner, c, by_round, exact in found:
            waits = not inner.head.startswith("cpu")
            texts[(id(inner), c)] = [self.literal(v, exact, waits) for v in by_round]
        distinct = {tuple(t) for t in texts.values()}
        if len(distinct) > 1 and rounds <= 12 and len(node.body) <= 9 or any(
                f[4] for f in found) and len(distinct) > 1:
            return "unroll", rounds, texts
        _, inner, c, by_round, exact = max(found, key=lambda f: f[0])
        row = texts[(id(inner), c)]
        taken = set(given.values() if isinstance(given, dict) else ()) | self.params
        name = next(n for n in (["n", "k", "m", "n2", "n3", "n4"] if exact else
                                ["t", "u", "d", "t2", "t3", "t4"]) if n not in taken)
        head = "[%s]" % ", ".join(row)
        if exact and len(row) > 2 and all(int(b) - int(a) == 1 for a, b in zip(row, row[1:])):
            head = "%s..%s" % (row[0], row[-1])
        return [k for k, t in texts.items() if t == row], name, head

    def inside(self, node):
        """The columns of the statements of a loop, with their values by flow."""
        out = []

        def walk(nodes):
            for n in nodes:
                if n.body is not None:
                    if n.head != "repeat":
                        walk(n.body)
                    continue
                for c in range(len(n.columns)):
                    flows = self.values_of(n, c)
                    if flows is not None:
                        out.append((n, c, flows))
        walk(node.body)
        return out

    @staticmethod
    def by_round(flows, rounds):
        """The mean of each round over flows, and over the loops around it if those agree."""
        sums, counts = [0] * rounds, [0] * rounds
        for values in flows:
            if len(values) % rounds:
                return None
            for i, v in enumerate(values):
                sums[i % rounds] += v
                counts[i % rounds] += 1
        means = [s / c for s, c in zip(sums, counts)]
        rest = sum(abs(v - means[i % rounds]) for values in flows for i, v in enumerate(values))
        whole = sum(v for values in flows for v in values)
        return means if rest <= 0.1 * whole else None

    def task(self, group):
        self.params = set(group.params)
        body = self.lines(group.trees[0], "    ")
        head = "%s %s(%s)" % (group.kind, group.name, ", ".join(group.params))
        return self.block("  ", head, body)


def _slots(head):
    """Whether each slot of a statement is a number (else it is a time)."""
    out, at = [], 0
    while True:
        at = head.find("{", at)
        if at < 0:
            return out
        if head[at:at + 2] == "{}":
            out.append(False)
        elif head[at:at + 3] == "{#}":
            out.append(True)
        at += 1


def _quantiles(values, most=10):
    """Means of equal shares of the values in order: the mean of all stays what it is."""
    values = sorted(values)
    n = min(most, len(values))
    cuts = [len(values) * i // n for i in range(n + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in zip(cuts, cuts[1:])]


def _declarations(names, shared):
    out = []
    for key, name in names.objects.items():
        o = Recording.objects[key]
        across = bool(o.get("shared"))
        if o["kind"] == "pool" or across != shared:
            continue
        options = []
        if o.get("capacity"):
            options.append("capacity=%d" % o["capacity"])
        if o.get("n") is not None:
            options.append("n=%d" % o["n"])
        if o.get("lock") in names.objects:
            options.append("lock=%s" % names.objects[o["lock"]])
        word = "" if not shared or o["kind"] in ("pipe", "socket") else "shared "
        out.append("%s%s%s %s%s" % ("" if shared else "  ", word, o["kind"], name,
                                    " (%s)" % ", ".join(options) if options else ""))
    for line in names.extra:
        across = line.startswith(("shared ", "socket "))
        if across == shared:
            out.append(("" if shared else "  ") + line)
    return out


def _text(program, wall, cpus, cut, source):
    """The whole workload."""
    names = Names()
    names.taken.add("program")
    names.taken.add("main")
    builder = Builder(names, source)
    main = builder.group("main")
    writer = Writer(builder, wall)
    for group in builder.groups:
        writer.prepare(group)
    tasks = []
    for group in builder.groups:
        if group is not main and group.keys:
            tasks += writer.task(group)
    writer.params = set()
    body = writer.lines(main.trees[0], "    ")
    version = "%d.%d" % sys.version_info[:2]
    gil = getattr(sys, "_is_gil_enabled", None)
    version += "t" if gil is not None and not gil() else ""
    uses_loop = any(e[0] == "loop" for e in Recording.flows["main"].events)
    out = ["# %s as recorded under Python %s%s." % (
        os.path.basename(program), sys.version.split()[0], ", cut off" if cut else ""),
        "# It took %s; %s of each burst was the recorder's own and is taken out." % (
            _format(_rounded(wall)), _format(Recording.cost)),
        "# Operations of the interpreter cost what coreplay has for this version."]
    if writer.choices:
        out.append("# Where rounds differ, choice() stands for their times: they are off their "
                   "mean by up to %d %%." % (writer.worst * 100))
    if Recording.unseen:
        out.append("# Not seen: %s." % ", ".join(sorted(Recording.unseen)))
    if Recording.room <= 0:
        out.append("# More than %d events: the rest was not kept." % _MAX_EVENTS)
    out.append("machine { cores %d }" % cpus)
    if cut:
        out.append("run { until %s }" % _format(_rounded(wall)))
    if builder.update_cost:
        out.append("run { var.add %s }  # x += 1 with its part of the loop, as measured" %
                   _format(builder.update_cost))
    interval = sys.getswitchinterval() if hasattr(sys, "getswitchinterval") else 0.005
    options = "" if abs(interval - 0.005) < 1e-9 else " (interval=%s)" % _format(_ns(interval))
    out += _declarations(names, True)
    out += ["", "process program runtime python \"%s\"%s {" % (version, options)]
    out += _declarations(names, False) + tasks
    out += ["  thread main%s {" % (" loop asyncio" if uses_loop else "")] + body + ["  }", "}", ""]
    return "\n".join(out)
