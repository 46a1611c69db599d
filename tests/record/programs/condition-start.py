# notify_all starts all runners at once.
import threading
import time

gun = threading.Condition()
ready = False


def runner(n):
    with gun:
        while not ready:
            gun.wait()
    time.sleep(0.02 * n)


threads = [threading.Thread(target=runner, args=(n,)) for n in range(1, 5)]
for t in threads:
    t.start()
time.sleep(0.1)
with gun:
    ready = True
    gun.notify_all()
for t in threads:
    t.join()
print("all home")
