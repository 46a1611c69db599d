# Worker processes take tasks from one queue and answer on another.
import multiprocessing as mp
import time


def worker(tasks, answers):
    for n in iter(tasks.get, "stop"):
        time.sleep(0.02)
        answers.put(n * n)


if __name__ == "__main__":
    context = mp.get_context("fork")
    tasks, answers = context.Queue(), context.Queue()
    workers = [context.Process(target=worker, args=(tasks, answers)) for _ in range(2)]
    for w in workers:
        w.start()
    for n in range(10):
        tasks.put(n)
    print(sorted(answers.get() for _ in range(10)))
    for w in workers:
        tasks.put("stop")
    for w in workers:
        w.join()
