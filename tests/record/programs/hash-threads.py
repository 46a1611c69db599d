# hashlib and zlib release the interpreter's lock.
import hashlib
import threading
import zlib

data = bytes(range(256)) * 40000


def digest():
    for _ in range(3):
        hashlib.sha256(data).hexdigest()


def pack():
    for _ in range(2):
        zlib.compress(data, 6)


threads = [threading.Thread(target=f) for f in (digest, digest, pack)]
for t in threads:
    t.start()
for t in threads:
    t.join()
