# The program ends itself by a signal.
import os
import signal
import time

print("last words", flush=True)
time.sleep(0.1)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)
