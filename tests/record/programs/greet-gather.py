# Two greetings at once.
import asyncio


async def greet(name):
    print("Hello,", name)
    await asyncio.sleep(0.2)
    print("World,", name)


async def main():
    await asyncio.gather(greet("a"), greet("b"))


asyncio.run(main())
