#include "tests/random/draw.h"

/* Decides what a random workload is made of that tries the kernels' models rather than the
 * language: a machine with threads of cores, caches and nodes, nested groups with weights
 * and quotas, threads of every class that compute, sleep, wait, spin and change their
 * claims.  What elision leaves out has to be the same as if every tick had run. */

enum { GROUPS_MAX = 3, THREADS_MAX = 10 };

static void draw_machine(Draw *d)
{
    static const unsigned cores[] = {1, 2, 2, 3, 4, 4, 8, 16};
    d->cores = cores[draw_below(d, G_N_ELEMENTS(cores))];
    unsigned smt = draw_chance(d, 25) ? 2 : 1;
    unsigned nodes = d->cores % 2 == 0 && draw_chance(d, 25) ? 2 : 1;
    draw_line(d, "machine { cores %u; smt %u; numa.nodes %u; hz %s; tick.phase %uus }",
              d->cores, smt, nodes, DRAW_WORD(d, "100", "250", "1000"), draw_below(d, 900));
    d->cores *= smt;
    draw_line(d, "kernel { policy %s }",
              DRAW_WORD(d, "eevdf-6.18", "eevdf-6.12", "eevdf-6.6", "cfs-6.1", "eevdf-7.0",
                        "eevdf-7.1", "eevdf-7.3"));
    draw_line(d, "run { until %s; costs %s }", DRAW_WORD(d, "50ms", "200ms", "600ms"),
              DRAW_WORD(d, "ideal", "reference"));
}

/* Groups g0, g0/s, g1 ...; returns how many at the top. */
static unsigned draw_groups(Draw *d)
{
    unsigned n = draw_below(d, GROUPS_MAX + 1);
    for (unsigned i = 0; i < n; i++) {
        draw_line(d, "cgroup g%u { weight %s; quota %s; cgroup s { weight %s } }", i,
                  DRAW_WORD(d, "20", "100", "400"),
                  DRAW_WORD(d, "none", "none", "60%", "150%"),
                  DRAW_WORD(d, "50", "100", "300"));
    }
    return n;
}

static void draw_statement(Draw *d)
{
    switch (draw_below(d, 11)) {
    case 0:
        draw_line(d, "wait %uus", 50 + draw_below(d, 5000));
        return;
    case 1:
        draw_line(d, "yield");
        return;
    case 2:
        draw_line(d, "lock l { cpu %uus }", 10 + draw_below(d, 600));
        return;
    case 3:
        draw_line(d, "lock m { cpu %uus }", 10 + draw_below(d, 600));
        return;
    case 4:
        draw_line(d, "waitfor b timeout %uus", 100 + draw_below(d, 5000));
        return;
    case 5:
        draw_line(d, "nice %u", draw_below(d, 12));
        return;
    case 6:
        draw_line(d, "cpu %ums", 10 + draw_below(d, 30));
        return;
    case 7:
        draw_line(d, "period %ums", 1 + draw_below(d, 20));
        return;
    default:
        draw_line(d, "cpu %uus", 50 + draw_below(d, 9000));
    }
}

/* New text: attributes of a thread. */
static char *draw_attributes(Draw *d)
{
    unsigned kind = draw_below(d, 10), period = 2 + draw_below(d, 30);
    if (kind < 2) {
        unsigned runtime = period * (20 + draw_below(d, 80)); /* 2 to 10 % */
        return g_strdup_printf("policy=deadline, runtime=%uus, deadline=%uus, period=%ums",
                               runtime, draw_chance(d, 70) ? period * 1000 : period * 600,
                               period);
    }
    if (kind < 4) {
        return g_strdup_printf("policy=%s, prio=%u", DRAW_WORD(d, "fifo", "rr"),
                               1 + draw_below(d, 4));
    }
    g_autofree char *slice = draw_chance(d, 25) ? g_strdup(", slice=300us") : g_strdup("");
    g_autofree char *cpus = draw_chance(d, 25)
                                ? g_strdup_printf(", cpus=0-%u", draw_below(d, d->cores))
                                : g_strdup("");
    return g_strdup_printf("policy=%s, nice=%d%s%s",
                           DRAW_WORD(d, "normal", "normal", "batch", "idle"),
                           (int)draw_below(d, 20) - 5, slice, cpus);
}

static void draw_thread(Draw *d, unsigned i, unsigned n_groups)
{
    g_autofree char *attributes = draw_attributes(d);
    g_autofree char *group =
        n_groups > 0 && draw_chance(d, 60)
            ? g_strdup_printf(" in g%u%s", draw_below(d, n_groups), DRAW_WORD(d, "", "/s"))
            : g_strdup("");
    draw_line(d, "thread t%u (%s, start=%uus)%s {", i, attributes,
              draw_chance(d, 50) ? 0 : draw_below(d, 20000), group);
    d->depth++;
    draw_line(d, "repeat %u {", 1 + draw_below(d, 30));
    d->depth++;
    for (unsigned n = 1 + draw_below(d, 4); n > 0; n--) {
        draw_statement(d);
    }
    draw_line(d, "cpu %uus", 1 + draw_below(d, 500));
    d->depth--;
    draw_line(d, "}");
    d->depth--;
    draw_line(d, "}");
}

char *draw_kernel_workload(uint64_t seed)
{
    Draw d = {.out = g_string_new(NULL), .random = seed};
    draw_machine(&d);
    unsigned n_groups = draw_groups(&d);
    draw_line(&d, "process p {");
    d.depth++;
    draw_line(&d, "lock l (spin=%s)", DRAW_WORD(&d, "0ns", "50us", "forever"));
    draw_line(&d, "lock m (pi=%s)", DRAW_WORD(&d, "on", "off"));
    draw_line(&d, "barrier b (n=2, spin=%s)", DRAW_WORD(&d, "0ns", "100us"));
    for (unsigned i = 0, n = 1 + draw_below(&d, THREADS_MAX); i < n; i++) {
        draw_thread(&d, i, n_groups);
    }
    d.depth--;
    draw_line(&d, "}");
    return g_string_free(d.out, FALSE);
}
