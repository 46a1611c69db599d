#include "sim/noise.h"

#include "sim/cpu.h"
#include "sim/random.h"
#include "sim/timer.h"

/* Decides when interrupts come, and how much bursts and switches vary. */

/* A disturbance of mean length `hit`, exponential, has the mean square 2 hit^2; as many
 * come in 1 ms as make up the variance asked for.  Where that would be most of the time,
 * they are longer instead. */
void cp_noise_init(CpSim *sim)
{
    int64_t ppm = sim->cost[CP_COST_SPEED_NOISE];             /* also ns of a millisecond */
    CpTime spread = sim->cost[CP_COST_SWITCH] * ppm / 577350; /* sqrt(3) deviations */
    sim->noise.switch_least = sim->cost[CP_COST_SWITCH] - spread;
    cp_assert(sim->noise.switch_least >= 0);
    sim->noise.switch_width = 2 * (uint64_t)spread + 1;
    if (ppm > 0) {
        sim->noise.hit = MAX(sim->cost[CP_COST_SPEED_HIT], 2 * ppm * ppm / 1000000 + 1);
        sim->noise.gap = 2 * sim->noise.hit * sim->noise.hit / ppm * CP_MS / ppm;
    }
}

static void noise_arm(CpSim *sim, uint32_t noise, CpCpu cpu)
{
    const CpNoiseDecl *d = &g_array_index(sim->w->noises, CpNoiseDecl, noise);
    uint32_t number = noise * CP_CPUS_MAX + cpu;
    uint64_t draw = sim->irq_draws[noise * sim->n_cpus + cpu]++;
    CpTime gap = cp_dist_sample(&d->every, (const int64_t *)(void *)sim->w->values->data,
                                cp_random(sim->seed, CP_RANDOM_IRQ, number, 2 * draw));
    cp_assert(gap >= 0);
    sim->n_passive++;
    cp_timer_push(sim, CP_TIMER_IRQ, sim->now + (gap > 0 ? gap : 1), noise, cpu);
}

void cp_noise_fire(CpSim *sim, uint32_t noise, uint32_t cpu)
{
    cp_assert(noise < sim->w->noises->len && cpu < sim->n_cpus);
    const CpNoiseDecl *d = &g_array_index(sim->w->noises, CpNoiseDecl, noise);
    uint32_t number = noise * CP_CPUS_MAX + cpu;
    uint64_t draw = sim->irq_draws[noise * sim->n_cpus + cpu];
    cp_assert(sim->n_passive > 0);
    sim->n_passive--;
    cp_irq(sim, cpu,
           cp_dist_sample(&d->steal, (const int64_t *)(void *)sim->w->values->data,
                          cp_random(sim->seed, CP_RANDOM_IRQ, number, 2 * draw + 1)));
    noise_arm(sim, noise, cpu);
}

void cp_noise_begin(CpSim *sim)
{
    for (uint32_t noise = 0; noise < sim->w->noises->len; noise++) {
        const CpNoiseDecl *d = &g_array_index(sim->w->noises, CpNoiseDecl, noise);
        for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
            if (d->cpus == CP_NONE ||
                cp_cpumask_has(&g_array_index(sim->w->masks, CpCpuMask, d->cpus), cpu)) {
                noise_arm(sim, noise, cpu);
            }
        }
    }
}
