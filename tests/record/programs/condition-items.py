# Producer and consumer with a condition.
import threading
import time

items = []
condition = threading.Condition()


def producer():
    for i in range(10):
        time.sleep(0.01)
        with condition:
            items.append(i)
            condition.notify()


def consumer(name):
    for _ in range(5):
        with condition:
            while not items:
                condition.wait()
            items.pop()
        time.sleep(0.005)


threads = [threading.Thread(target=producer)]
threads += [threading.Thread(target=consumer, args=(n,)) for n in "ab"]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(len(items))
