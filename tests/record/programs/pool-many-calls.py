# Every call of a pool.
from multiprocessing import get_context
import time


def f(x):
    time.sleep(0.01)
    return x + 1


def g(a, b):
    return a * b


if __name__ == "__main__":
    with get_context("fork").Pool(processes=2) as pool:
        print(pool.apply(f, (1,)))
        pending = pool.apply_async(f, (10,))
        print(pending.get(timeout=5))
        print(list(pool.imap(f, range(6))))
        print(sorted(pool.imap_unordered(f, range(4), chunksize=2)))
        print(pool.starmap(g, [(1, 2), (3, 4)]))
        later = pool.map_async(f, range(4))
        later.wait()
        print(later.get())
        pool.close()
        pool.join()
