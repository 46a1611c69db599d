# A manager's dictionary and list.
from multiprocessing import get_context


def work(d, items, n):
    d[n] = n * n
    items.append(n)


if __name__ == "__main__":
    context = get_context("fork")
    with context.Manager() as manager:
        d, items = manager.dict(), manager.list()
        processes = [context.Process(target=work, args=(d, items, n)) for n in range(3)]
        for p in processes:
            p.start()
        for p in processes:
            p.join()
        print(sorted(d.items()), sorted(items))
