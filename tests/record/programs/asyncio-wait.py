# wait for the first, cancel the rest; wait_for with a timeout.
import asyncio


async def nap(t):
    await asyncio.sleep(t)
    return t


async def main():
    tasks = {asyncio.ensure_future(nap(t)) for t in (0.05, 0.2, 0.3)}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print([t.result() for t in done], len(pending))
    for task in pending:
        task.cancel()
    print(await asyncio.gather(*pending, return_exceptions=True) and "cancelled")
    print(await asyncio.wait_for(nap(0.05), 1))
    try:
        await asyncio.wait_for(nap(5), timeout=0.1)
    except asyncio.TimeoutError:
        print("too late")


asyncio.run(main())
