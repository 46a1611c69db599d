# Three steps, each in a thread.
# output: not compared
import threading
from time import sleep


def step(number, seconds):
    print("step", number, "begins")
    sleep(seconds)
    print("step", number, "ends")


threads = [threading.Thread(target=step, args=(i + 1, t)) for i, t in enumerate((0.15, 0.25, 0.05))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
