#include "sim/baseline.h"

#include "sim/cpu.h"
#include "sim/object.h"
#include "sim/thread.h"

/* The end of the warm-up.  Counters go on as they were, since some decide about placement;
 * what they had by then is remembered and taken off by the metrics, so that a run with a
 * warm-up makes the same switches as one without.  What does not add up (histograms,
 * maxima) decides about nothing and begins anew. */

/* What the rows of a table that add up have come to. */
static void remember(CpSim *sim, CpBase *base, CpMetricTable *table)
{
    cp_assert(table->base == NULL);
    table->base = g_new0(int64_t *, table->n + 1);
    g_ptr_array_add(base->blocks, table->base);
    for (size_t row = 0; row < table->n; row++) {
        const CpMetric *metric = &table->rows[row];
        if (!metric->sums) {
            continue;
        }
        uint32_t subjects = base->n[metric->scope];
        int64_t *v = table->base[row] = g_new0(int64_t, subjects + 1);
        g_ptr_array_add(base->blocks, v);
        for (uint32_t i = 0; i < subjects; i++) {
            int64_t value;
            v[i] = metric->get(sim, i, &value) ? value : 0;
        }
    }
}

static void remember_interrupts(const CpSim *sim, CpBase *base)
{
    base->irq = g_new(CpTime, sim->tables.thread.n + 1);
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        base->irq[tid] = sim->cold[tid].irq;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCpuState *c = &sim->cpus[cpu];
        if (c->curr != CP_NONE) {
            base->irq[c->curr] += cp_cpu_lag(sim, c).irq;
        }
    }
}

static void restart_histograms(CpSim *sim)
{
    cp_hist_reset(&sim->wakeup_hist);
    cp_hist_reset(&sim->slice_hist);
    for (uint32_t i = 0; i < sim->w->hists->len; i++) {
        cp_hist_reset(&sim->hists[i]);
    }
    for (guint i = 0; i < sim->thread_hists->len; i++) {
        cp_hist_reset(g_array_index(sim->thread_hists, CpHist *, i));
    }
}

void cp_warmup_end(CpSim *sim)
{
    cp_assert(sim->base == NULL); /* a run has one warm-up, or the first would be lost */
    CpBase *base = g_new0(CpBase, 1);
    for (CpScope scope = 0; scope < CP_SCOPES; scope++) {
        base->n[scope] = cp_metric_subjects(sim, scope);
    }
    base->blocks = g_ptr_array_new_with_free_func(g_free);
    for (size_t k = 0; k < sim->n_metric_tables; k++) {
        remember(sim, base, &sim->metric_tables[k]);
    }
    remember_interrupts(sim, base);
    sim->base = base;
    sim->counted_from = sim->now;
    sim->responses = 0;
    restart_histograms(sim);
    for (uint32_t i = 0; i < sim->w->objs->len; i++) {
        sim->objs[i].wait_max_ns = 0;
        sim->objs[i].n_max = sim->objs[i].n;
    }
    for (size_t i = 0; sim->config.runtimes[i] != NULL; i++) {
        if (sim->config.runtimes[i]->restart != NULL) {
            sim->config.runtimes[i]->restart(sim);
        }
    }
}

void cp_warmup_clear(CpSim *sim)
{
    if (sim->base == NULL) {
        return;
    }
    g_ptr_array_unref(sim->base->blocks);
    g_free(sim->base->irq);
    g_clear_pointer(&sim->base, g_free);
}
