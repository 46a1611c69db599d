# Lock, Semaphore, Event and Condition of asyncio.
import asyncio


async def user(n, lock, places, ready):
    await ready.wait()
    async with places:
        await asyncio.sleep(0.02)
    async with lock:
        await asyncio.sleep(0.01)


async def main():
    lock, places, ready = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event()
    tasks = [asyncio.create_task(user(n, lock, places, ready)) for n in range(6)]
    await asyncio.sleep(0.05)
    ready.set()
    await asyncio.gather(*tasks)
    print("done")


asyncio.run(main())
