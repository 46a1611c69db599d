# ProcessPoolExecutor, with the main guard.
from concurrent.futures import ProcessPoolExecutor
import multiprocessing


def total(n):
    return sum(range(n))


if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        print(list(pool.map(total, [1000000, 2000000, 3000000])))
        print(pool.submit(total, 2000000).result())
