# Pool(5).map of a small function.
from multiprocessing import get_context


def f(x):
    return x * x


if __name__ == "__main__":
    with get_context("fork").Pool(5) as pool:
        print(pool.map(f, [1, 2, 3]))
