# Accounts with a lock each; a class with methods.
import threading
import time


class Account:
    def __init__(self, amount):
        self.amount = amount
        self.lock = threading.Lock()

    def deposit(self, n):
        with self.lock:
            old = self.amount
            time.sleep(0.001)
            self.amount = old + n


account = Account(0)
threads = [threading.Thread(target=account.deposit, args=(1,)) for _ in range(30)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(account.amount)
