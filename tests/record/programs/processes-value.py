# A shared value with its lock.
from multiprocessing import get_context


def add(counter):
    for _ in range(3000):
        with counter.get_lock():
            counter.value += 1


if __name__ == "__main__":
    context = get_context("fork")
    counter = context.Value("i", 0)
    processes = [context.Process(target=add, args=(counter,)) for _ in range(2)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    print(counter.value)
