# Two threads count without a lock.
# output: not compared
import threading

counter = 0


def increment():
    global counter
    counter += 1


def task(n):
    for _ in range(n):
        increment()


def main():
    global counter
    counter = 0
    threads = [threading.Thread(target=task, args=(100000,)) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


for i in range(5):
    main()
    print("run", i, counter)
