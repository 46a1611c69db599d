# CPU-bound calls in a pool of threads.
from concurrent.futures import ThreadPoolExecutor


def is_prime(n):
    return all(n % i for i in range(2, int(n ** 0.5) + 1))


with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(is_prime, [112272535095293, 112582705942171, 115280095190773,
                                  115797848077099][:2] * 1)))
