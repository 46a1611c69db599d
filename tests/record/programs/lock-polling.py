# A lock tried with a timeout and without blocking.
import threading
import time

lock = threading.Lock()
tries = []


def holder():
    with lock:
        time.sleep(0.15)


def taster():
    while not lock.acquire(timeout=0.02):
        tries.append(1)
    lock.release()


a, b = threading.Thread(target=holder), threading.Thread(target=taster)
a.start()
time.sleep(0.01)
b.start()
a.join()
b.join()
print(lock.acquire(blocking=False), lock.acquire(blocking=False), len(tries) > 3)
