# async for, async with, async generators.
import asyncio


class Resource:
    async def __aenter__(self):
        await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *what):
        await asyncio.sleep(0.01)


async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0.02)
        yield i


async def main():
    async with Resource():
        async for i in ticks(5):
            print("tick", i)


asyncio.run(main())
