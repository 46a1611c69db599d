# wait() for the first and for all; map with results.
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
import time


def nap(t):
    time.sleep(t)
    return t


with ThreadPoolExecutor(2) as pool:
    futures = [pool.submit(nap, t) for t in (0.15, 0.05, 0.1, 0.1)]
    done, left = wait(futures, return_when=FIRST_COMPLETED)
    print(len(done), len(left))
    done, left = wait(futures)
    print(len(done), len(left))
    print(list(pool.map(nap, [0.03] * 4)))
