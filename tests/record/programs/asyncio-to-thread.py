# to_thread (3.9 and later).
# needs 3.9
import asyncio
import time


def blocking(t):
    time.sleep(t)
    return t


async def main():
    print(await asyncio.gather(*(asyncio.to_thread(blocking, t) for t in (0.1, 0.15))))


asyncio.run(main())
