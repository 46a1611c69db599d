#include "cli/example-service.h"

#include "sim/params.h"

#include <string.h>

/* The text of the example that is a whole service, in six builds. */

/* Built in six ways: rate, work with the lock, work without it, waiting, memory. */
static const char service[] =
    "# python-service.cpw: one Python service, built in six ways.  Which holds the load?\n"
    "#\n"
    "#   coreplay run python-service.cpw -s model=async\n"
    "#   coreplay sweep python-service.cpw -o service.db --sweep model --sweep cores=1,2,4 "
    "\\\n"
    "#       --sweep cgroup.service.quota=100%%,200%%,none --sweep rate=100,200,400,800\n"
    "#   coreplay query service.db --filter 'rate == 200 and dropped == 0' \\\n"
    "#       --group model,cores --show 'mean(latency.p99) max(memory)' \\\n"
    "#       --sort 'mean(latency.p99)'\n"
    "#   coreplay sweep python-service.cpw --sweep model --sweep cores=1,2,4 \\\n"
    "#       --sweep rate=25..3200+25 --find 'max rate' \\\n"
    "#       --such-that 'dropped == 0 and latency.p99 < 100ms'\n"
    "#   coreplay plot sweep service.db -x rate -y throughput --by model \\\n"
    "#       --filter 'cores == 4 and cgroup.service.quota == none' -o service.svg\n"
    "#\n"
    "# Memory is an account of processes, interpreters, threads and tasks: see\n"
    "# `coreplay list settings memory`.  A forked worker shares what it never looks at.\n"
    "param rate = %s                 # requests per second\n"
    "param model = threads in [sync, threads, async, processes, interpreters, free]\n"
    "param python = %s            # a request's work that needs the interpreter\n"
    "param native = %s             # its work in C that gives the GIL up\n"
    "param io = %s                   # its wait for databases and other services\n"
    "machine { cores 4 }\n"
    "run     { until 20s }\n"
    "kernel  { memory.process %s }   # a process of this service\n"
    "cgroup service { quota none }\n"
    "socket inbox (capacity=1000)\n"
    "\n"
    "process api runtime python \"3.14\" (start=fork) in service {\n"
    "  interpreter one (gil=own)\n"
    "  interpreter two (gil=own)\n"
    "  interpreter three (gil=own)\n"
    "  interpreter four (gil=own)\n"
    "  # A request at a time, waiting included: alone, in 16 threads, in 4 processes, and "
    "in\n"
    "  # 4 interpreters with 4 threads each.\n"
    "  task serve() {\n"
    "    forever { recv inbox; cpu python; cpu native nogil; wait io; respond }\n"
    "  }\n"
    "  async task request() { cpu python; cpu native nogil; await wait io; respond }\n"
    "  task pool() { for i in 1..16 { spawn thread clerk[i] serve() }; join all }\n"
    "  task processes() {\n"
    "    for i in 1..4 { spawn process worker[i] serve() }\n"
    "    join all\n"
    "  }\n"
    "  task apart() {\n"
    "    repeat 4 {\n"
    "      spawn thread first serve() (interpreter=one)\n"
    "      spawn thread second serve() (interpreter=two)\n"
    "      spawn thread third serve() (interpreter=three)\n"
    "      spawn thread fourth serve() (interpreter=four)\n"
    "    }\n"
    "    join all\n"
    "  }\n"
    "  thread main loop asyncio {\n"
    "    if model == sync { call serve() }\n"
    "    if model == threads { call pool() }\n"
    "    if model == processes { call processes() }\n"
    "    if model == interpreters { call apart() }\n"
    "    if model == async { forever { await recv inbox; create request() } }\n"
    "  }\n"
    "}\n"
    "# The threads in a free-threaded build.\n"
    "process free runtime python \"3.14\" (gil=off) in service {\n"
    "  task serve() {\n"
    "    forever { recv inbox; cpu python; cpu native nogil; wait io; respond }\n"
    "  }\n"
    "  task pool() { for i in 1..16 { spawn thread clerk[i] serve() }; join all }\n"
    "  thread main { if model == free { call pool() } }\n"
    "}\n"
    "process load { thread clients { arrivals exp(1s / rate) until 20s { send inbox } } }\n"
    "expect dropped == 0\n";

/* "200/s" or "200": requests per second. */
static gboolean read_rate(const char *text, int64_t *rate, GError **error)
{
    g_autofree char *number = g_strdup(text);
    if (g_str_has_suffix(number, "/s")) {
        number[strlen(number) - 2] = '\0';
    }
    if (cp_parse_int(number, rate, NULL) && *rate >= 1 && *rate <= 1000000) {
        return TRUE;
    }
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "'%s' is not a rate; expected requests per second: 200/s", text);
    return FALSE;
}

char *cp_service_workload(const CpService *s, GError **error)
{
    int64_t rate, memory, released;
    CpTime cpu, io;
    if (!read_rate(s->rate, &rate, error) || !cp_parse_time(s->cpu, &cpu, error) ||
        !cp_parse_time(s->io, &io, error) ||
        !cp_parse_share(s->released, &released, error) ||
        !cp_parse_size(s->memory, &memory, error)) {
        return NULL;
    }
    if (released < 0 || released > 1000000 || cpu > CP_S * 1000) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_USAGE,
            "--released is a share of --cpu from 0%% to 100%%, --cpu at most 1000s");
        return NULL;
    }
    CpTime native = (CpTime)((__int128)cpu * released / 1000000);
    g_autofree char *rate_text = g_strdup_printf("%" G_GINT64_FORMAT, rate);
    g_autofree char *with_lock = cp_format_time(cpu - native);
    g_autofree char *without = cp_format_time(native);
    g_autofree char *waiting = cp_format_time(io);
    return g_strdup_printf(service, rate_text, with_lock, without, waiting, s->memory);
}
