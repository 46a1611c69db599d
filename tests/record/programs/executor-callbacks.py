# add_done_callback, cancel, exception.
from concurrent.futures import ThreadPoolExecutor
import time


def work(n):
    time.sleep(0.05)
    if n == 1:
        raise ValueError("one")
    return n


with ThreadPoolExecutor(max_workers=1) as pool:
    futures = [pool.submit(work, n) for n in range(4)]
    futures[0].add_done_callback(lambda f: print("first:", f.result()))
    print(futures[3].cancel())
    print(repr(futures[1].exception()))
    print(futures[2].result())
