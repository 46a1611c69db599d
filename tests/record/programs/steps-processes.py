# Three steps, each in a process.
# output: not compared
import multiprocessing
import time


def step(number, seconds):
    print("step", number, "begins", flush=True)
    time.sleep(seconds)
    print("step", number, "ends", flush=True)


if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=step, args=a) for a in ((1, 0.15), (2, 0.25), (3, 0.05))]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    print("done")
