# Spawned processes, a queue between them.
import multiprocessing
import time


def greet(q, name):
    time.sleep(0.05)
    q.put("hello " + name)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    q = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=greet, args=(q, name)) for name in ("ann", "bob")]
    for p in processes:
        p.start()
    print(sorted(q.get() for p in processes))
    for p in processes:
        p.join()
