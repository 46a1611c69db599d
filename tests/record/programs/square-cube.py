# Two short threads.
# output: not compared
import threading


def print_square(n):
    print("square", n * n)


def print_cube(n):
    print("cube", n * n * n)


t1 = threading.Thread(target=print_square, args=(10,))
t2 = threading.Thread(target=print_cube, args=(10,))
t1.start()
t2.start()
t1.join()
t2.join()
print("Done!")
