# The work of `make bench-peers` in SimPy: the CPUs are one resource, first come first served.
# Debian has SimPy 2, PyPI has SimPy 4, whose names differ; the one found is used.
#
#   peer-simpy.py THREADS CPUS MS
import random
import sys
import time

threads, cpus, ms = (int(a) for a in sys.argv[1:4])
expovariate = random.Random(1).expovariate
bursts = 0


def simpy4():
    import simpy

    env = simpy.Environment()
    cpu = simpy.Resource(env, capacity=cpus)

    def worker():
        global bursts
        while True:
            with cpu.request() as turn:
                yield turn
                yield env.timeout(expovariate(1 / 200e-6))
            bursts += 1
            yield env.timeout(expovariate(1 / 2e-3))

    for _ in range(threads):
        env.process(worker())
    return lambda: env.run(until=ms / 1000)


def simpy2():
    from SimPy.Simulation import (Process, Resource, activate, hold, initialize, release,
                                  request, simulate)

    initialize()
    cpu = Resource(capacity=cpus)

    class Worker(Process):
        def work(self):
            global bursts
            while True:
                yield request, self, cpu
                yield hold, self, expovariate(1 / 200e-6)
                yield release, self, cpu
                bursts += 1
                yield hold, self, expovariate(1 / 2e-3)

    for _ in range(threads):
        worker = Worker()
        activate(worker, worker.work())
    return lambda: simulate(until=ms / 1000)


try:
    run = simpy4()
except ImportError:
    run = simpy2()
start = time.perf_counter()
run()
print(bursts, "%.1f" % ((time.perf_counter() - start) * 1e9 / bursts))
