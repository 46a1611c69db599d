# done() before and after.
from concurrent.futures import ThreadPoolExecutor
from time import sleep


def greeting(message):
    sleep(0.2)
    return message


pool = ThreadPoolExecutor(3)
future = pool.submit(greeting, "hello")
print(future.done())
sleep(0.25)
print(future.done())
print(future.result())
