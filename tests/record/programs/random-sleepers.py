# Subclasses of Thread sleep for drawn times.
import random
import threading
import time

random.seed(4)


class Worker(threading.Thread):
    def __init__(self, number):
        threading.Thread.__init__(self)
        self.number, self.nap = number, random.randrange(1, 10) / 40

    def run(self):
        time.sleep(self.nap)


for number in range(5):
    Worker(number).start()
print("all started")
