# Threads write and read files of their own.
import os
import tempfile
import threading

folder = tempfile.mkdtemp()


def work(n):
    name = os.path.join(folder, str(n))
    for _ in range(20):
        with open(name, "w") as out:
            out.write("x" * 100000)
        with open(name) as lines:
            lines.read()
    os.remove(name)


threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
os.rmdir(folder)
