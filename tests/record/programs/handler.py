# A signal handler and an alarm.
import signal
import time


def handle(number, frame):
    print("got", number)


signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(0.15)
print("awake")
