#!/usr/bin/env python3
"""Records every program of a folder and holds the workloads against reality.

    corpus.py [--python PYTHON] [--repeat N] [--cpus LIST] [--against PYTHON]
              [--set KEY=VALUE] [--keep DIR] [--at-least PERCENT] COREPLAY RECORDER PROGRAM ...

For each program: it must print and return the same with the recorder as without, the workload
must run, and its makespan is compared with the time the program itself takes beyond that of
an empty one.  A program's first lines say what is special about it:
    # output: any order | not compared        # input: text        # for 400ms        # needs 3.11
With --cpus the real program runs on those CPUs while it is recorded on all of them, with
--against it runs under another interpreter: then the figures are those of a prediction.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time


def options_of(path):
    found = {}
    for line in open(path):
        match = re.match(r"# (output|input|for|needs|args)(?::| ) ?(.*)", line)
        if match:
            found[match.group(1)] = match.group(2).strip()
        elif not line.startswith("#"):
            return found
    return found


def run(argv, text, cpus=None, limit=60):
    if cpus:
        argv = ["taskset", "-c", cpus] + argv
    began = time.perf_counter()
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=limit)
    return time.perf_counter() - began, done


def best(argv, text, cpus, repeat):
    runs = [run(argv, text, cpus) for _ in range(repeat)]
    return min(r[0] for r in runs), runs[0][1]


def compared(how, done):
    if how == "not compared":
        return done.returncode
    err = [line for line in done.stderr.splitlines() if not line.startswith("coreplay record")]
    if how == "any order":
        return done.returncode, sorted(done.stdout.splitlines()), sorted(err)
    return done.returncode, done.stdout, err


class Corpus:
    def __init__(self, args):
        self.args = args
        self.real = args.against or args.python
        self.empty = {}
        self.folder = args.keep or tempfile.mkdtemp(prefix="corpus-")
        os.makedirs(self.folder, exist_ok=True)

    def startup(self):
        """The time of a program that does nothing."""
        nothing = os.path.join(self.folder, "nothing.py")
        open(nothing, "w").close()
        return best([self.real, nothing], "", self.args.cpus, max(5, self.args.repeat))[0]

    def simulate(self, workload):
        argv = [self.args.coreplay, "run", "--json", workload]
        for pair in self.args.set:
            argv[2:2] = ["--set", pair]
        if self.args.cpus:
            argv[2:2] = ["--set", "cores=%d" % len(self.args.cpus.split(","))]
        done = run(argv, "", None, 60)[1]
        if not done.stdout.startswith("{"):
            return None, done.stderr.strip().splitlines()[:1]
        result = json.loads(done.stdout)
        if "metrics" not in result or result["metrics"]["makespan_ns"] is None:
            return None, [result.get("outcome", "no result")]
        return result, None

    def one(self, path):
        """Name, what is wrong or None, simulated and real seconds."""
        name = os.path.splitext(os.path.basename(path))[0]
        how = options_of(path)
        text = how.get("input", "") + "\n"
        workload = os.path.join(self.folder, name + ".cpw")
        if os.path.exists(workload):
            os.remove(workload)
        recorder = [self.args.python, self.args.recorder, "-o", workload]
        if "for" in how:
            done = run(recorder + ["--for", how["for"], path], text)[1]
            real, same = float(how["for"].rstrip("ms")) / 1000, done.returncode == 0
        else:
            real, plain = best([self.real, path], text, self.args.cpus, self.args.repeat)
            real -= self.empty_time
            _, done = run(recorder + [path], text)
            wanted = plain
            if self.args.against or self.args.cpus:
                wanted = done
            same = compared(how.get("output"), wanted) == compared(how.get("output"), done)
        if not same:
            return name, "differs: %r" % (done.stderr or done.stdout)[-150:], None, real
        if not os.path.exists(workload):
            if "SyntaxError" in done.stderr:
                return name, None, None, real
            return name, "no workload: " + done.stderr[-100:], None, real
        result, error = self.simulate(workload)
        if error:
            return name, "not runnable: " + "".join(error), None, real
        took = result["metrics"]["makespan_ns"] / 1e9
        outcome = result["outcome"]
        if "for" in how and outcome == "deadlock":
            took = real  # nothing more happens
        bad = outcome != "done" and "for" not in how
        return name, "outcome " + outcome if bad else None, took, real

    def all(self):
        self.empty_time = self.startup()
        rows = []
        for path in self.args.programs:
            need = options_of(path).get("needs")
            version = subprocess.check_output([self.args.python, "-c", "import sys; print("
                                               "sys.version_info[1])"])
            if need and int(version) < int(need.split(".")[1]):
                continue
            try:
                rows.append(self.one(path))
            except (subprocess.TimeoutExpired, KeyError, ValueError, TypeError) as error:
                rows.append((os.path.basename(path), repr(error)[:150], None, None))
            self.show(rows[-1])
        return rows

    @staticmethod
    def show(row):
        name, wrong, took, real = row
        print("%-28s %9s %9s %8s  %s" % (
            name, "" if took is None else "%.1f ms" % (took * 1e3),
            "" if real is None else "%.1f ms" % (real * 1e3),
            "" if took is None else "%+.1f %%" % error_of(took, real), wrong or ""), flush=True)


def error_of(took, real):
    return (took - real) / max(real, 1e-9) * 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--against")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--cpus")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--keep")
    parser.add_argument("--at-least", type=float, default=100)
    parser.add_argument("coreplay")
    parser.add_argument("recorder")
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    rows = Corpus(args).all()
    ran = [r for r in rows if r[1] is None]
    # Programs that end within a few milliseconds say more of the machine than of the model.
    errors = [abs(error_of(r[2], r[3])) for r in ran if r[2] is not None and r[3] > 0.03]
    print("programs %d, passed %d (%.0f %%), error of the makespan: median %.1f %%, within 10 %%: "
          "%.0f %%" % (len(rows), len(ran), 100 * len(ran) / len(rows), statistics.median(errors),
                       100 * sum(e <= 10 for e in errors) / len(errors)))
    return 0 if len(ran) >= args.at_least / 100 * len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
