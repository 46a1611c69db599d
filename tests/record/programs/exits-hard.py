# os._exit while a thread sleeps.
import os
import threading
import time

threading.Thread(target=time.sleep, args=(5,)).start()
time.sleep(0.1)
print("bye", flush=True)
os._exit(7)
