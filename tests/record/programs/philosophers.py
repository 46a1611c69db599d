# Five philosophers, forks in order.
import threading
import time

forks = [threading.Lock() for _ in range(5)]


def dine(i):
    left, right = sorted((i, (i + 1) % 5))
    for _ in range(3):
        with forks[left]:
            with forks[right]:
                time.sleep(0.01)
        time.sleep(0.01)


people = [threading.Thread(target=dine, args=(i,)) for i in range(5)]
for p in people:
    p.start()
for p in people:
    p.join()
