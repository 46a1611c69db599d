# A blocking sleep stops the whole loop.
import asyncio
import time


async def rude():
    time.sleep(0.2)


async def polite():
    for _ in range(4):
        await asyncio.sleep(0.03)


async def main():
    await asyncio.gather(polite(), rude())


asyncio.run(main())
