# Counting in two threads: no faster than in one.
import threading


def count(n):
    while n > 0:
        n -= 1


a = threading.Thread(target=count, args=(2000000,))
b = threading.Thread(target=count, args=(2000000,))
a.start()
b.start()
a.join()
b.join()
