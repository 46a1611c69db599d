# A bounded buffer with two conditions on one lock, and wait_for.
import threading
import time
from collections import deque


class Buffer:
    def __init__(self, size):
        self.size, self.items = size, deque()
        self.lock = threading.Lock()
        self.not_full = threading.Condition(self.lock)
        self.not_empty = threading.Condition(self.lock)

    def put(self, item):
        with self.not_full:
            self.not_full.wait_for(lambda: len(self.items) < self.size)
            self.items.append(item)
            self.not_empty.notify()

    def get(self):
        with self.not_empty:
            self.not_empty.wait_for(lambda: self.items)
            self.not_full.notify()
            return self.items.popleft()


buffer = Buffer(2)


def produce():
    for i in range(20):
        buffer.put(i)


def consume():
    total = 0
    for i in range(20):
        total += buffer.get()
        time.sleep(0.005)
    print(total)


a, b = threading.Thread(target=produce), threading.Thread(target=consume)
a.start(), b.start()
a.join(), b.join()
