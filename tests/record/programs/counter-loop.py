# Four threads count in one loop each.
# output: not compared
import threading

N = 400000
total = 0


def add():
    global total
    for _ in range(N):
        total += 1


workers = [threading.Thread(target=add) for _ in range(4)]
[w.start() for w in workers]
[w.join() for w in workers]
print(total)
