

# --- from events to trees of statements -------------------------------------------------

class Node:
    """A statement, a loop (head "repeat") or a block, of one round or of many: a column holds
    a value of it for each round."""
    __slots__ = ("head", "columns", "calls", "body", "tail", "line", "keep")

    def __init__(self, head, columns=(), calls=None, body=None, tail="", line=0, keep=False):
        self.line = line  # in the source, 0 if unknown
        self.keep = keep  # however short it is
        self.head, self.columns, self.calls = head, [list(c) for c in columns], calls
        self.body, self.tail = body, tail

    def shape(self):
        if self.body is None:
            return self.head, self.line
        return self.head, self.line, tuple(n.shape() for n in self.body)


def _merge(nodes):
    first = nodes[0]
    columns = [[v for n in nodes for v in n.columns[i]] for i in range(len(first.columns))]
    calls = None if first.calls is None else [c for n in nodes for c in n.calls]
    body = None
    if first.body is not None:
        body = [_merge(column) for column in zip(*(n.body for n in nodes))]
    return Node(first.head, columns, calls, body, first.tail, first.line, first.keep)


def _is_cpu(node):
    return node.head == "cpu {}"


def _fold(nodes, longest=24):
    """Runs of the same statements become loops, the shortest first."""
    numbers = {}
    for node in nodes:
        if node.body is not None:
            node.body = _fold(node.body, longest)
    for period in range(2, longest + 1):
        if len(nodes) < 2 * period:
            break
        shapes = [numbers.setdefault(n.shape(), len(numbers)) for n in nodes]
        out, i, n = [], 0, len(nodes)
        same = [0] * (n + 1)  # for how long nodes from here on repeat after one period
        for j in range(n - period - 1, -1, -1):
            same[j] = same[j + 1] + 1 if shapes[j] == shapes[j + period] else 0
        while i < n:
            rounds = same[i] // period + 1
            if rounds < 2 or not _is_cpu(nodes[i]) or not _worth(nodes[i:i + period]):
                out.append(nodes[i])
                i += 1
                continue
            parts = [nodes[i + k * period:i + (k + 1) * period] for k in range(rounds)]
            body = [_merge(column) for column in zip(*parts)]
            out.append(Node("cpu {}", [[_outstanding(body[0].columns[0])]]))
            out.append(Node("repeat", [[rounds]], None, body))
            i += rounds * period
        nodes = out
    return nodes


def _joined(nodes):
    """Computing that follows computing is one."""
    out = []
    for node in nodes:
        if node.body is not None:
            node.body = _joined(node.body)
        if out and _is_cpu(node) and _is_cpu(out[-1]) and \
                len(node.columns[0]) == len(out[-1].columns[0]):
            out[-1].columns[0] = [a + b for a, b in zip(out[-1].columns[0], node.columns[0])]
        else:
            out.append(node)
    return out


def _worth(nodes):
    """Whether there is more to repeat than computing and loops."""
    return any(not _is_cpu(n) for n in nodes)


def _outstanding(times):
    """Takes what was computed before a loop out of its first burst and returns it."""
    usual = sorted(times[1:])[(len(times) - 1) // 2]
    excess = times[0] - usual
    if excess < max(usual, 10000):
        return 0
    times[0] = usual
    return excess


class Group:
    """Flows that do the same, with values of their own."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.keys, self.trees = [], []
        self.params = []  # names; args: key -> values in their order
        self.args = {}
        self.one_param = False  # of a map


class Builder:
    """Turns flows into trees, and finds the ones that are alike."""

    def __init__(self, names, source):
        self.names, self.source = names, source
        self.groups, self.by_shape, self.group_of = [], {}, {}
        self.update_cost = self.cheapest_update()
        self.vars = {}       # variable -> is shared
        self.streams = _matched_streams()
        self.conditions = _condition_kinds()
        self.drains = _drains()
        self.ends = _end_marks()
        self.terminated = {e[1] for f in Recording.flows.values() for e in f.events
                           if e[0] == "terminate"}
        self.timers = {e[1] for f in Recording.flows.values() for e in f.events
                       if e[0] == "cancel_timer"}
        self.few = {}  # name of flows -> how many there are
        self.building = set()

    def group(self, key):
        """The group of a flow; its tree is made when first asked for."""
        known = self.group_of.get(key)
        if known is not None:
            return known
        flow = Recording.flows.get(key)
        if flow is None or key in self.building:
            return None
        self.building.add(key)
        tree = _joined(self.served(_fold(self.nodes(flow))))
        self.building.discard(key)
        word = "async task" if flow.kind == "task" else "task"
        shape = (flow.name, word, tuple(n.shape() for n in tree), self.rhythm(flow, tree))
        group = self.by_shape.get(shape)
        if group is None:
            group = self.by_shape[shape] = Group(
                self.names.fresh(flow.name) if key != "main" else "main", word)
            self.groups.append(group)
        group.keys.append(key)
        group.trees.append(tree)
        self.group_of[key] = group
        return group

    def served(self, tree):
        """`while True: item = q.get()` until an item says stop: for item from q { }."""
        for i, node in enumerate(tree):
            if node.head != "repeat" or node.body is None:
                continue
            first = next((n for n in node.body if not _is_cpu(n)), None)
            if first is None or not first.head.startswith(("recv ", "await recv ")):
                continue
            words = first.head.split(" ")
            rest = [n for n in tree[i + 1:] if not _is_cpu(n) or n.columns[0][0] > 50000]
            if len(words) > 3 or not rest or rest[0].head != first.head or \
                    rest[0].line != first.line or words[-1] not in self.ending:
                continue
            at = node.body.index(first)
            node.body = node.body[:at] + node.body[at + 1:]
            if 0 < at < len(node.body) and _is_cpu(node.body[at]):
                before = node.body.pop(at - 1).columns[0]
                column = node.body[at - 1].columns[0]
                column[:] = [a + b for a, b in zip(before, column)]
            node.head = "%sfor item from %s" % ("await " if words[0] == "await" else "",
                                                words[-1])
            node.columns = []
            tree.remove(rest[0])
        return tree

    @property
    def ending(self):
        """Names of the queues that some item ends."""
        return {self.object(k) for k in self.ends}

    def rhythm(self, flow, tree):
        """The waits of loops, if they differ by more than can be left out: a few flows with
        other ones are not made one."""
        if not self.few:
            for f in Recording.flows.values():
                self.few[f.name] = self.few.get(f.name, 0) + 1
        if self.few.get(flow.name, 0) > 8:
            return ()
        found = []

        def walk(nodes, inside):
            for node in nodes:
                if node.body is not None:
                    walk(node.body, inside or node.head == "repeat")
                elif inside and "wait {}" in node.head:
                    values = node.columns[0]
                    if sum(abs(v - values[0]) for v in values) > Recording.wall // 100:
                        found.append(tuple(values))
        walk(tree, False)
        return tuple(found)

    # --- one flow ---

    def nodes(self, flow):
        plan = Plan(self, flow)
        stack, used, line = [[]], 0, 0
        blocks = []  # Node of each open block

        def leaf(*what):
            nonlocal used
            stack[-1].append(Node("cpu {}", [[used]]))
            used = 0
            stack[-1].append(Node(*what))
            stack[-1][-1].line = line

        def begin(head, tail=""):
            leaf(head, (), None, [], tail)
            blocks.append(stack[-1][-1])
            stack.append(blocks[-1].body)

        def end():
            nonlocal used
            stack[-1].append(Node("cpu {}", [[used]]))
            used = 0
            stack.pop()
            return blocks.pop()

        def dissolve():
            """The innermost block is no block after all: its lines go into what is around."""
            block = blocks.pop()
            body = stack.pop()
            stack[-1].pop()
            stack[-1].append(Node(block.head.replace("lock ", "acquire ", 1)))
            stack[-1].extend(body)
        for place, event in enumerate(self.with_updates(flow)):
            what = event[0]
            if what == "cpu":
                used += event[1]
                line = event[2] if len(event) > 2 else 0
                continue
            if what == "span":
                used += event[1]
                continue
            if what == "acquire" and len(event) <= 3:
                begin("lock " + self.object(event[1]))
                for name in self.source.updates_at(event[2]) if event[2] else ():
                    leaf(self.update(name))
                continue
            if what == "release":
                for _ in range(event[2] if len(event) > 2 else 1):
                    name = self.object(event[1])
                    heads = ("lock " + name, "await lock " + name)
                    while blocks and "lock " in blocks[-1].head and \
                            blocks[-1].head not in heads:
                        dissolve()
                    if blocks and blocks[-1].head in heads:
                        end()
                    else:
                        leaf("release " + self.object(event[1]))
                continue
            if what == "await_acquire":
                begin("await lock " + self.object(event[1]))
                continue
            if what == "open":
                begin(self.pool_head(event[1]))
                continue
            if what == "shutdown":
                self.close_pool(event, blocks, begin, end, leaf, dissolve)
                continue
            if what == "block":
                begin("timeout " + _format(event[2]), "else { }")
                continue
            if what == "end":
                while blocks and "lock " in blocks[-1].head:
                    dissolve()
                if blocks and blocks[-1].head.startswith("timeout "):
                    end()
                continue
            for node in plan.replaced(place, event):
                if node.head == "cpu {}":
                    used += node.columns[0][0]
                else:
                    leaf(node.head, node.columns, node.calls, node.body, node.tail)
        while blocks:
            if "lock " in blocks[-1].head:
                dissolve()
            else:
                end()
        stack[-1].append(Node("cpu {}", [[used]]))
        return stack[0]

    def close_pool(self, event, blocks, begin, end, leaf, dissolve):
        head = self.pool_head(event[1])
        if not any(b.head == head for b in blocks):
            return  # it was opened elsewhere, or is closed twice
        while blocks and "lock " in blocks[-1].head:
            dissolve()
        if blocks[-1].head == head and event[2]:
            end()
        else:
            leaf("shutdown " + self.object(event[1]))

    def with_updates(self, flow):
        """Events, where a loop of updates of shared variables takes its part of a burst."""
        pending, line = None, 0
        events = flow.events
        naps, at = set(), 0  # lines that sleep; of them some sleep for nothing
        for event in events:
            at = event[2] if event[0] == "cpu" and len(event) > 2 else at
            if event[0] == "await_wait":
                naps.add(at)
        for event in events:
            line = event[2] if event[0] == "cpu" and len(event) > 2 else line
            if event[0] == "await_yield" and line and line in naps:
                event = ("await_wait", 0)
            if event[0] == "loop_of":
                pending = event
                yield ("loop_of_seen",)
                continue
            if event[0] == "cpu" and pending is not None:
                count, names = pending[1], self.source.updates_of(pending[2])
                pending = None
                if names and count:
                    yield ("updates", count, names, event[1])
                    yield ("cpu", 0) + event[2:]
                    continue
            yield event

    def cheapest_update(self):
        """ns of one x += 1, with its part of a loop, where that is least: it is set for the
        whole run."""
        costs = []
        for flow in Recording.flows.values():
            for event, after in zip(flow.events, flow.events[1:]):
                if event[0] == "loop_of" and after[0] == "cpu" and event[1] > 100:
                    names = self.source.updates_of(event[2])
                    costs.append(after[1] // event[1] // max(1, len(names)))
        return min(costs, default=0)

    def update(self, name):
        self.vars.setdefault(name, False)
        return "%s += 1" % self.names.variable(name)

    def mapped(self, pool, key, head, tail):
        """A map: its task has one parameter, whose values are the list."""
        jobs = sorted(k for k in Recording.flows if k.startswith(key + " "))
        if not jobs:
            return []
        if len({id(self.group(k)) for k in jobs}) > 1:
            for k in jobs:
                group = self.group_of.pop(k)
                group.trees.pop(group.keys.index(k))
                group.keys.remove(k)
                events = Recording.flows[k].events
                Recording.flows[k].events = [
                    ("cpu", sum(e[1] for e in events if e[0] == "cpu")),
                    ("wait", sum(e[1] for e in events if e[0] in ("wait", "outside") and e[1])),
                    ("cpu", 0)]
        group = self.group(jobs[0])
        for k in jobs[1:]:
            self.group(k)
        group.one_param = True
        return [Node("%s %s %s over [@*]%s" % (head, self.object(pool), group.name, tail), (),
                     jobs)]

    def object(self, key):
        o = Recording.objects.get(key)
        if o is None:  # made where nobody looked, as in a child that is no fork
            o = Recording.objects[key] = dict(
                kind={"q": "queue", "s": "lock", "e": "event", "b": "barrier"}.get(key[0], "lock"),
                at=None, otherwise=key.split(" ")[0], shared=True)
        return self.names.object(key)

    def pool_head(self, key):
        o = Recording.objects[key]
        start = ", start=" + o["start"] if o.get("start") and o["start"] != "fork" else ""
        return "pool %s %s(%s%s)" % (self.object(key), o["form"], o["n"], start)


# What may stand between two waits of the same kind that are written as one.
_IDLE = ("cpu", "print", "pass", "span")


class Plan:
    """How the threads, calls and tasks of one flow are named: together, or each by itself."""

    def __init__(self, builder, flow):
        self.builder, self.flow = builder, flow
        self.names = {}      # key -> name of the thread or handle
        self.together = set()
        self.dropped = {}    # place of an event -> what stands there instead
        self.events = list(builder.with_updates(flow))
        self.cancelled = {e[1] for e in flow.events if e[0] in ("cancel",)}
        self.plan_threads()
        self.plan_calls()

    def plan_threads(self):
        started = {}
        for place, event in enumerate(self.events):
            if event[0] == "spawn":
                group = self.builder.group(event[1])
                if group is not None:
                    started.setdefault(id(group), (group, []))[1].append((place, event[1]))
        for group, entries in started.values():
            keys = {key for _, key in entries}
            ends = self.joined_together(keys, dict((k, p) for p, k in entries))
            if ends is None and len(entries) > 1:
                for n, (_, key) in enumerate(entries, 1):
                    self.names[key] = self.builder.names.numbered(group.name, n)
                continue
            for place, instead in (ends or {}).items():
                self.dropped[place] = instead and "join " + group.name
            for _, key in entries:
                self.names[key] = group.name

    def joined_together(self, keys, started):
        """Places of the joins of these threads -> whether it is the last of its run; None if
        they have to be told apart."""
        ends, outstanding, place = {}, set(), 0
        while place < len(self.events):
            event = self.events[place]
            if event[0] == "spawn" and event[1] in keys:
                outstanding.add(event[1])
            elif event[0] in ("terminate", "cancel_timer") and event[1] in keys:
                if len(keys) > 1:
                    return None
            elif event[0] == "join" and event[1] in keys:
                if event[2] is not None:
                    return None if len(keys) > 1 else ends
                run = []
                while outstanding:
                    if place >= len(self.events):
                        return None
                    event = self.events[place]
                    if event[0] == "join" and event[1] in keys:
                        outstanding.discard(event[1])
                        run.append(place)
                    elif event[0] not in _IDLE and event[0] != "join":
                        return None
                    place += 1
                for p in run:
                    ends[p] = False
                if run:
                    ends[run[-1]] = True
                    place -= 1
                else:
                    ends[place] = False
            place += 1
        return ends

    def plan_calls(self):
        """Calls whose results are taken in one go need no names."""
        made, uses = {}, {}
        for place, event in enumerate(self.events):
            what = event[0]
            if what in ("submit", "create", "executor"):
                key = event[2] if what == "submit" else event[1]
                made[key] = (place, what, event[1] if what == "submit" else None)
            for key in self.used_by(event):
                uses.setdefault(key, []).append((place, what))
        self.gather_calls(made, uses)
        self.take_results(made, uses)
        counts = {}
        for key in made:
            if key in uses and key not in self.together and key not in self.names:
                group = self.builder.group(key)
                if group is not None:
                    counts.setdefault(group.name, []).append(key)
        for name, keys in counts.items():
            for n, key in enumerate(keys, 1):
                self.names[key] = "h_%s" % name if len(keys) == 1 else "h_%s_%d" % (name, n)

    @staticmethod
    def used_by(event):
        if event[0] in ("result", "await", "cancel", "wait_for", "completed") and event[1]:
            return [event[1]]
        if event[0] in ("gather", "wait_tasks", "results"):
            return event[1]
        return []

    def gather_calls(self, made, uses):
        """`create` of several tasks right before they are gathered: gather { f(); g() }."""
        for place, event in enumerate(self.events):
            if event[0] not in ("gather", "wait_tasks") or not event[1]:
                continue
            keys = event[1]
            if any(k not in made or made[k][1] != "create" or len(uses[k]) > 1 for k in keys):
                continue
            first = min(made[k][0] for k in keys)
            if any(e[0] not in _IDLE and not (e[0] == "create" and e[1] in keys)
                   for e in self.events[first:place]) or first > place:
                continue
            for k in keys:
                self.dropped[made[k][0]] = None
                self.together.add(k)

    def take_results(self, made, uses):
        """Results of all calls of a pool taken one after another: as_completed."""
        pools = {}
        for key, (place, what, pool) in made.items():
            if what == "submit" and key in uses:
                pools.setdefault(pool, []).append(key)
        for pool, keys in pools.items():
            if len(keys) < 2 or Recording.objects[pool]["form"] == "workers":
                continue
            places = sorted(p for k in keys for p, _ in uses[k])
            last = max(made[k][0] for k in keys)
            if places[0] < last or any(w not in ("result", "completed", "results")
                                       for k in keys for _, w in uses[k]):
                continue
            between = self.events[places[0]:places[-1]]
            if any(e[0] not in _IDLE and e[0] not in ("result", "completed", "results")
                   for e in between):
                continue
            if any(e[0] == "results" and len(e[1]) < len(keys) for e in
                   self.events[places[0]:places[-1] + 1]):
                continue
            self.together.update(keys)
            computed = sum(e[1] for e in between if e[0] == "cpu")
            prints = sum(e[0] == "print" for e in between)
            for p in range(places[0], places[-1] + 1):
                self.dropped[p] = None
            body = [Node("cpu {}", [[computed // len(keys)]])]
            body += [Node("print"), Node("cpu {}", [[0]])] * (prints >= len(keys))
            self.dropped[places[-1]] = Node("as_completed " + self.builder.object(pool), (),
                                            None, body)

    # --- statements ---

    def replaced(self, place, event):
        if place in self.dropped:
            instead = self.dropped[place]
            if isinstance(instead, Node):
                return [instead]
            return [Node(instead)] if instead else []
        made = getattr(self, "do_" + event[0], None)
        if made is None:
            return []
        return [n for n in (made(*event[1:]) or ()) if n is not None]

    def call(self, key, head, tail=""):
        """A statement with a call in it; @ stands for the call."""
        group = self.builder.group(key)
        if group is None:
            return [Node("yield")]
        return [Node("%s@%s%s" % (head, group.name, tail), (), [key])]

    def handle(self, key):
        return " as " + self.names[key] if key in self.names else ""

    def guarded(self, keys, text):
        """A wait for what was cancelled or failed goes on behind it."""
        ends = [getattr(Recording.flows.get(k), "ended", "") for k in keys]
        return "try { %s } except { }" % text if "CancelledError" in ends or any(
            k in self.cancelled for k in keys) else text

    def do_wait(self, ns):
        return [Node("wait {}", [[ns]])]

    def do_outside(self, ns, cpu):
        return [Node("cpu {}", [[cpu]]), Node("wait {}", [[_FOREVER if ns is None else ns]])]

    def do_nogil(self, ns, cpu):
        return [Node("cpu {} nogil", [[cpu]])]

    def do_input(self, ns):
        return [Node("input {}", [[ns]])]

    def do_print(self, text):
        return [Node("print")]

    def do_exit(self):
        return [Node("exit")]

    def do_updates(self, count, names, used):
        rest = used // count // len(names) - self.builder.update_cost
        body = [Node("cpu {}", [[0]])]
        for name in names:
            body += [Node(self.builder.update(name)), Node("cpu {}", [[rest]], keep=rest > 2)]
        return [Node("repeat", [[count]], None, body)]

    def do_acquire(self, key, line=0, limit=None):
        name = self.builder.object(key)
        return [Node("acquire %s timeout {} else { }" % name, [[limit]])]

    def do_waitfor(self, key, limit=None):
        name = self.builder.object(key)
        if limit is None:
            return [Node("waitfor " + name)]
        return [Node("waitfor %s timeout {}" % name, [[limit]])]

    def do_signal(self, key, count):
        return [Node("signal " + self.builder.object(key))]

    def do_clear(self, key):
        return [Node("clear " + self.builder.object(key))]

    def do_notify(self, key, count):
        name, kind = self.builder.object(key), self.builder.conditions.get(key)
        if kind is None:
            return [Node("signal %s%s" % (name, "" if count == 1 else " %s" % count))]
        var = self.builder.names.told(key, kind)
        if kind == "tokens":
            return [Node("%s += 1\nsignal %s" % (var, name))]
        return [Node("%s += 1\nsignal %s all" % (var, name))]

    def do_passed(self, key, told, blocked):
        name, kind = self.builder.object(key), self.builder.conditions.get(key)
        var = self.builder.names.told(key, kind)
        if kind == "tokens":
            return [Node("while %s < 1 { waitfor %s }\n%s += -1" % (var, name, var))]
        return [Node("while %s < {#} { waitfor %s }" % (var, name),
                     [[told if blocked else 0]])]

    def do_wait_condition(self, key, ns):
        return [Node("waitfor %s timeout {}" % self.builder.object(key), [[ns]])]

    def do_recv(self, key, limit=None, mark=""):
        name = self.builder.object(key)
        if limit is None or limit == 0:
            return [Node("recv " + name)]
        return [Node("recv %s timeout {} else { }" % name, [[limit]])]

    def do_send(self, key, limit=None, mark=""):
        name = self.builder.object(key)
        last = self.builder.ends.get(key)
        return [Node("send %s %s" % (name, "none" if last and mark == last else "1"))]

    def do_send_bytes(self, key, size):
        return [Node("send %s 1" % self.builder.object(key))]

    def do_task_done(self, key):
        return [Node("release " + self.builder.names.drained(key))] if (
            key in self.builder.drains) else []

    def do_drained(self, key, word=""):
        entry = self.builder.drains.get(key)
        if entry is None:
            return []
        count = entry.pop() if len(entry) > 1 else entry[0]
        name = self.builder.names.drained(key)
        if not count:
            return []
        return [Node("repeat %d { %sacquire %s }" % (count, word, name))]

    def do_await_drained(self, key):
        return self.do_drained(key, "await ")

    def do_sock_send(self, key, wait, cpu, size, mode="", count=None):
        return self.stream(key, wait, cpu, count, "send %s 1", mode)

    def do_sock_recv(self, key, wait, cpu, size, mode="", count=None):
        return self.stream(key, wait, cpu, count, "recv %s", mode)

    def stream(self, key, wait, cpu, count, text, mode):
        prefix = "await " if mode else ""
        if count is None:  # the other end is outside the program
            wait = _FOREVER if wait is None else wait
            return [Node("cpu {}", [[cpu]]), Node(prefix + "wait {}", [[wait]])] if wait else [
                Node("cpu {}", [[cpu]])]
        return [Node(prefix + text % self.builder.names.stream(key)) for _ in range(count)]

    def do_spawn(self, key, daemon, kind):
        word, _, method = kind.partition(" ")
        name = self.names.get(key, "t")
        return self.call(key, "spawn %s%s %s " % (
            "daemon " if daemon and word == "thread" else "", word, name),
            " (start=%s)" % method if method not in ("", "fork") else "")

    def do_join(self, key, limit):
        name = self.names.get(key)
        if name is None:
            return []
        if limit is None:
            return [Node("join " + name)]
        return [Node("join %s timeout {} else { }" % name, [[limit]])]

    def do_timer(self, key, ns):
        if key in self.builder.timers:
            return [Node("waitfor %s timeout {}" % self.builder.names.stop(key), [[ns]])]
        return [Node("wait {}", [[ns]])]

    def do_cancel_timer(self, key):
        return [Node("signal " + self.builder.names.stop(key))]

    def do_terminate(self, key):
        return [Node("signal " + self.builder.names.stop(key))]

    def do_stopped(self, key, ns):
        return [Node("waitfor %s timeout {}" % self.builder.names.stop(key), [[ns]])]

    def do_submit(self, pool, key):
        return self.call(key, "submit %s " % self.builder.object(pool), self.handle(key))

    def do_apply(self, pool, key):
        return self.call(key, "apply %s " % self.builder.object(pool))

    def do_result(self, key, limit=None):
        if key not in self.names:
            return []
        return [Node("result %s" % self.names[key])]

    def do_completed(self, key):
        return self.do_result(key)

    def do_results(self, keys):
        return [n for k in keys for n in self.do_result(k)]

    def do_cancel(self, key):
        return [Node("cancel " + self.names[key])] if key in self.names else []

    def do_map(self, pool, key, head="map", tail=""):
        return self.builder.mapped(pool, key, head, tail)

    def do_map_async(self, pool, key):
        return self.builder.mapped(pool, key, "map", "")

    def do_imap(self, pool, key):
        return self.builder.mapped(pool, key, "imap", " { }")

    def do_create(self, key):
        return self.call(key, "create ", self.handle(key))

    def do_executor(self, key, pool):
        return self.call(key, "executor %s" % (self.builder.object(pool) + " " if pool else ""),
                         self.handle(key))

    def do_call(self, key, delay):
        return self.call(key, "call ", " after " + _format(delay) if delay else " soon")

    def do_await(self, key):
        if key not in self.names:
            return [Node("await yield")]
        return [Node(self.guarded([key], "await " + self.names[key]))]

    def do_await_wait(self, ns):
        return [Node("await wait {}", [[ns]])]

    def do_await_outside(self, ns):
        return [Node("await wait {}", [[_FOREVER if ns is None else ns]])]

    def do_await_yield(self):
        return [Node("await yield")]

    def do_await_recv(self, key):
        return [Node("await recv " + self.builder.object(key))]

    def do_await_send(self, key):
        return [Node("await send %s 1" % self.builder.object(key))]

    def do_await_waitfor(self, key):
        return [Node("await waitfor " + self.builder.object(key))]

    def do_gather(self, keys, word="gather", tail=""):
        members, calls = [], []
        for k in keys:
            if k in self.together:
                group = self.builder.group(k)
                if group is not None:
                    members.append("@" + group.name)
                    calls.append(k)
            elif k in self.names:
                members.append(self.names[k])
        if not members:
            return []
        text = "%s { %s }" % (word, "; ".join(members))
        return [Node(self.guarded(keys, text) + tail, (), calls or None)]

    def do_wait_tasks(self, keys, which, limit):
        tail = "" if limit is None else " timeout %s else { }" % _format(limit)
        return self.do_gather(keys, "await " + which, tail)

    def do_wait_for(self, key, limit):
        if key not in self.names:
            return []
        return [Node("await %s timeout {} else { }" % self.names[key], [[limit]])]

    def do_wait_for_call(self, key, limit):
        return self.call(key, "await ", " timeout %s else { }" % _format(limit))
