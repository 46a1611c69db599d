# Exit codes, terminate and is_alive.
import multiprocessing
import sys
import time


def leave(code):
    time.sleep(0.03)
    sys.exit(code)


def stay():
    time.sleep(30)


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    a, b = context.Process(target=leave, args=(3,)), context.Process(target=stay)
    a.start()
    b.start()
    a.join()
    print(a.exitcode, b.is_alive())
    b.terminate()
    b.join()
    print(b.exitcode)
