# get with a timeout, get_nowait, a full queue.
import queue
import threading
import time

q = queue.Queue(maxsize=2)


def producer():
    for i in range(5):
        time.sleep(0.02)
        q.put(i)


def consumer():
    got = []
    while True:
        try:
            got.append(q.get(timeout=0.1))
        except queue.Empty:
            break
    print(got)


threads = [threading.Thread(target=producer), threading.Thread(target=consumer)]
[t.start() for t in threads]
[t.join() for t in threads]
try:
    q.get_nowait()
except queue.Empty:
    print("empty")
q.put(1)
q.put(2)
try:
    q.put(3, timeout=0.05)
except queue.Full:
    print("full")
