# as_completed in the order of ending.
import asyncio


async def nap(t):
    await asyncio.sleep(t)
    return t


async def main():
    for future in asyncio.as_completed([nap(t) for t in (0.15, 0.05, 0.1)]):
        print(await future)


asyncio.run(main())
