# The fork server; a lock and a value go to the children.
import multiprocessing
import time


def work(lock, value, n):
    with lock:
        value.value += n
        time.sleep(0.02)


if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    lock, value = context.Lock(), context.Value("i", 0)
    processes = [context.Process(target=work, args=(lock, value, n)) for n in range(3)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    print(value.value)
