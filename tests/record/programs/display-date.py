# Two tasks share a loop that is stopped by hand.
# output: not compared
import asyncio
import random

random.seed(1)


async def display(number, loop):
    end = loop.time() + 0.5
    while loop.time() + 0.1 < end:
        print("loop", number)
        await asyncio.sleep(random.randint(0, 5) / 50)


async def both(loop):
    await asyncio.gather(display(1, loop), display(2, loop))

loop = asyncio.new_event_loop()
loop.run_until_complete(both(loop))
loop.close()
