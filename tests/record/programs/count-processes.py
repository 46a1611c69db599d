# Counting in two processes.
import multiprocessing


def count_up(n):
    i = 0
    while i < n:
        i += 1


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=count_up, args=(3000000,)) for _ in range(2)]
    for p in both:
        p.start()
    for p in both:
        p.join()
    print("finished")
