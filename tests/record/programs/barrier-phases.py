# Four threads in two phases.
import threading
import time

barrier = threading.Barrier(4, action=lambda: print("together"))


def phases(n):
    for phase in range(2):
        time.sleep(0.02 * (n + 1))
        barrier.wait()


threads = [threading.Thread(target=phases, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
