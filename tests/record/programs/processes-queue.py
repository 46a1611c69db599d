# A child puts, the parent gets.
import multiprocessing


def put(q):
    q.put([42, None, "hello"])


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    q = context.Queue()
    p = context.Process(target=put, args=(q,))
    p.start()
    print(q.get())
    p.join()
