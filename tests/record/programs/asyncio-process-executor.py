# A sum in a worker process, the loop stays free.
import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor


def heavy():
    return sum(range(5000000))


async def main():
    loop = asyncio.get_running_loop()
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(mp_context=fork) as pool:
        print(await loop.run_in_executor(pool, heavy))


if __name__ == "__main__":
    asyncio.run(main())
