#!/bin/sh
# coreplay record: Python programs become workloads that take as long as they did.
# shellcheck source=/dev/null
. "${top_srcdir:?}/tests/cli/lib.sh"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || exit 77

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

must 'it is shown without lines of the recorder'
python3 broken.py 2>wanted
cp_run record -o broken.cpw -- broken.py
grep -v '^coreplay record' err | sed "s|$work/||" >got
sed "s|$work/||" wanted | cmp -s - got || fail 'the message differs'

must 'what is no Python says so'
printf '\177ELF\0\0' >binary.py
cp_run record -o binary.cpw -- binary.py
is_code 1
err_has 'is no Python source'

must 'a spawned process runs under the recorder too'
cat >spawned.py <<'END'
import multiprocessing, time
def work(q, lock, value):
    with lock:
        time.sleep(0.05)
        value.value += 1
    q.put("done")
if __name__ == "__main__":
    c = multiprocessing.get_context("spawn")
    q, lock, value = c.Queue(), c.Lock(), c.Value("i", 0)
    both = [c.Process(target=work, args=(q, lock, value)) for _ in range(2)]
    [p.start() for p in both]
    print(q.get(), q.get())
    [p.join() for p in both]
    print(value.value)
END
cp_run record -o spawned.cpw -- spawned.py
is_code 0
out_has '^done done$'
for line in 'wait 50ms' 'send q 1' 'start=spawn' 'shared lock lock_'; do
    grep -qF "$line" spawned.cpw || fail "spawned.cpw lacks: $line"
done
cp_run run spawned.cpw
is_code 0

must 'threads that add to a variable without a lock do so in the workload'
cat >race.py <<'END'
import threading
total = 0
def add():
    global total
    for _ in range(50000):
        total += 1
both = [threading.Thread(target=add) for _ in range(2)]
[t.start() for t in both]
[t.join() for t in both]
END
cp_run record -o race.cpw -- race.py
is_code 0
grep -q 'total += 1' race.cpw || fail 'race.cpw lacks the update'
grep -q 'repeat 50000 {' race.cpw || fail 'race.cpw lacks the loop'

must 'workers take items until one says stop, whoever is free'
cat >share.py <<'END'
import queue, threading, time
q = queue.Queue()
def worker():
    while True:
        t = q.get()
        if t is None:
            break
        time.sleep(t)
workers = [threading.Thread(target=worker) for _ in range(2)]
[w.start() for w in workers]
for t in (0.08, 0.02, 0.02, 0.02, 0.02, 0.02):
    q.put(t)
q.put(None)
q.put(None)
[w.join() for w in workers]
END
cp_run record -o share.cpw -- share.py
grep -q 'for item from q' share.cpw || fail 'share.cpw lacks the loop over items'
grep -q 'send q none' share.cpw || fail 'share.cpw lacks the last item'
cp_run run share.cpw
is_code 0

must 'a predicate that was true at once, or later, waits for the same notification'
cat >told.py <<'END'
import threading, time
c, items = threading.Condition(), []
def take():
    for _ in range(6):
        with c:
            while not items:
                c.wait()
            items.pop()
        time.sleep(0.01)
t = threading.Thread(target=take)
t.start()
for i in range(6):
    time.sleep(0.001 if i < 3 else 0.02)
    with c:
        items.append(i)
        c.notify()
t.join()
END
cp_run record -o told.cpw -- told.py
is_code 0
for n in 1 2 8; do
    cp_run run --set cores=$n told.cpw
    is_code 0
done

must 'a signal ends it as it would, and it is written'
printf 'import time\nprint(1, flush=True)\ntime.sleep(30)\n' >sleeps.py
"$COREPLAY" record -o sleeps.cpw -- sleeps.py >sleeps.out 2>err &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -s sleeps.out ] || sleep 0.5
done
kill -TERM $pid
code=0
wait $pid || code=$?
is_code 143
grep -q 'until' sleeps.cpw || fail 'nothing was written'

must 'a program that is read and not run has params for what nobody knows'
cat >reads.py <<'END'
import threading, time, sys
def step(t):
    print("step")
    time.sleep(t)
threads = [threading.Thread(target=step, args=(t,)) for t in (0.2, 0.1)]
for t in threads:
    t.start()
for t in threads:
    t.join()
time.sleep(float(sys.argv[1]))
END
cp_run import reads.py -o reads.cpw
is_code 0
grep -q 'param sleep_10 = 1s  # line 10' reads.cpw || fail 'reads.cpw lacks the param'
echo 'expect makespan == 700ms +- 2%' >>reads.cpw
cp_run run --set sleep_10=500ms reads.cpw
is_code 0
cp_run import broken.py -o broken.cpw
is_code 2
err_has 'broken.py:1'
cp_run import reads.py -o reads.cpr
is_code 2
cp_run import reads.py -o reads2.cpw --pin
is_code 2
err_has 'belongs to recordings'

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
