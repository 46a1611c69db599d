# A daemon thread ends with the program.
import threading
import time


def background():
    while True:
        print("still here")
        time.sleep(0.1)


thread = threading.Thread(target=background)
thread.daemon = True
thread.start()
time.sleep(0.45)
print("main ends")
