# gather with exceptions, finally in a cancelled task.
import asyncio


async def fails():
    await asyncio.sleep(0.03)
    raise ValueError("no")


async def tidy():
    try:
        await asyncio.sleep(10)
    finally:
        print("tidied")


async def main():
    print(await asyncio.gather(fails(), fails(), return_exceptions=True))
    task = asyncio.create_task(tidy())
    await asyncio.sleep(0.05)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")


asyncio.run(main())
