# A loop in a thread of its own, fed from outside.
import asyncio
import threading


async def work(t):
    await asyncio.sleep(t)
    return t


loop = asyncio.new_event_loop()
thread = threading.Thread(target=loop.run_forever, daemon=True)
thread.start()
futures = [asyncio.run_coroutine_threadsafe(work(t), loop) for t in (0.1, 0.15)]
print([f.result() for f in futures])
loop.call_soon_threadsafe(loop.stop)
thread.join()
