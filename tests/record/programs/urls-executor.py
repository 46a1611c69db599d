# Five pages by five threads, taken as they come.
import concurrent.futures
import time

PAGES = {"a": 0.05, "b": 0.2, "c": 0.12, "d": 0.08, "bad": 0.01}


def load(name, timeout):
    time.sleep(PAGES[name])
    if name == "bad":
        raise OSError("no such host")
    return name * 10


with concurrent.futures.ThreadPoolExecutor(max_workers=5) as executor:
    futures = {executor.submit(load, name, 60): name for name in PAGES}
    for future in concurrent.futures.as_completed(futures):
        name = futures[future]
        try:
            print(name, len(future.result()))
        except OSError as error:
            print(name, "failed:", error)
