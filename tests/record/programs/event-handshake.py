# Two events, set, clear and wait with a timeout.
import threading
import time

begin, end = threading.Event(), threading.Event()


def waiter():
    print("waits")
    begin.wait()
    time.sleep(0.05)
    end.set()


def impatient():
    print("in time:", end.wait(0.02))


threads = [threading.Thread(target=waiter), threading.Thread(target=impatient)]
for t in threads:
    t.start()
time.sleep(0.1)
begin.set()
end.wait()
begin.clear()
print(begin.is_set(), end.is_set())
