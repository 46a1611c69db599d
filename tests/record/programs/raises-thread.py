# An exception in a thread; the program goes on.
import sys
import threading


def bad():
    raise RuntimeError("in the thread")


sys.stderr = sys.stdout
threading.excepthook = lambda args: print(args.exc_type.__name__, args.exc_value)
t = threading.Thread(target=bad)
t.start()
t.join()
print("main goes on")
