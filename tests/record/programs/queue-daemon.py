# Daemon workers and join of the queue.
import queue
import threading
import time

q = queue.Queue()


def worker():
    while True:
        item = q.get()
        time.sleep(0.02)
        q.task_done()


for _ in range(2):
    threading.Thread(target=worker, daemon=True).start()
for item in range(10):
    q.put(item)
q.join()
print("all work completed")
