# Three workers share a queue until None comes.
import queue
import threading
import time

jobs = queue.Queue()
done = []


def worker():
    while True:
        job = jobs.get()
        if job is None:
            break
        time.sleep(job)
        done.append(job)
        jobs.task_done()


threads = [threading.Thread(target=worker) for _ in range(3)]
for t in threads:
    t.start()
for i in range(12):
    jobs.put(0.01 + i % 3 * 0.01)
jobs.join()
for t in threads:
    jobs.put(None)
for t in threads:
    t.join()
print(len(done))
