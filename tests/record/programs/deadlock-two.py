# Two threads take two locks in opposite order.
# for 400ms
import threading
import time

lock1, lock2 = threading.Lock(), threading.Lock()


def first():
    with lock1:
        print("first has lock1")
        time.sleep(0.1)
        with lock2:
            print("never")


def second():
    with lock2:
        print("second has lock2")
        time.sleep(0.1)
        with lock1:
            print("never")


t1, t2 = threading.Thread(target=first), threading.Thread(target=second)
t1.start()
t2.start()
t1.join()
t2.join()
