# An RLock is taken again by its holder.
import threading

lock = threading.RLock()


def outer(n):
    with lock:
        return inner(n) + 1


def inner(n):
    with lock:
        return sum(range(n))


threads = [threading.Thread(target=outer, args=(200000,)) for _ in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
