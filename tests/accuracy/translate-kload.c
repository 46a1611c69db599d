/* kload scripts: each line one operation of the thread named last, see the folder's
 * kload.c. */
#include "tests/accuracy/translate.h"

#include "models/ops.h"
#include "models/registry.h"
#include "sim/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 12, NEST_MAX = 16, SLACK_NS = 50000, CLOCK_NS = 24 };

/* Registers of a thread. */
enum {
    R_REL = CP_REG_FREE, /* release of the job in hand */
    R_A,
    R_B,
    R_END,
    R_LOOP, /* counters, one a level */
    R_COUNT = R_LOOP + NEST_MAX,
};

typedef struct {
    CpWorkload *w;
    const Reality *reality;
    yajl_val scenario;
    const Repetition *rep;
    GHashTable *objs;   /* "kind name" to object */
    GHashTable *groups; /* name to group */
    CpProcId proc;
    uint32_t mask; /* of the scenario, CP_NONE */
    uint32_t n_children;
    char *thread; /* name of the one being emitted */
    uint32_t stack[NEST_MAX];
    unsigned depth;
    GQueue children; /* first child declaration of each join operation, in order */
    GError *error;
} Kload;

typedef struct {
    char **w; /* NULL-ended */
    unsigned n;
} Line;

static Line split(const char *line)
{
    Line l = {0};
    g_auto(GStrv) all = g_strsplit_set(line, " \t", -1);
    l.w = g_new0(char *, g_strv_length(all) + 1);
    for (char **p = all; *p != NULL && l.n < WORDS_MAX && **p != '#'; p++) {
        if (**p != '\0') {
            l.w[l.n++] = g_strdup(*p);
        }
    }
    return l;
}

static double arg(const Line *l, unsigned i)
{
    return i < l->n ? g_ascii_strtod(l->w[i], NULL) : 0;
}

static CpTime us(double v)
{
    return (CpTime)(v * 1000 + 0.5);
}

static CpTime burst(const Kload *k, double nominal_us)
{
    return (CpTime)(nominal_us * 1000 * k->rep->scale + 0.5);
}

static bool is(const Line *l, const char *word)
{
    return l->n > 0 && strcmp(l->w[0], word) == 0;
}

static void fail(Kload *k, const char *what, const char *name)
{
    if (k->error == NULL) {
        g_set_error(&k->error, CP_ERROR, CP_ERROR_MODEL, "%s %s", what, name);
    }
}

/* --- emitting --- */

static void emit(Kload *k, CpOp op, uint8_t a, uint32_t b, uint32_t c)
{
    cp_workload_emit(k->w, op, a, (uint16_t)b, c, 0);
}

static void set(Kload *k, uint32_t reg, int64_t value)
{
    emit(k, CP_OP_SET, 0, reg, cp_workload_const(k->w, value));
}

static void add(Kload *k, uint32_t reg, uint32_t other)
{
    emit(k, CP_OP_ARITH, CP_ADD, reg, reg | other << 16);
}

static void compute(Kload *k, CpTime work)
{
    emit(k, CP_OP_COMPUTE, CP_ARG_CONST, 0, cp_workload_const(k->w, work));
}

/* clock_gettime, then the difference to a register into one of the thread's histograms. */
static void record_latency(Kload *k, uint32_t reg, const char *what)
{
    g_autofree char *name = g_strdup_printf("%s.%s", what, k->thread);
    compute(k, CLOCK_NS);
    emit(k, CP_OP_TIMED_END, 0, reg, cp_workload_hist(k->w, name));
}

static uint32_t object(Kload *k, char kind, const char *name)
{
    g_autofree char *key = g_strdup_printf("%c %s", kind, name);
    gpointer row = NULL;
    if (!g_hash_table_lookup_extended(k->objs, key, NULL, &row)) {
        fail(k, "no object", key);
    }
    return GPOINTER_TO_UINT(row);
}

/* --- operations --- */

static void op_run_until(Kload *k, const Line *l)
{
    double grain = l->n > 2 && arg(l, 2) > 0 ? arg(l, 2) : 20;
    set(k, R_END, us(arg(l, 1)));
    uint32_t check = cp_workload_pc(k->w);
    emit(k, CP_OP_JUMP_BEFORE, 0, R_END, check + 2);
    emit(k, CP_OP_JUMP, 0, 0, check + 4);
    compute(k, burst(k, grain));
    emit(k, CP_OP_JUMP_BEFORE, 0, R_END, check + 2);
}

static void op_sleep(Kload *k, const Line *l)
{
    CpTime d = us(arg(l, 1));
    emit(k, CP_OP_NOW, 0, R_A, 0);
    set(k, R_B, d);
    add(k, R_A, R_B);
    emit(k, CP_OP_SLEEP, CP_ARG_CONST, 0, cp_workload_const(k->w, d));
    record_latency(k, R_A, "sleep_over_us");
}

static void op_period(Kload *k, const Line *l)
{
    set(k, R_B, us(arg(l, 1)));
    add(k, R_REL, R_B);
    emit(k, CP_OP_SLEEP_UNTIL, 0, R_REL, 0);
    record_latency(k, R_REL, "wake_lat_us");
}

/* The children were declared before this thread. */
static void op_children(Kload *k, const Line *l, bool processes)
{
    uint32_t n = (uint32_t)arg(l, 1);
    uint32_t first = GPOINTER_TO_UINT(g_queue_pop_head(&k->children));
    uint32_t sem = GPOINTER_TO_UINT(g_queue_pop_head(&k->children));
    for (uint32_t i = 0; i < n; i++) {
        emit(k, CP_OP_SPAWN, R_A, 0, first + (processes ? 0 : i));
    }
    for (uint32_t i = 0; i < n; i++) {
        if (processes) {
            emit(k, CP_OP_SEM_WAIT, 0, CP_REG_NONE, sem);
        } else {
            emit(k, CP_OP_JOIN, 0, CP_REG_NONE, first + i);
        }
    }
}

static void op_loop(Kload *k, const Line *l)
{
    if (k->depth >= NEST_MAX) {
        fail(k, "too many nested loops in", k->thread);
        return;
    }
    set(k, R_LOOP + k->depth, (int64_t)arg(l, 1));
    k->stack[k->depth++] = cp_workload_pc(k->w);
}

static void op_end(Kload *k)
{
    if (k->depth == 0) {
        fail(k, "end without loop in", k->thread);
        return;
    }
    k->depth--;
    emit(k, CP_OP_LOOP, 0, R_LOOP + k->depth, k->stack[k->depth]);
}

static CpCpuMask simulated_mask(const Kload *k, const CpCpuMask *real)
{
    CpCpuMask mask = {{0}};
    for (CpCpu c = cp_cpumask_next(real, 0); c != CP_NONE;
         c = cp_cpumask_next(real, c + 1)) {
        cp_cpumask_set(&mask, simulated_cpu(k->scenario, c));
    }
    return mask;
}

static void op_affinity(Kload *k, const Line *l)
{
    CpCpuMask real = {{(uint64_t)arg(l, 1)}}, mask = simulated_mask(k, &real);
    emit(k, CP_OP_SET_AFFINITY, 0, 0, cp_workload_mask(k->w, &mask));
}

static bool object_operation(Kload *k, const Line *l)
{
    static const struct {
        const char *word;
        char kind;
        CpOp op;
    } ops[] = {
        {"lock", 'm', CP_OP_LOCK},       {"unlock", 'm', CP_OP_UNLOCK},
        {"barrier", 'b', CP_OP_BARRIER}, {"send", 'c', CP_OP_SEND},
        {"recv", 'c', CP_OP_RECV},       {"wait", 's', CP_OP_SEM_WAIT},
        {"post", 's', CP_OP_SEM_POST},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(ops); i++) {
        if (is(l, ops[i].word)) {
            bool timed = ops[i].op != CP_OP_UNLOCK && ops[i].op != CP_OP_SEM_POST;
            uint32_t obj = object(k, ops[i].kind, l->n > 1 ? l->w[1] : "");
            if (ops[i].op == CP_OP_SEND) {
                set(k, R_A, 1); /* one byte */
            }
            emit(k, ops[i].op, 0,
                 ops[i].op == CP_OP_SEND ? (uint32_t)R_A
                 : timed                 ? (uint32_t)CP_REG_NONE
                                         : 0,
                 obj);
            return true;
        }
    }
    return false;
}

static void operation(Kload *k, const Line *l)
{
    if (is(l, "run")) {
        compute(k, burst(k, arg(l, 1)));
    } else if (is(l, "run_until")) {
        op_run_until(k, l);
    } else if (is(l, "sleep")) {
        op_sleep(k, l);
    } else if (is(l, "period")) {
        op_period(k, l);
    } else if (is(l, "resp")) {
        record_latency(k, R_REL, "resp_us");
    } else if (is(l, "mark")) {
        compute(k, CLOCK_NS);
    } else if (is(l, "yield")) {
        emit(k, CP_OP_YIELD, 0, 0, 0);
    } else if (is(l, "forkjoin") || is(l, "thrjoin")) {
        op_children(k, l, is(l, "forkjoin"));
    } else if (is(l, "loop")) {
        op_loop(k, l);
    } else if (is(l, "end")) {
        op_end(k);
    } else if (is(l, "affinity")) {
        op_affinity(k, l);
    } else if (!object_operation(k, l)) {
        fail(k, "unknown operation", l->w[0]);
    }
}

/* --- declarations --- */

static void declare_object(Kload *k, const Line *l)
{
    bool is_pi = l->n > 2 && strcmp(l->w[2], "pi") == 0;
    CpObjKind kind = is(l, "mutex")     ? CP_OBJ_LOCK
                     : is(l, "barrier") ? CP_OBJ_BARRIER
                     : is(l, "sem")     ? CP_OBJ_SEMAPHORE
                                        : CP_OBJ_PIPE;
    uint32_t row = cp_workload_obj(k->w, l->n > 1 ? l->w[1] : "", kind);
    CpObjDecl *d = cp_obj_decl(k->w, row);
    d->n = kind == CP_OBJ_BARRIER || kind == CP_OBJ_SEMAPHORE ? (int64_t)arg(l, 2) : 0;
    d->size = kind == CP_OBJ_PIPE ? 65536 : 0;
    d->flags = CP_OBJ_SHARED | (is_pi ? CP_OBJ_PI : 0);
    g_hash_table_insert(k->objs, g_strdup_printf("%c %s", l->w[0][0], l->w[1]),
                        GUINT_TO_POINTER(row));
}

static uint32_t group(Kload *k, const char *name)
{
    gpointer row = NULL;
    if (g_hash_table_lookup_extended(k->groups, name, NULL, &row)) {
        return GPOINTER_TO_UINT(row);
    }
    yajl_val g = member(member(k->scenario, "cgroups"), name);
    if (g == NULL) {
        g = member(member(member(k->scenario, "model"), "cgroups"), name);
    }
    double quota = number_at(g, "quota", 0);
    if (k->w->groups->len == 0) {
        CpGroupDecl root = {.name = cp_workload_string(k->w, "/"), .cpus = CP_NONE};
        g_array_append_val(k->w->groups, root);
    }
    const char *slash = strrchr(name, '/');
    g_autofree char *above = slash != NULL ? g_strndup(name, (gsize)(slash - name)) : NULL;
    CpGroupDecl d = {.name = cp_workload_string(k->w, name),
                     .parent = above != NULL ? group(k, above) : 0,
                     .weight = (uint32_t)(number_at(g, "shares", 1024) * 100 / 1024 + 0.5),
                     .quota = quota > 0 ? us(quota) : 0,
                     .period = us(number_at(g, "period", 100000)),
                     .cpus = CP_NONE};
    g_array_append_val(k->w->groups, d);
    uint32_t index = k->w->groups->len - 1;
    g_hash_table_insert(k->groups, g_strdup(name), GUINT_TO_POINTER(index));
    return index;
}

static CpSchedPolicy policy_of(Kload *k, const char *name)
{
    static const struct {
        const char *name, *needs;
        CpSchedPolicy policy;
    } known[] = {
        {"other", NULL, CP_SCHED_NORMAL}, {"batch", NULL, CP_SCHED_BATCH},
        {"idle", NULL, CP_SCHED_IDLE},    {"fifo", "rt", CP_SCHED_FIFO},
        {"rr", "rt", CP_SCHED_RR},        {"deadline", "deadline", CP_SCHED_DEADLINE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].name, name) == 0) {
            if (known[i].needs != NULL && cp_policy_class_find(known[i].needs) == NULL) {
                fail(k, "no scheduling class for", name);
            }
            return known[i].policy;
        }
    }
    fail(k, "unknown policy", name);
    return CP_SCHED_NORMAL;
}

static void set_cpus(Kload *k, CpThreadDecl *d, const char *list)
{
    CpCpuMask mask = {{0}};
    if (cp_parse_cpus(list, &mask, &k->error)) {
        mask = simulated_mask(k, &mask);
        d->attr.cpus = cp_workload_mask(k->w, &mask);
    }
}

static void thread_setting(Kload *k, uint32_t row, const char *key, const char *value)
{
    CpThreadDecl *d = cp_thread_decl(k->w, row);
    double dl[3] = {0};
    if (strcmp(key, "nice") == 0) {
        d->attr.nice = atoi(value);
    } else if (strcmp(key, "policy") == 0) {
        d->attr.policy = policy_of(k, value);
    } else if (strcmp(key, "prio") == 0) {
        d->attr.rt_prio = atoi(value);
    } else if (strcmp(key, "slice_us") == 0) {
        d->attr.slice = us(atof(value));
    } else if (strcmp(key, "cpus") == 0) {
        set_cpus(k, d, value);
    } else if (strcmp(key, "cgroup") == 0) {
        d->group = group(k, value);
    } else if (strcmp(key, "dl") == 0 &&
               sscanf(value, "%lf,%lf,%lf", &dl[0], &dl[1], &dl[2]) == 3) {
        d->attr.runtime = us(dl[0]);
        d->attr.deadline = us(dl[1]);
        d->attr.period = us(dl[2]);
    } else {
        fail(k, "unknown setting", key);
    }
}

/* A thread starts where it really did, when its release timer fires: the timer slack after
 * the moment all are released at. */
static void declare_thread(Kload *k, const Line *l)
{
    uint32_t row = cp_workload_thread(k->w, k->proc, l->w[1]);
    CpThreadDecl *d = cp_thread_decl(k->w, row);
    d->n_regs = R_COUNT;
    d->own_attr = true;
    d->attr.cpus = k->mask;
    for (unsigned i = 2; i < l->n; i++) {
        g_auto(GStrv) pair = g_strsplit(l->w[i], "=", 2);
        if (pair[0] != NULL && pair[1] != NULL) {
            thread_setting(k, row, pair[0], pair[1]);
        }
    }
    d = cp_thread_decl(k->w, row);
    d->start = d->attr.policy >= CP_SCHED_FIFO ? 0 : SLACK_NS;
    double cpu = number_at(k->rep->start_cpu, l->w[1], -1);
    d->start_cpu = cpu >= 0 ? simulated_cpu(k->scenario, (unsigned)cpu) : CP_NONE;
    set(k, R_REL, 0);
}

static void declare_children(Kload *k, const Line *l)
{
    bool processes = is(l, "forkjoin");
    uint32_t n = (uint32_t)arg(l, 1), first = CP_NONE, sem = CP_NONE;
    if (processes) {
        sem = cp_workload_obj(k->w, "ended", CP_OBJ_SEMAPHORE);
    }
    for (uint32_t i = 0; i < (processes ? 1 : n); i++) {
        g_autofree char *name = g_strdup_printf("child%u", k->n_children++);
        uint32_t row = cp_workload_thread(k->w, k->proc, name);
        CpThreadDecl *d = cp_thread_decl(k->w, row);
        d->copies = 0;
        d->n_regs = R_COUNT;
        d->flags = CP_THREAD_SPAWNED | (processes ? CP_THREAD_FORKS : 0);
        compute(k, burst(k, arg(l, 2)));
        if (processes) {
            emit(k, CP_OP_SEM_POST, 1, 0, sem);
        }
        emit(k, CP_OP_EXIT, 0, 0, 0);
        first = i == 0 ? row : first;
    }
    g_queue_push_tail(&k->children, GUINT_TO_POINTER(first));
    g_queue_push_tail(&k->children, GUINT_TO_POINTER(sem));
}

/* --- the script --- */

static void line_free(gpointer data)
{
    Line *l = data;
    g_strfreev(l->w);
}

static GArray *read_script(yajl_val scenario)
{
    GArray *lines = g_array_new(FALSE, TRUE, sizeof(Line));
    yajl_val script = member(member(scenario, "model"), "kload");
    g_array_set_clear_func(lines, line_free);
    for (size_t i = 0; i < length(script); i++) {
        Line l = split(text(YAJL_GET_ARRAY(script)->values[i]));
        g_array_append_val(lines, l);
    }
    return lines;
}

static bool begins_thread(const Line *l)
{
    return l->n > 1 && (is(l, "thread") || is(l, "process"));
}

/* One thread: its children first, then itself. */
static void translate_thread(Kload *k, const GArray *lines, guint at)
{
    guint end = at + 1;
    while (end < lines->len && !begins_thread(&g_array_index(lines, Line, end))) {
        end++;
    }
    k->thread = g_array_index(lines, Line, at).w[1];
    k->depth = 0;
    for (guint i = at + 1; i < end; i++) {
        const Line *l = &g_array_index(lines, Line, i);
        if (is(l, "forkjoin") || is(l, "thrjoin")) {
            declare_children(k, l);
        }
    }
    declare_thread(k, &g_array_index(lines, Line, at));
    for (guint i = at + 1; i < end; i++) {
        const Line *l = &g_array_index(lines, Line, i);
        if (l->n > 0) {
            operation(k, l);
        }
    }
    emit(k, CP_OP_EXIT, 0, 0, 0);
}

/* Objects, the threads of the program itself, then its processes. */
static void translate_script(Kload *k, const GArray *lines)
{
    guint begin = 0;
    for (; begin < lines->len && !begins_thread(&g_array_index(lines, Line, begin));
         begin++) {
        const Line *l = &g_array_index(lines, Line, begin);
        if (l->n > 1) {
            declare_object(k, l);
        }
    }
    k->proc = cp_workload_proc(k->w, "program", "native");
    for (guint i = begin; i < lines->len; i++) {
        if (is(&g_array_index(lines, Line, i), "thread")) {
            translate_thread(k, lines, i);
        }
    }
    for (guint i = begin; i < lines->len; i++) {
        const Line *l = &g_array_index(lines, Line, i);
        if (is(l, "process") && l->n > 1) {
            k->proc = cp_workload_proc(k->w, l->w[1], "native");
            translate_thread(k, lines, i);
        }
    }
}

CpWorkload *translate_kload(const Reality *reality, yajl_val scenario,
                            const Repetition *rep, GError **error)
{
    Kload k = {.w = cp_workload_new(&cp_ops),
               .reality = reality,
               .scenario = scenario,
               .rep = rep,
               .objs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
               .groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    GArray *lines = read_script(scenario);
    g_queue_init(&k.children);
    k.mask = scenario_mask(k.w, reality, scenario);
    translate_script(&k, lines);
    g_array_unref(lines);
    g_hash_table_unref(k.objs);
    g_hash_table_unref(k.groups);
    g_queue_clear(&k.children);
    if (k.error != NULL) {
        g_propagate_error(error, k.error);
        cp_workload_free(k.w);
        return NULL;
    }
    return k.w;
}

/* --- what a script says about evidence --- */

/* Counts threads (all, or the one named) that contain one of the operations. */
static unsigned threads_with(yajl_val scenario, const char *name, const char *op_a,
                             const char *op_b)
{
    GArray *lines = read_script(scenario);
    unsigned n = 0;
    bool here = false, counted = false;
    for (guint i = 0; i < lines->len; i++) {
        const Line *l = &g_array_index(lines, Line, i);
        if (begins_thread(l)) {
            here = name == NULL || strcmp(l->w[1], name) == 0;
            counted = false;
        } else if (here && !counted && (is(l, op_a) || is(l, op_b))) {
            counted = true;
            n++;
        }
    }
    g_array_unref(lines);
    return n;
}

bool kload_fixes_end(yajl_val scenario)
{
    return threads_with(scenario, NULL, "run_until", "spin") > 0;
}

bool kload_thread_fixes_end(yajl_val scenario, const char *name)
{
    return threads_with(scenario, name, "run_until", "spin") > 0;
}

bool kload_competes(yajl_val scenario)
{
    return threads_with(scenario, NULL, "period", "period") > 1;
}
