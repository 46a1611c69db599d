# A pipe between two processes, both ways.
from multiprocessing import get_context


def child(connection):
    while True:
        n = connection.recv()
        if n is None:
            break
        connection.send(n * 2)
    connection.close()


if __name__ == "__main__":
    context = get_context("fork")
    ours, theirs = context.Pipe()
    p = context.Process(target=child, args=(theirs,))
    p.start()
    for n in range(200):
        ours.send(n)
        assert ours.recv() == 2 * n
    ours.send(None)
    p.join()
    print("done", p.exitcode)
