# Workers of the loop until join, then cancelled.
import asyncio


async def worker(q):
    while True:
        t = await q.get()
        await asyncio.sleep(t)
        q.task_done()


async def main():
    q = asyncio.Queue()
    for i in range(12):
        q.put_nowait(0.02)
    workers = [asyncio.create_task(worker(q)) for _ in range(3)]
    await q.join()
    for w in workers:
        w.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    print("done")


asyncio.run(main())
