# SimpleQueue, LifoQueue, PriorityQueue.
import queue
import threading
import time

simple, stack, heap = queue.SimpleQueue(), queue.LifoQueue(), queue.PriorityQueue()


def feed():
    for i in (3, 1, 2):
        time.sleep(0.02)
        simple.put(i)
        stack.put(i)
        heap.put(i)


t = threading.Thread(target=feed)
t.start()
print([simple.get() for _ in range(3)])
t.join()
print([stack.get() for _ in range(3)], [heap.get() for _ in range(3)])
