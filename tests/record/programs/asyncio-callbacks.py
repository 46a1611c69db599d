# call_later and call_soon.
import asyncio


def beat(loop, n):
    print("beat", n)
    if n < 3:
        loop.call_later(0.05, beat, loop, n + 1)
    else:
        loop.stop()


loop = asyncio.new_event_loop()
loop.call_soon(beat, loop, 0)
loop.run_forever()
loop.close()
