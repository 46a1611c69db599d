# Two threads count with a lock.
import threading

lock = threading.Lock()
counter = 0


def task():
    global counter
    for _ in range(20000):
        with lock:
            counter += 1


t1, t2 = threading.Thread(target=task), threading.Thread(target=task)
t1.start(); t2.start()
t1.join(); t2.join()
print(counter)
