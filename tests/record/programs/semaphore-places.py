# Three places, ten cars.
import threading
import time

places = threading.BoundedSemaphore(3)


def park(n):
    with places:
        time.sleep(0.02)


cars = [threading.Thread(target=park, args=(n,)) for n in range(10)]
for car in cars:
    car.start()
for car in cars:
    car.join()
