# A timer that fires and one that is cancelled.
import threading
import time

first = threading.Timer(0.1, print, args=("hello",))
second = threading.Timer(5, print, args=("never",))
first.start()
second.start()
time.sleep(0.15)
second.cancel()
print("end")
