# contextvars and a decorator around thread functions.
import contextvars
import functools
import threading
import time

name = contextvars.ContextVar("name", default="nobody")


def timed(f):
    @functools.wraps(f)
    def inner(*args):
        began = time.monotonic()
        f(*args)
        return time.monotonic() - began
    return inner


@timed
def work(n):
    name.set(n)
    time.sleep(0.05)
    print(name.get())


threads = [threading.Thread(target=work, args=("t%d" % n,)) for n in range(3)]
for t in threads:
    t.start()
    t.join()
print(name.get())
