# One coffee machine, three baristas; who orders is read from the keyboard.
# input: 1 2 3
# output: any order
import threading
import time

MENU = {"1": 0.05, "2": 0.1, "3": 0.2}
machine = threading.Lock()


class Order(threading.Thread):
    count = 0

    def __init__(self, what):
        super().__init__()
        Order.count += 1
        self.number, self.what, self.began = Order.count, what, time.time()

    def run(self):
        with machine:
            time.sleep(MENU[self.what] / 2)
        time.sleep(MENU[self.what] / 2)
        print("order", self.number, "is ready, you waited", round(time.time() - self.began, 1))


orders = [Order(word) for word in input("what? ").split()]
for order in orders:
    order.start()
for order in orders:
    order.join()
