# A blocking call in a thread, a heartbeat beside it.
import asyncio
import time
from concurrent.futures import ThreadPoolExecutor


def blocking(t):
    time.sleep(t)
    return "result"


async def heartbeat():
    for _ in range(5):
        await asyncio.sleep(0.04)


async def main():
    loop = asyncio.get_running_loop()
    beat = asyncio.create_task(heartbeat())
    with ThreadPoolExecutor() as pool:
        print(await loop.run_in_executor(pool, blocking, 0.2))
    await beat
    print(await loop.run_in_executor(None, blocking, 0.05))


asyncio.run(main())
