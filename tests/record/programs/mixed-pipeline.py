# Threads compute and pass on: three stages.
import queue
import threading
import time

raw, cooked = queue.Queue(3), queue.Queue(3)


def read():
    for n in range(15):
        time.sleep(0.004)
        raw.put(n)
    raw.put(None)


def cook():
    while (n := raw.get()) is not None:
        sum(i * n for i in range(20000))
        cooked.put(n)
    cooked.put(None)


def serve():
    count = 0
    for n in iter(cooked.get, None):
        time.sleep(0.006)
        count += 1
    print("served", count)


stages = [threading.Thread(target=f) for f in (read, cook, serve)]
for s in stages:
    s.start()
for s in stages:
    s.join()
