// The work of `make bench-peers` in SimGrid: one host with so many cores, an actor a thread;
// cores are shared fairly by a fluid model, so there are no slices and no switches.
//
//   peer-simgrid THREADS CPUS MS
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <simgrid/s4u.hpp>

namespace sg4 = simgrid::s4u;

static unsigned long long bursts = 0;
static std::mt19937_64 bits(1);
static double end_time = 0;

static double exponential(double mean)
{
    return 1e-9 + std::exponential_distribution<double>(1 / mean)(bits);
}

static void worker()
{
    while (sg4::Engine::get_clock() < end_time) {
        sg4::this_actor::execute(exponential(200e-6) * 1e9);
        bursts++;
        sg4::this_actor::sleep_for(exponential(2e-3));
    }
}

int main(int argc, char **argv)
{
    int none = 1;
    sg4::Engine engine(&none, argv); // takes no options of ours
    if (argc != 4) {
        std::fprintf(stderr, "usage: peer-simgrid THREADS CPUS MS\n");
        return 2;
    }
    end_time = std::atof(argv[3]) / 1e3;
    auto *zone = sg4::create_full_zone("machine");
    auto *host = zone->create_host("host", 1e9)->set_core_count(std::atoi(argv[2]));
    zone->seal();
    for (int i = 0; i < std::atoi(argv[1]); i++) {
        sg4::Actor::create("worker", host, worker);
    }
    auto start = std::chrono::steady_clock::now();
    engine.run();
    std::chrono::duration<double, std::nano> ns = std::chrono::steady_clock::now() - start;
    std::printf("%llu %.1f\n", bursts, ns.count() / static_cast<double>(bursts));
    return 0;
}
