#include "tests/random/draw.h"

#include "models/registry.h"
#include "lang/keys.h"

#include <string.h>

/* Decides what a random workload is made of around its statements: machine, kernel, groups,
 * processes with their resources, tasks and threads. */

/* --- random numbers (splitmix64) --- */

static uint64_t next_random(Draw *d)
{
    uint64_t x = d->random += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

unsigned draw_below(Draw *d, unsigned n)
{
    return (unsigned)((next_random(d) >> 32) * n >> 32);
}

bool draw_chance(Draw *d, unsigned percent)
{
    return draw_below(d, 100) < percent;
}

const char *draw_word(Draw *d, const char *const *words)
{
    unsigned n = 0;
    while (words[n] != NULL) {
        n++;
    }
    return words[draw_below(d, n)];
}

char *draw_choice(Draw *d, const char *choices)
{
    g_auto(GStrv) words = g_strsplit(choices, "|", -1);
    return g_strdup(words[draw_below(d, g_strv_length(words))]);
}

void draw_line(Draw *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_string_append_printf(d->out, "%*s", (int)d->depth * 2, "");
    g_string_append_vprintf(d->out, format, args);
    g_string_append_c(d->out, '\n');
    va_end(args);
}

/* --- parts --- */

char *draw_time(Draw *d)
{
    return g_strdup(DRAW_WORD(d, "0ns", "1ns", "7ns", "999ns", "1us", "3us", "50us",
                              "250us", "999us", "1ms", "1ms", "2ms", "3ms", "4ms", "5ms",
                              "10ms", "17ms"));
}

char *draw_duration(Draw *d)
{
    if (draw_chance(d, 65)) {
        return draw_time(d);
    }
    const char *variable =
        d->variables->len > 0 ? d->variables->pdata[draw_below(d, d->variables->len)] : "x";
    if (draw_chance(d, 20)) {
        return g_strdup_printf("10us * %s", variable);
    }
    return g_strdup(DRAW_WORD(d, "exp(50us)", "exp(1ms)", "uniform(1us, 3ms)",
                              "normal(1ms, 2ms)", "lognormal(mean=1ms, sigma=0.6)",
                              "pareto(min=10us, alpha=1.5)",
                              "weibull(scale=500us, shape=0.8)", "choice(1ms, 2us, 3ns)"));
}

char *draw_cpus(Draw *d)
{
    unsigned from = draw_below(d, d->cores), to = from + draw_below(d, d->cores - from);
    return to > from ? g_strdup_printf("%u-%u", from, to) : g_strdup_printf("%u", from);
}

static char *draw_key_value(Draw *d, const CpKey *key)
{
    const CpParam *p = &key->param;
    switch (key->form) {
    case CP_KEY_CPUS:
        return draw_chance(d, 20) ? g_strdup("all") : draw_cpus(d);
    case CP_KEY_QUOTA:
        return g_strdup(DRAW_WORD(d, "10%", "50%", "150%", "3ms", "none"));
    case CP_KEY_PERIOD:
        return g_strdup(DRAW_WORD(d, "5ms", "10ms", "100ms"));
    case CP_KEY_DIST:
    case CP_KEY_SERVICE:
        return g_strdup(DRAW_WORD(d, "exp(1ms)", "300us", "uniform(1us, 2ms)"));
    case CP_KEY_LOCK:
        return g_strdup("la");
    case CP_KEY_INTERP:
        return g_strdup(DRAW_WORD(d, "main", "sub"));
    default:
        break;
    }
    int64_t low = p->min, high = MIN(p->max, p->min + 99);
    switch (p->type) {
    case CP_PARAM_BOOL:
        return g_strdup(DRAW_WORD(d, "on", "off"));
    case CP_PARAM_TIME:
        return g_strdup(DRAW_WORD(d, "1ms", "100us", "3ms", "10ms"));
    case CP_PARAM_SIZE:
        return g_strdup(DRAW_WORD(d, "4KiB", "64KiB", "500MiB"));
    case CP_PARAM_ENUM:
        return p->choices != NULL ? draw_choice(d, p->choices) : g_strdup("all");
    default:
        return g_strdup_printf("%" G_GINT64_FORMAT,
                               low + draw_below(d, (unsigned)(high - low + 1)));
    }
}

char *draw_keys(Draw *d, const CpKey *table, uint32_t kinds, unsigned n)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree const char **words = cp_key_words(table, kinds);
    for (unsigned i = 0; i < n && words[0] != NULL; i++) {
        const char *word = draw_word(d, words);
        g_autofree char *value = draw_key_value(d, cp_key_find(table, kinds, word));
        if (strstr(out->str, word) == NULL) {
            g_string_append_printf(out, "%s%s=%s", out->len > 0 ? ", " : "", word, value);
        }
    }
    return out->len > 0 ? g_strdup_printf(" (%s)", out->str) : g_strdup("");
}

/* --- machine and run --- */

static void draw_machine(Draw *d)
{
    static const unsigned cores[] = {1, 1, 1, 2, 2, 2, 3, 4, 4, 5, 8, 8, 16, 33, 64};
    unsigned n = cores[draw_below(d, G_N_ELEMENTS(cores))];
    bool wide = n % 4 == 0;
    bool smt = wide && draw_chance(d, 30);
    d->cores = n;
    draw_line(d, "machine {");
    draw_line(d, "cores %u", smt ? n / 2 : n);
    if (smt) {
        draw_line(d, "smt 2");
    }
    if (wide && draw_chance(d, 30)) {
        draw_line(d, "llc.cores 2");
    }
    if (wide && draw_chance(d, 15)) {
        draw_line(d, "numa.nodes 2");
    }
    if (draw_chance(d, 10)) {
        draw_line(d, "capacity [1024, 446]");
    }
    draw_line(d, "}");
}

static const CpProfile *draw_profile(Draw *d)
{
    unsigned n = 0, kernels = 0;
    const CpProfile *all = cp_profiles();
    for (; all[n].name != NULL; n++) {
        kernels += all[n].kernel;
    }
    const CpProfile *profile = &all[draw_below(d, n)];
    bool again = !profile->kernel && draw_chance(d, 50); /* kernels are half of them */
    for (unsigned i = 0, want = draw_below(d, kernels); again && i < n; i++) {
        if (all[i].kernel && want-- == 0) {
            return &all[i];
        }
    }
    return profile;
}

/* A setting of the profile's classes, as one line. */
static void draw_policy_setting(Draw *d, const CpProfile *profile)
{
    const CpParam *got = NULL;
    unsigned n = 0;
    for (size_t i = 0; profile->classes[i] != NULL; i++) {
        const CpParam *p = profile->classes[i]->params;
        for (; p != NULL && p->name != NULL; p++) {
            if ((p->type == CP_PARAM_BOOL || p->type == CP_PARAM_TIME ||
                 (p->type == CP_PARAM_ENUM && p->choices != NULL)) &&
                draw_below(d, ++n) == 0) {
                got = p;
            }
        }
    }
    if (got != NULL) {
        const CpKey key = {.param = *got};
        g_autofree char *value = draw_key_value(d, &key);
        draw_line(d, "%s %s", got->name, value);
    }
}

static void draw_settings(Draw *d)
{
    const CpProfile *profile = draw_profile(d);
    d->kernel = profile->kernel;
    draw_line(d, "kernel {");
    draw_line(d, "policy %s", profile->name);
    draw_line(d, "hz %s", DRAW_WORD(d, "100", "250", "300", "1000"));
    if (draw_chance(d, 30)) {
        draw_policy_setting(d, profile);
    }
    draw_line(d, "}");
    draw_line(d, "run {");
    draw_line(d, "until %s", DRAW_WORD(d, "10ms", "30ms", "30ms", "100ms"));
    draw_line(d, "max_events 20000");
    draw_line(d, "seed %u", draw_below(d, 1u << 31));
    draw_line(d, "costs %s", DRAW_WORD(d, "ideal", "reference"));
    if (draw_chance(d, 15)) {
        draw_line(d, "warmup %s", DRAW_WORD(d, "0ns", "5ms", "1ms"));
    }
    draw_line(d, "}");
}

static void draw_groups(Draw *d)
{
    draw_line(d, "cgroup g {");
    for (unsigned n = draw_below(d, 3); n > 0; n--) {
        g_autofree const char **words = cp_key_words(cp_group_keys, CP_KINDS_ANY);
        const char *word = draw_word(d, words);
        g_autofree char *value =
            draw_key_value(d, cp_key_find(cp_group_keys, CP_KINDS_ANY, word));
        draw_line(d, "%s %s", word, value);
    }
    if (draw_chance(d, 40)) {
        draw_line(d, "cgroup inner {");
        draw_line(d, "weight %u", 1 + draw_below(d, 1000));
        draw_line(d, "}");
    }
    draw_line(d, "}");
}

/* Changes of machine, groups and threads during the run. */
static void draw_changes(Draw *d, bool groups)
{
    static const char *const settings[] = {"cgroup.g.weight 300", "cgroup.g.quota 20%",
                                           "cgroup.g.quota none", "cgroup.g.cpus 0", NULL};
    for (unsigned n = 1 + draw_below(d, 3); n > 0; n--) {
        g_autofree char *cpus = draw_cpus(d);
        const char *when = DRAW_WORD(d, "1ms", "3ms", "7ms", "20ms");
        if (d->cores > 1 && draw_chance(d, 50)) {
            draw_line(d, "at %s {", when);
            draw_line(d, "offline %u", 1 + draw_below(d, d->cores - 1));
            draw_line(d, "}");
            draw_line(d, "at %s {", DRAW_WORD(d, "4ms", "9ms", "22ms"));
            draw_line(d, "online 1-%u", d->cores - 1);
        } else if (groups && draw_chance(d, 60)) {
            draw_line(d, "at %s {", when);
            draw_line(d, "set %s", draw_word(d, settings));
        } else {
            draw_line(d, "at %s {", when);
            if (draw_chance(d, 50)) {
                draw_line(d, "set thread.t0.nice %d", (int)draw_below(d, 40) - 20);
            } else {
                draw_line(d, "set thread.t0.cpus %s", cpus);
            }
        }
        draw_line(d, "}");
    }
}

/* --- processes --- */

static void draw_resources(Draw *d)
{
    draw_line(d, "var x = %u", draw_below(d, 4));
    draw_line(d, "var y = 0");
    draw_line(d, "queue qa");
    draw_line(d, "queue qb (capacity=%u)", 1 + draw_below(d, 4));
    draw_line(d, "%s la", DRAW_WORD(d, "lock", "rlock"));
    g_autofree char *keys = draw_keys(d, cp_resource_keys, CP_OBJ_BIT(LOCK), 1);
    draw_line(d, "lock lb%s", d->python ? "" : keys);
    draw_line(d, "semaphore sem (n=%u)", draw_below(d, 4));
    draw_line(d, "event ev");
    draw_line(d, "condition cnd");
    draw_line(d, "barrier bar (n=%u)", 1 + draw_below(d, 3));
    draw_line(d, "pipe pp%s", DRAW_WORD(d, "", " (size=4KiB)"));
    draw_line(d, "socket sk%s", DRAW_WORD(d, "", " (latency=100us)", " (capacity=2)"));
    if (!d->python) {
        draw_line(d, "rwlock tab");
        return;
    }
    draw_line(d, "object ob");
    draw_line(d, "interpreter sub");
    draw_line(d, "async lock al");
    draw_line(d, "async queue aq (capacity=%u)", 1 + draw_below(d, 4));
    draw_line(d, "async event ae");
}

static void draw_block(Draw *d, const char *head, unsigned budget)
{
    draw_line(d, "%s {", head);
    d->depth++;
    d->budget = budget;
    draw_body(d);
    d->depth--;
    draw_line(d, "}");
}

static void draw_tasks(Draw *d, bool async)
{
    d->async = false;
    d->n_tasks = d->n_async = 0;
    draw_line(d, "task tk0() {");
    draw_line(d, "cpu 10us");
    draw_line(d, "}");
    d->n_tasks = 1;
    g_ptr_array_add(d->variables, g_strdup("a"));
    draw_block(d, "task tk1(a)", 5);
    g_ptr_array_set_size(d->variables, 2);
    d->n_tasks = 2;
    draw_block(d, "task tk2()", 8);
    d->n_tasks = 3;
    if (async) {
        d->async = true;
        draw_line(d, "async task at0() {");
        draw_line(d, "%s", DRAW_WORD(d, "cpu 100us", "await wait 1ms", "await yield"));
        draw_line(d, "}");
        d->n_async = 1;
        draw_block(d, "async task at1()", 6);
        d->n_async = 2;
        draw_block(d, "async task at2()", 10);
        d->n_async = 3;
    }
}

static void draw_thread(Draw *d, unsigned number, bool loop)
{
    g_autoptr(GString) head = g_string_new(NULL);
    g_string_printf(head, "thread t%u", number);
    if (!loop && draw_chance(d, 25)) {
        g_string_append_printf(head, " x %s", DRAW_WORD(d, "2", "3", "8"));
    }
    if (draw_chance(d, 40)) {
        g_autofree char *keys = draw_keys(d, cp_thread_keys, CP_KINDS_ANY, 2);
        g_string_append(head, keys);
    }
    if (number > 0 && draw_chance(d, 20)) {
        g_string_append(head, " daemon");
    }
    if (loop) {
        g_string_append_printf(head, " loop %s", DRAW_WORD(d, "asyncio", "uvloop"));
    }
    d->async = loop;
    draw_block(d, head->str, 12);
    d->async = false;
}

static void draw_process(Draw *d, unsigned number, bool groups)
{
    static const char *const versions[] = {"2.7",   "3.2",  "3.6",    "3.8",        "3.11",
                                           "3.12",  "3.13", "3.14",   "3.15",       "3.13t",
                                           "3.14t", "pypy", "jython", "ironpython", NULL};
    d->python = draw_chance(d, 50);
    bool loop = d->python && draw_chance(d, 60);
    const char *version =
        loop ? DRAW_WORD(d, "3.12", "3.14", "3.14t", "3.15") : draw_word(d, versions);
    g_autofree char *runtime =
        d->python ? g_strdup_printf(" runtime python \"%s\"", version) : g_strdup("");
    draw_line(d, "process p%u%s%s {", number, runtime,
              groups && draw_chance(d, 60) ? " in g" : "");
    d->names = g_ptr_array_new_with_free_func(g_free);
    d->pools = g_ptr_array_new_with_free_func(g_free);
    d->variables = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(d->variables, g_strdup("x"));
    g_ptr_array_add(d->variables, g_strdup("y"));
    draw_resources(d);
    draw_tasks(d, loop);
    for (unsigned i = 0, n = 1 + draw_below(d, 3); i < n; i++) {
        draw_thread(d, i, loop && i == 0);
    }
    if (d->python && draw_chance(d, 10)) {
        draw_line(d, "on SIGUSR1 tk0()");
    }
    draw_line(d, "}");
    g_ptr_array_unref(d->names);
    g_ptr_array_unref(d->pools);
    g_ptr_array_unref(d->variables);
}

char *draw_workload(uint64_t seed)
{
    Draw d = {.out = g_string_new(NULL), .random = seed};
    draw_line(&d, "# seed %" G_GUINT64_FORMAT, seed);
    draw_machine(&d);
    draw_settings(&d);
    draw_line(&d, "device disk (channels=%u, service=exp(1ms)%s)", 1 + draw_below(&d, 4),
              DRAW_WORD(&d, "", ", irq=2us", ", bandwidth=500MiB"));
    bool groups = d.kernel && draw_chance(&d, 50); /* textbook policies have none */
    if (groups) {
        draw_groups(&d);
    }
    if (draw_chance(&d, 15)) {
        draw_line(&d, "noise nz (every=exp(1ms), steal=5us)");
    }
    for (unsigned i = 0, n = 1 + draw_below(&d, 5) / 2; i < n; i++) {
        draw_process(&d, i, groups);
    }
    if (draw_chance(&d, 25)) {
        draw_changes(&d, groups);
    }
    return g_string_free(d.out, FALSE);
}
