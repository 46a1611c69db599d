# threading.local: everybody has its own.
import threading
import time

data = threading.local()


def work(n):
    data.value = n
    time.sleep(0.03)
    results[n] = data.value


results = {}
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(results.items()), hasattr(data, "value"))
