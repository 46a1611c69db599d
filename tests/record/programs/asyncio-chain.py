# Coroutines await coroutines; two queries of 2 "seconds".
import asyncio
import time


async def query(name):
    await asyncio.sleep(0.1)
    return name


async def both():
    first = await query("users")
    second = await query("orders")
    return first, second


async def main():
    began = time.perf_counter()
    print(await both())
    print(await asyncio.gather(query("users"), query("orders")))
    print(round(time.perf_counter() - began, 1))


asyncio.run(main())
