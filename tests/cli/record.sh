#!/bin/sh
# coreplay record: Python programs become workloads that take as long as they did.
# shellcheck source=/dev/null
. "${top_srcdir:?}/tests/cli/lib.sh"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || exit 77
COREPLAY_DATA=${top_builddir:?}/traces/record
export COREPLAY_DATA

cat >threads.py <<'END'
import queue, sys, threading
from time import sleep
lock = threading.Lock()
results = queue.Queue(4)
def step(t):
    print("step")
    sleep(t)
    for i in range(5):
        with lock:
            sleep(0.001)
    results.put(t)
threads = [threading.Thread(target=step, args=(t,)) for t in (0.1, 0.3, 0.2)]
for t in threads:
    t.start()
for t in threads:
    results.get()
for t in threads:
    t.join()
sys.exit(int(sys.argv[1]))
END
must 'output and exit code are those of the program'
cp_run record -o threads.cpw -- threads.py 3
is_code 3
out_has '^step$'
err_has 'wrote .*threads.cpw'

must 'the workload names locks and queues, loops and threads as the program does'
for line in 'queue results (capacity=4)' 'spawn thread step' 'repeat 5 {' 'recv results'; do
    grep -qF "$line" threads.cpw || fail "threads.cpw lacks: $line"
done

must 'it runs, and takes as long as the program waited'
echo 'expect makespan == 307ms +- 10%; expect outcome == done' >>threads.cpw
cp_run run threads.cpw
is_code 0

must 'a pool of threads keeps its size'
cat >pool.py <<'END'
import time
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(max_workers=2) as ex:
    print(list(ex.map(time.sleep, [0.1, 0.1, 0.1, 0.1])))
END
cp_run record -o pool.cpw -- pool.py
is_code 0
echo 'expect makespan == 200ms +- 10%' >>pool.cpw
cp_run run pool.cpw
is_code 0

must 'a child process is part of it'
cat >child.py <<'END'
import time
from multiprocessing import get_context
def put(q):
    time.sleep(0.2)
    q.put(42)
if __name__ == "__main__":
    fork = get_context("fork")
    q = fork.Queue()
    p = fork.Process(target=put, args=(q,))
    p.start()
    print(q.get())
    p.join()
END
cp_run record -o child.cpw -- child.py
is_code 0
out_has '^42$'
echo 'expect makespan == 205ms +- 10%' >>child.cpw
cp_run run child.cpw
is_code 0

must 'a pool of processes maps what each item computed'
cat >squares.py <<'END'
from multiprocessing import get_context
def f(n):
    return sum(i * i for i in range(n))
if __name__ == "__main__":
    with get_context("fork").Pool(2) as p:
        print(len(p.map(f, [300000, 100000, 100000])))
END
cp_run record -o squares.cpw -- squares.py
is_code 0
grep -q 'map p f over \[[^,]*, [^,]*, [^,]*\]' squares.cpw || fail 'squares.cpw lacks the map'
cp_run run squares.cpw
is_code 0

must 'tasks of asyncio wait beside each other'
cat >tasks.py <<'END'
import asyncio
async def fetch(t):
    await asyncio.sleep(t)
    return t
async def feed(q):
    for i in range(10):
        await asyncio.sleep(0.01)
        await q.put(i)
async def main():
    q = asyncio.Queue(2)
    print(await asyncio.gather(fetch(0.2), fetch(0.1)))
    feeder = asyncio.create_task(feed(q))
    for i in range(10):
        await q.get()
    await feeder
asyncio.run(main())
END
cp_run record -o tasks.cpw -- tasks.py
is_code 0
out_has '^\[0.2, 0.1\]$'
# Importing asyncio takes its time.
echo 'expect makespan > 300ms; expect makespan < 600ms' >>tasks.cpw
cp_run run tasks.cpw
is_code 0

must 'whatif ranks a recorded program without being asked for a change'
cp_run whatif threads.cpw
is_code 0
for line in '1 core' '8 cores' 'Python 3.13t' 'as it stands'; do out_has "$line"; done

must 'a program that never ends is cut and still written'
echo 'import threading; l = threading.Lock(); l.acquire(); l.acquire()' >stuck.py
cp_run record -o stuck.cpw --for 300ms -- stuck.py
is_code 0
grep -q 'acquire l' stuck.cpw || fail 'stuck.cpw lacks the lock'

must 'an exception is printed as without the recorder'
printf 'def f():\n    raise ValueError("no")\nf()\n' >raises.py
python3 raises.py 2>wanted
cp_run record -o raises.cpw -- raises.py
is_code 1
grep -v '^coreplay record' err >got
cmp -s wanted got || fail 'the traceback differs'
[ -s raises.cpw ] || fail 'no workload was written'

must 'a syntax error is the program'"'"'s own'
echo 'def' >broken.py
cp_run record -o broken.cpw -- broken.py
is_code 1
err_has 'SyntaxError'
no_file broken.cpw

must 'what cannot be run is named'
cp_run record -o x.cpw -- nothing.py
is_code 2
err_has 'nothing.py'
cp_run record -o x.cpw --python no-such-python -- pool.py
is_code 3
err_has 'no-such-python'
cp_run record
is_code 2

finish
