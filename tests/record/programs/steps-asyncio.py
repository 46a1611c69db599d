# Three steps as tasks of one loop, with asyncio.wait.
import asyncio


async def step(number, seconds):
    print("step", number, "begins")
    await asyncio.sleep(seconds)
    print("step", number, "ends")


async def main():
    tasks = [asyncio.create_task(step(i + 1, t)) for i, t in enumerate((0.15, 0.25, 0.05))]
    await asyncio.wait(tasks)


asyncio.run(main())
