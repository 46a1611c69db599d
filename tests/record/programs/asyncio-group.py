# TaskGroup and timeout (3.11 and later).
# needs 3.11
import asyncio


async def work(t):
    await asyncio.sleep(t)


async def main():
    async with asyncio.TaskGroup() as group:
        for t in (0.05, 0.1, 0.15):
            group.create_task(work(t))
    try:
        async with asyncio.timeout(0.05):
            await work(1)
    except TimeoutError:
        print("stopped")
    print("end")


asyncio.run(main())
