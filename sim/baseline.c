#include "sim/engine.h"

/* The end of the warm-up.  Counters go on as they were, since some decide about placement;
 * what they had by then is remembered and taken off by the metrics, so that a run with a
 * warm-up makes the same switches as one without.  What does not add up (histograms,
 * maxima) decides about nothing and begins anew. */

static void remember(CpSim *sim, CpBase *base, CpScope scope)
{
    size_t n;
    cp_metric_list(scope, &n);
    base->n[scope] = cp_metric_subjects(sim, scope);
    base->v[scope] = g_new0(int64_t, base->n[scope] * n + 1);
    for (uint32_t i = 0; i < base->n[scope]; i++) {
        for (size_t m = 0; m < n; m++) {
            int64_t value;
            if (cp_metric_value(sim, scope, i, m, &value)) {
                base->v[scope][i * n + m] = value;
            }
        }
    }
}

static void remember_interrupts(const CpSim *sim, CpBase *base)
{
    base->irq = g_new(CpTime, sim->thread_table.n + 1);
    for (CpTid tid = 0; tid < sim->thread_table.n; tid++) {
        base->irq[tid] = sim->cold[tid].irq;
    }
    for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
        const CpCore *core = &sim->cores[cpu];
        if (core->curr != CP_NONE) {
            base->irq[core->curr] += cp_core_lag(sim, core).irq;
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
    CpBase *base = g_new0(CpBase, 1);
    for (CpScope scope = 0; scope < CP_SCOPES; scope++) {
        remember(sim, base, scope);
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
    for (CpScope scope = 0; scope < CP_SCOPES; scope++) {
        g_free(sim->base->v[scope]);
    }
    g_free(sim->base->irq);
    g_clear_pointer(&sim->base, g_free);
}
