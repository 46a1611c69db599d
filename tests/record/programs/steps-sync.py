# Three steps one after another.
import time


def step(number, seconds):
    print("step", number, "begins")
    time.sleep(seconds)
    print("step", number, "ends")


for number, seconds in ((1, 0.15), (2, 0.25), (3, 0.05)):
    step(number, seconds)
