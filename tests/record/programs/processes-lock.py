# Lock, Event and Semaphore of multiprocessing.
# output: any order
import time
from multiprocessing import get_context


def work(n, lock, begin, places):
    begin.wait()
    with places:
        time.sleep(0.02)
    with lock:
        print("worker", n, flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    context = get_context("fork")
    lock, begin, places = context.Lock(), context.Event(), context.Semaphore(2)
    processes = [context.Process(target=work, args=(n, lock, begin, places)) for n in range(4)]
    for p in processes:
        p.start()
    time.sleep(0.05)
    begin.set()
    for p in processes:
        p.join()
