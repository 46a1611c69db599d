# An exception in the main thread.
def f(n):
    return 1 / n


f(0)
