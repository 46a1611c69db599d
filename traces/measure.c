#include "traces/measure.h"

#include <string.h>

typedef enum { AWAY, READY, RUNNING } Where;

typedef struct {
    bool kept;
    bool woken; /* READY by a wake-up, not by preemption */
    uint8_t where;
    uint32_t cpu; /* last one it ran on, CP_NONE */
    CpTime since; /* of `where` */
    CpTime ran;
} Thread;

typedef struct {
    Thread *threads;
    uint32_t n_threads;
    uint32_t *current; /* thread by CPU; CP_NONE: idle or not known yet */
    uint32_t n_cpus;
    CpHist latency;
    CpMeasure *m;
    uint64_t n_moved;    /* went on on another CPU than before */
    bool has_migrations; /* the recording has records of them */
    bool begun;
} Walk;

static Thread *thread_at(Walk *walk, uint32_t id)
{
    return id < walk->n_threads ? &walk->threads[id] : NULL;
}

static void put_out(Walk *walk, Thread *t, CpTime now, uint32_t arg)
{
    if (t == NULL || t->where != RUNNING) {
        return;
    }
    bool runnable = !cp_switch_voluntary(arg);
    if (t->kept) {
        walk->m->cpu += now - t->since;
        t->ran += now - t->since;
        walk->m->last = now;
        walk->m->voluntary += !runnable;
        walk->m->involuntary += runnable;
    }
    t->where = runnable ? READY : AWAY;
    t->woken = false;
    t->since = now;
}

static void put_in(Walk *walk, Thread *t, CpTime now, uint32_t cpu)
{
    if (t == NULL) {
        return;
    }
    if (t->kept) {
        if (!walk->begun) {
            walk->begun = true;
            walk->m->first = now;
        }
        if (t->where == READY) {
            walk->m->run_wait += now - t->since;
        }
        if (t->where == READY && t->woken) {
            cp_hist_add(&walk->latency, now - t->since);
        }
        walk->n_moved += t->cpu != CP_NONE && t->cpu != cpu;
    }
    t->where = RUNNING;
    t->since = now;
    t->cpu = cpu;
}

static void on_switch(Walk *walk, const CpRecord *r)
{
    uint32_t cpu = r->cpu;
    if (cpu >= walk->n_cpus) {
        return;
    }
    CpTime now = cp_record_time(r);
    Thread *out = thread_at(walk, walk->current[cpu]), *in = thread_at(walk, r->id);
    put_out(walk, out, now, r->arg);
    put_in(walk, in, now, cpu);
    walk->m->switches += (out != NULL && out->kept) || (in != NULL && in->kept);
    walk->current[cpu] = r->id;
}

static void on_wakeup(Walk *walk, const CpRecord *r)
{
    Thread *t = thread_at(walk, r->id);
    if (t == NULL || t->where != AWAY) {
        return;
    }
    walk->m->wakeups += t->kept;
    t->where = READY;
    t->woken = true;
    t->since = cp_record_time(r);
}

static void on_migration(Walk *walk, const CpRecord *r)
{
    const Thread *t = thread_at(walk, r->id);
    walk->has_migrations = true;
    walk->m->migrations += t != NULL && t->kept;
}

static gboolean walk_records(Walk *walk, CpCpr *cpr, GError **error)
{
    g_autofree CpRecord *block = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t b = 0; b < cp_cpr_n_blocks(cpr); b++) {
        size_t n;
        if (!cp_cpr_read(cpr, b, block, &n, error)) {
            return FALSE;
        }
        for (size_t i = 0; i < n; i++) {
            CpRecordKind kind = cp_record_kind(&block[i]);
            if (kind == CP_REC_SWITCH) {
                on_switch(walk, &block[i]);
            } else if (kind == CP_REC_WAKEUP || kind == CP_REC_WAKEUP_NEW) {
                on_wakeup(walk, &block[i]);
            } else if (kind == CP_REC_MIGRATE) {
                on_migration(walk, &block[i]);
            }
        }
    }
    return TRUE;
}

/* What was still going on when the recording ended. */
static void close_walk(Walk *walk, CpTime end)
{
    CpMeasure *m = walk->m;
    m->longest = CP_NONE;
    m->migrations = walk->has_migrations ? m->migrations : walk->n_moved;
    for (uint32_t i = 0; i < walk->n_threads; i++) {
        Thread *t = &walk->threads[i];
        if (t->kept && t->where == RUNNING) {
            m->cpu += end - t->since;
            t->ran += end - t->since;
            m->last = end;
        }
        if (t->kept && t->ran > m->longest_cpu) {
            m->longest_cpu = t->ran;
            m->longest = i;
        }
    }
    m->wakeup_p50 = cp_hist_quantile(&walk->latency, 500000);
    m->wakeup_p99 = cp_hist_quantile(&walk->latency, 990000);
}

gboolean cp_measure(CpCpr *cpr, const bool *keep, CpMeasure *out, GError **error)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    CpMeasure m = {0};
    CpArena *arena = cp_arena_new();
    Walk walk = {.n_threads = cp_cpr_n_threads(cpr), .n_cpus = info->n_cpus, .m = &m};
    walk.threads = g_new0(Thread, walk.n_threads + 1);
    walk.current = g_new(uint32_t, walk.n_cpus + 1);
    memset(walk.current, 0xff, (walk.n_cpus + 1) * sizeof *walk.current);
    cp_hist_init(&walk.latency, arena);
    for (uint32_t i = 0; i < walk.n_threads; i++) {
        walk.threads[i].kept =
            keep != NULL ? keep[i] : (cp_cpr_thread_at(cpr, i)->flags & 1) == 0;
        walk.threads[i].cpu = CP_NONE;
    }
    gboolean ok = walk_records(&walk, cpr, error);
    if (ok) {
        close_walk(&walk, info->end);
        *out = m;
    }
    g_free(walk.threads);
    g_free(walk.current);
    cp_arena_free(arena);
    return ok;
}
