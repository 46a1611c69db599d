# Producer and consumers over a queue of the loop.
import asyncio


async def producer(q):
    for i in range(20):
        await q.put(i)
        await asyncio.sleep(0.005)
    for _ in range(2):
        await q.put(None)


async def consumer(q, got):
    while True:
        item = await q.get()
        if item is None:
            break
        await asyncio.sleep(0.01)
        got.append(item)


async def main():
    q, got = asyncio.Queue(maxsize=5), []
    await asyncio.gather(producer(q), consumer(q, got), consumer(q, got))
    print(sum(got))


asyncio.run(main())
