#include "models/python/py.h"
#include "sim/error.h"

#include <stddef.h>
#include <string.h>

/* What each version of Python does differently and what its operations cost; the settings
 * of the runtime. */

const CpParam cp_python_params[] = {
    [PYP_GIL] = {"gil", CP_PARAM_ENUM, "auto", 0, 0,
                 "auto|on|off|tick|interval|interval-tstate|none|pypy",
                 "interpreter lock; auto and on: as the version has it, off: none"},
    [PYP_INTERVAL] = {"gil.interval", CP_PARAM_TIME, "5ms", CP_US, CP_S * 3600, NULL,
                      "sys.setswitchinterval: a waiter asks after that long"},
    [PYP_CHECK_INTERVAL] = {"gil.check_interval", CP_PARAM_INT, "100", 1, INT32_MAX, NULL,
                            "sys.setcheckinterval, ticks (2.x)"},
    [PYP_TICK] = {"gil.tick", CP_PARAM_TIME, "8ns", 1, CP_S, NULL,
                  "length of a tick (2.x); a mean over opcodes"},
    [PYP_CHECK] = {"gil.check", CP_PARAM_TIME, "40ns", 0, CP_S, NULL,
                   "distance of check points within a burst: one loop iteration; if not "
                   "set 12 ns up to 3.9, which looks before most instructions"},
    [PYP_FREE_OVERHEAD] =
        {"gil.free_overhead", CP_PARAM_SHARE, "0%", 0, 10000000, NULL,
         "CPU time a free-threaded build needs more; if not set as published for Linux on "
         "x86-64: 3.13t 40%, 3.14t and 3.15t 8%"},
    [PYP_FREE_SHARED] =
        {"gil.free_shared", CP_PARAM_SHARE, "0%", 0, 10000000, NULL,
         "CPU time it needs more beyond that while another thread runs the same functions "
         "and objects; published: 3.13t 22%, later 2%"},
    [PYP_GAP] = {"gil.gap", CP_PARAM_TIME, "100ns", 0, CP_S, NULL,
                 "tick lock: between giving it up and trying again"},
    [PYP_BACK] = {"gil.back", CP_PARAM_TIME, "500ns", 0, CP_S, NULL,
                  "tick lock: from a woken waiter's first instruction until it tries, CPU "
                  "time"},
    [PYP_TIMEOUT] = {"gil.timeout", CP_PARAM_TIME, "6us", 0, CP_S, NULL,
                     "from the end of a waiter's interval until it asks, CPU time"},
    [PYP_REQUEST] = {"gil.request", CP_PARAM_TIME, "200ns", 0, CP_S, NULL,
                     "from the request until its mutex is free, CPU time"},
    [PYP_DROP] = {"gil.drop", CP_PARAM_TIME, "300ns", 0, CP_S, NULL,
                  "from a holder's check point until it gives up the lock, CPU time"},
    [PYP_SIGNALLED] = {"gil.signalled", CP_PARAM_TIME, "3500ns", 0, CP_S, NULL,
                       "from a signalled waiter's first instruction until it tries, CPU "
                       "time"},
    [PYP_ENTER] = {"gil.enter", CP_PARAM_TIME, "700ns", 0, CP_S, NULL,
                   "going to sleep on the lock, CPU time: a signal meanwhile prevents it"},
    [PYP_START] = {"start", CP_PARAM_ENUM, "auto", 0, 0, "auto|fork|spawn|forkserver",
                   "how processes are started; auto: fork, from 3.14 on forkserver"},
    [PYP_BOOT] = {"thread.boot", CP_PARAM_TIME, "0", 0, CP_S * 100, NULL,
                  "new thread: work with the GIL before it says that it runs; if not set "
                  "as the version has it"},
    [PYP_ADD] = {"var.add", CP_PARAM_TIME, "0", 0, CP_S, NULL,
                 "one x += 1 in a loop, the first three fifths between load and store; if "
                 "not set as the version has it"},
    [PYP_VALUE] = {"var.shared", CP_PARAM_TIME, "0", 0, CP_S, NULL,
                   "the same of a shared var (multiprocessing.Value), whose every access "
                   "takes its lock; if not set as the version has it"},
    [PYP_LOCK] = {"lock", CP_PARAM_ENUM, "auto", 0, 0, "auto|semaphore|mutex",
                  "threading.Lock: a semaphore up to 3.13.0, a mutex with hand-over after "
                  "1 ms from 3.13.1"},
    [PYP_COSTS] = {"python.costs", CP_PARAM_ENUM, "auto", 0, 0, "auto|version|ideal",
                   "costs of the interpreter; auto: ideal if those of the kernel are"},
    [PYP_COST_FACTOR] =
        {"python.cost_factor", CP_PARAM_SHARE, "100%", 1000, 100000000, NULL,
         "CPU time of the interpreter's own operations against the table of "
         "its version: more on a slower machine"},
    [PYP_SPEED] = {"python.speed", CP_PARAM_SHARE, "100%", 1000, 100000000, NULL,
                   "speed of bursts under the interpreter, for what-if questions"},
    [PYP_CB_FACTOR] = {"loop.cb_factor", CP_PARAM_SHARE, "33%", 0, 10000000, NULL,
                       "uvloop: cost of a callback against asyncio's"},
    [PYP_SLOW_CALLBACK] = {"loop.slow_callback", CP_PARAM_TIME, "100ms", 0, CP_S * 1000,
                           NULL, "a step as long as this is reported as blocking the loop"},
    [PYP_SOCKETS] = {"loop.sockets", CP_PARAM_ENUM, "streams", 0, 0, "streams|calls",
                     "what await recv and await send of a socket or pipe stand for: a "
                     "StreamReader and a StreamWriter, or loop.sock_recv and sock_sendall, "
                     "which tell the selector about each wait"},
    [PYP_COLD] = {"loop.cold", CP_PARAM_TIME, "300us", 0, CP_S, NULL,
                  "extra CPU time at most of an iteration after a select that slept: what "
                  "it needs has left the caches"},
    [PYP_COLD_HALF] = {"loop.cold_half", CP_PARAM_TIME, "18ms", 1, CP_S * 100, NULL,
                       "length of the sleep after which half of loop.cold is needed"},
    [PYP_CHILL] = {"python.cold", CP_PARAM_TIME, "42us", 0, CP_S, NULL,
                   "extra CPU time at most of a thread that ends an idle time of its CPU, "
                   "when it has the GIL: what the interpreter needs has left the caches"},
    [PYP_CHILL_HALF] =
        {"python.cold_half", CP_PARAM_TIME, "5ms", 1, CP_S * 100, NULL,
         "length of the idle time after which half of python.cold is needed"},
    [PYP_STARVING] = {"gil.starving", CP_PARAM_TIME, "1s", CP_MS, CP_S * 100000, NULL,
                      "a wait for the GIL as long as this is reported as starvation"},
    [PYP_WAITING] = {"gil.waiting", CP_PARAM_SHARE, "50%", 0, 1000000, NULL,
                     "threads that wait for the GIL for more of their time are reported at "
                     "the end"},
    [PYP_GC_LIVE] = {"gc.live", CP_PARAM_INT, "10000", 0, INT32_MAX, NULL,
                     "container objects alive at the beginning"},
    [PYP_GC_BASE] = {"gc.base", CP_PARAM_TIME, "10us", 0, CP_S, NULL,
                     "collection: fixed part of a pause (estimate)"},
    [PYP_GC_PER_OBJECT] = {"gc.per_object", CP_PARAM_TIME, "20ns", 0, CP_S, NULL,
                           "collection: part of a pause per object looked at (estimate)"},
    [PYP_ATOMIC] = {"free.atomic", CP_PARAM_TIME, "5ns", 0, CP_S, NULL,
                    "counting a reference of another thread's object (estimate)"},
    [PYP_LINE] = {"free.line", CP_PARAM_TIME, "40ns", 0, CP_S, NULL,
                  "the same, more for each other thread that does it (estimate)"},
    [PYP_INTERP_CREATE] = {"interp.create", CP_PARAM_TIME, "10ms", 0, CP_S * 100, NULL,
                           "making a sub-interpreter (not measured)"},
    [PYP_MEM_PROCESS] = {"memory.process", CP_PARAM_SIZE, "0B", 0, INT64_C(1) << 50, NULL,
                         "a process with what it imports and keeps; if not set an empty "
                         "interpreter of the version (4 to 12 MiB, measured)"},
    [PYP_MEM_FORKED] = {"memory.forked", CP_PARAM_SIZE, "2150KiB", 0, INT64_C(1) << 50,
                        NULL, "what a forked child has of its own in any case (measured)"},
    [PYP_MEM_TOUCHED] = {"memory.touched", CP_PARAM_SHARE, "50%", 0, 1000000, NULL,
                         "and of its parent's memory: 1% if idle, 73% if it looks at all "
                         "objects (measured)"},
    [PYP_MEM_INTERP] =
        {"memory.interp", CP_PARAM_SIZE, "2600KiB", 0, INT64_C(1) << 50, NULL,
         "an empty sub-interpreter (measured, 3.12 and 3.13); what a process "
         "has beyond an empty interpreter comes on top"},
    [PYP_MEM_THREAD] = {"memory.thread", CP_PARAM_SIZE, "16KiB", 0, INT64_C(1) << 50, NULL,
                        "a thread, used part of its stack (measured)"},
    [PYP_MEM_TASK] = {"memory.task", CP_PARAM_SIZE, "1500B", 0, INT64_C(1) << 50, NULL,
                      "an asyncio task that sleeps (measured)"},
    [PYP_MEM_FREE] = {"memory.free", CP_PARAM_SHARE, "17%", 0, 10000000, NULL,
                      "more in a free-threaded build (documented as 15% to 20%)"},
    [PYP_MEM_LIMIT] =
        {"memory.limit", CP_PARAM_SIZE, "0B", 0, INT64_C(1) << 50, NULL,
         "memory of the machine for Python processes; more is reported; 0: no "
         "limit"},
    [PYP_COUNT] = {0},
};

/* Measured on the machine of the cost set `reference`; rows without a measurement of their
 * own have that of the nearest version. */
#define PROCESS(fork_, spawn_, server_, bfork, bspawn, bserver)                            \
    .fork = fork_, .spawn = spawn_, .forkserver = server_, .boot_fork = bfork,             \
    .boot_spawn = bspawn, .boot_forkserver = bserver, .exit_process = 500 * CP_US,         \
    .manage = 50 * CP_US, .feed = 20 * CP_US, .work = 30 * CP_US, .mp_put = 600,           \
    .mp_feed = 2500, .mp_get = 1800
#define PICKLE(item, kib, big, ints)                                                       \
    .pickle = item, .pickle_kib = kib, .pickle_big = big, .pickle_int = ints

/* Sockets were measured with small programs on another machine and scaled by what the
 * loop's own operations need here and there.  Most of `feed` is that a stream reads into a
 * fresh buffer of 256 KiB. */
#define SOCKETS(sock_, call, again_, poll_, stream, write_)                                \
    .sock = sock_, .sock_call = call, .again = again_, .poll = poll_,                      \
    .feed_stream = stream, .write = write_, .pipe = 200

static const PyCosts costs[] = {
    {.version = CP_PY(2, 7, 0),
     .add = 38,
     .value = 570,
     .mp_lock = 57,
     .lock = 60,
     .rlock = 458,
     .event = 1300,
     .queue = 1000,
     .boot = 15000,
     .start = 10000,
     .submit = 10000,
     .item = 9000,
     .result = 3000,
     .iter = 2000,
     .step = 2200,
     .callback = 700,
     .create = 4000,
     .timer = 2000,
     .run = 80000,
     .run_first = 330000,
     SOCKETS(450, 500, 1400, 18400, 23600, 2500),
     .sleep = 2300,
     .fire = 95,
     PROCESS(350000, 650000, 800000, 200000, 30000000, 10000000),
     PICKLE(3000, 240, 262, 148000),
     .print = 700,
     .touch = 30},
    {.version = CP_PY(3, 6, 0),
     .add = 70,
     .value = 1070,
     .mp_lock = 106,
     .lock = 59,
     .rlock = 69,
     .event = 900,
     .queue = 1590,
     .boot = 10000,
     .start = 9000,
     .submit = 10000,
     .item = 9000,
     .result = 3000,
     .iter = 1920,
     .step = 2100,
     .callback = 700,
     .create = 4000,
     .timer = 2600,
     .run = 80000,
     .run_first = 330000,
     SOCKETS(450, 500, 1400, 18400, 23600, 2500),
     .sleep = 2300,
     .fire = 95,
     PROCESS(350000, 650000, 1000000, 700000, 45000000, 18000000),
     PICKLE(270, 30, 200, 2250),
     .print = 700,
     .touch = 30},
    {.version = CP_PY(3, 8, 0),
     .add = 77,
     .value = 830,
     .mp_lock = 64,
     .lock = 49,
     .rlock = 53,
     .event = 900,
     .queue = 1376,
     .boot = 10000,
     .start = 9000,
     .submit = 8000,
     .item = 7000,
     .result = 3000,
     .iter = 2070,
     .step = 2230,
     .callback = 700,
     .create = 4000,
     .timer = 2000,
     .run = 80000,
     .run_first = 330000,
     SOCKETS(450, 500, 1400, 18400, 23600, 2500),
     .sleep = 2300,
     .fire = 95,
     PROCESS(350000, 1353000, 1035000, 700000, 45000000, 12000000),
     PICKLE(250, 32, 212, 2250),
     .print = 650,
     .touch = 30},
    {.version = CP_PY(3, 9, 0),
     .add = 78,
     .value = 830,
     .mp_lock = 64,
     .lock = 44,
     .rlock = 50,
     .event = 900,
     .queue = 990,
     .boot = 10000,
     .start = 9000,
     .submit = 8000,
     .item = 7000,
     .result = 3000,
     .iter = 1570,
     .step = 2280,
     .callback = 700,
     .create = 4000,
     .timer = 2000,
     .run = 80000,
     .run_first = 330000,
     SOCKETS(450, 500, 1400, 17700, 25900, 2550),
     .sleep = 3100,
     .fire = 108,
     PROCESS(350000, 700000, 1000000, 800000, 47000000, 25000000),
     PICKLE(250, 32, 195, 2250),
     .print = 600,
     .touch = 30},
    {.version = CP_PY(3, 10, 0),
     .add = 77,
     .value = 710,
     .mp_lock = 53,
     .lock = 38,
     .rlock = 52,
     .event = 860,
     .queue = 1240,
     .boot = 10000,
     .start = 9000,
     .submit = 5000,
     .item = 4000,
     .result = 3000,
     .iter = 960,
     .step = 2430,
     .callback = 700,
     .create = 2800,
     .timer = 2600,
     .run = 80000,
     .run_first = 330000,
     SOCKETS(450, 500, 1300, 17300, 21800, 2200),
     .sleep = 900,
     .fire = 97,
     PROCESS(350000, 650000, 850000, 700000, 43000000, 21000000),
     PICKLE(250, 30, 195, 2000),
     .print = 550,
     .touch = 30},
    {.version = CP_PY(3, 11, 0),
     .add = 56,
     .value = 540,
     .mp_lock = 36,
     .lock = 42,
     .rlock = 50,
     .event = 780,
     .queue = 700,
     .boot = 16000,
     .start = 12000,
     .submit = 5500,
     .item = 4500,
     .result = 3000,
     .iter = 1090,
     .step = 1450,
     .callback = 550,
     .create = 2200,
     .timer = 1000,
     .run = 100000,
     .run_first = 350000,
     SOCKETS(450, 450, 1200, 14200, 21700, 1650),
     .sleep = 2400,
     .fire = 70,
     PROCESS(350000, 656000, 844000, 800000, 58000000, 27000000),
     PICKLE(190, 28, 200, 1550),
     .print = 530,
     .touch = 25},
    {.version = CP_PY(3, 12, 0),
     .add = 73,
     .value = 630,
     .mp_lock = 32,
     .lock = 46,
     .rlock = 50,
     .event = 550,
     .queue = 770,
     .boot = 11000,
     .start = 9000,
     .submit = 5000,
     .item = 4000,
     .result = 3000,
     .iter = 1100,
     .step = 1110,
     .callback = 550,
     .create = 1400,
     .timer = 1500,
     .run = 90000,
     .run_first = 340000,
     SOCKETS(400, 400, 1000, 11700, 18400, 1650),
     .sleep = 1000,
     .fire = 66,
     PROCESS(300000, 668000, 811000, 800000, 54000000, 25000000),
     PICKLE(250, 35, 200, 2000),
     .print = 800,
     .touch = 25},
    {.version = CP_PY(3, 13, 0),
     .add = 77,
     .value = 650,
     .mp_lock = 31,
     .lock = 49,
     .rlock = 58,
     .event = 520,
     .queue = 1400,
     .boot = 13000,
     .start = 10000,
     .submit = 4500,
     .item = 3500,
     .result = 3000,
     .iter = 960,
     .step = 1200,
     .callback = 550,
     .create = 1400,
     .timer = 1000,
     .run = 70000,
     .run_first = 320000,
     SOCKETS(420, 400, 1100, 4600, 19000, 1800),
     .sleep = 1200,
     .fire = 70,
     PROCESS(280000, 598000, 771000, 800000, 55000000, 30000000),
     PICKLE(320, 31, 210, 2000),
     .print = 560,
     .touch = 25},
    {.version = CP_PY(3, 14, 0),
     .free = true,
     .add = 35,
     .value = 360,
     .mp_lock = 20,
     .lock = 30,
     .rlock = 34,
     .event = 300,
     .queue = 470,
     .boot = 200000,
     .start = 60000,
     .submit = 3000,
     .item = 2500,
     .result = 2000,
     .iter = 420,
     .step = 1270,
     .callback = 500,
     .create = 1000,
     .timer = 700,
     .run = 45000,
     .run_first = 225000,
     SOCKETS(350, 300, 800, 3600, 15000, 1300),
     .sleep = 800,
     .fire = 50,
     PROCESS(280000, 598000, 771000, 800000, 55000000, 30000000),
     PICKLE(320, 31, 210, 2000),
     .print = 570,
     .touch = 25},
};

static const PyCosts no_costs;

PyCosts py_costs_scaled(const PyCosts *from, int64_t ppm)
{
    cp_assert(ppm >= 0);
    PyCosts scaled = *from;
    size_t begin = offsetof(PyCosts, add);
    CpTime *cost = (CpTime *)(void *)((char *)&scaled + begin); /* times to the end */
    for (size_t i = 0; i < (sizeof scaled - begin) / sizeof *cost; i++) {
        cost[i] = (CpTime)((__int128)cost[i] * ppm / 1000000);
    }
    return scaled;
}

const PyCosts *py_costs(const CpPyVersion *version, bool ideal)
{
    const PyCosts *best = &costs[0];
    for (size_t i = 0; i < G_N_ELEMENTS(costs); i++) {
        if (costs[i].free == (version->free && !version->foreign) &&
            (costs[i].free || costs[i].version <= version->number)) {
            best = &costs[i];
        }
    }
    return ideal ? &no_costs : best;
}

/* An interpreter with nothing imported, KiB; measured. */
static const struct {
    uint32_t version;
    uint32_t kib;
} bare[] = {
    {CP_PY(2, 7, 0), 4243},   {CP_PY(3, 6, 0), 6904},  {CP_PY(3, 7, 0), 6768},
    {CP_PY(3, 8, 0), 5972},   {CP_PY(3, 9, 0), 6692},  {CP_PY(3, 10, 0), 6732},
    {CP_PY(3, 11, 0), 11870}, {CP_PY(3, 12, 0), 8780}, {CP_PY(3, 13, 0), 8167},
};

/* The newest row that is not newer; the first one for what is older still. */
int64_t py_bare_size(const CpPyVersion *version)
{
    size_t row = 0;
    while (row + 1 < G_N_ELEMENTS(bare) && bare[row + 1].version <= version->number) {
        row++;
    }
    return (int64_t)bare[row].kib * 1024;
}

static const uint32_t since[CP_PY_FEATURES] = {
#define CP_PY_FEATURE(NAME, first, meaning) [CP_PY_##NAME] = first,
#include "models/python/versions.def"
#undef CP_PY_FEATURE
};

uint32_t cp_python_since(CpPyFeature feature)
{
    cp_require(feature < CP_PY_FEATURES);
    return since[feature];
}

bool cp_python_has(const CpPyVersion *version, CpPyFeature feature)
{
    return version->number >= cp_python_since(feature);
}

static gboolean bad_version(const char *text, GError **error)
{
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "'%s' is not a Python version; expected \"2.7\", \"3.2\" to \"3.15\", "
                "\"3.13t\" (free-threaded), \"pypy\", \"jython\" or \"ironpython\"",
                text);
    return FALSE;
}

static bool number(const char **text, unsigned *out)
{
    if (!g_ascii_isdigit(**text)) {
        return false;
    }
    unsigned value = 0;
    for (; g_ascii_isdigit(**text) && value < 1000; (*text)++) {
        value = value * 10 + (unsigned)(**text - '0');
    }
    *out = value;
    return true;
}

static bool named_version(const char *text, CpPyVersion *out)
{
    if (g_str_has_prefix(text, "pypy")) {
        *out = (CpPyVersion){.number = strcmp(text, "pypy2") == 0 ? CP_PY(2, 7, 0)
                                                                  : CP_PY(3, 10, 0),
                             .pypy = true};
        return true;
    }
    if (strcmp(text, "jython") == 0 || strcmp(text, "ironpython") == 0) {
        *out = (CpPyVersion){.number = CP_PY(2, 7, 0), .free = true, .foreign = true};
        return true;
    }
    return false;
}

gboolean cp_python_version(const char *text, CpPyVersion *out, GError **error)
{
    *out = (CpPyVersion){0};
    if (named_version(text, out)) {
        return TRUE;
    }
    const char *at = text;
    unsigned major = 0, minor = 0, patch = 0;
    if (!number(&at, &major) || *at++ != '.' || !number(&at, &minor)) {
        return bad_version(text, error);
    }
    if (*at == '.' && at++ != NULL && !number(&at, &patch)) {
        return bad_version(text, error);
    }
    out->free = *at == 't';
    at += out->free;
    bool known = (major == 2 && minor >= 4 && minor <= 7) || (major == 3 && minor <= 15);
    if (*at != '\0' || !known || (out->free && (major < 3 || minor < 13))) {
        return bad_version(text, error);
    }
    out->number = CP_PY(major, minor, MIN(patch, 99));
    return TRUE;
}
