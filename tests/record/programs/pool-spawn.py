# A pool of spawned workers.
import multiprocessing


def burn(n):
    return sum(i * i for i in range(n))


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(burn, [300000, 300000]))
