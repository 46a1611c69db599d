# Two hundred threads at once.
import threading
import time

threads = [threading.Thread(target=time.sleep, args=(0.1,)) for _ in range(200)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(len(threads))
