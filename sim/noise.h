/* Noise: interrupts that take time from whoever runs, and how much bursts and switches
 * vary. */
#ifndef CP_SIM_NOISE_H
#define CP_SIM_NOISE_H

#include "sim/state.h"

void cp_noise_init(CpSim *sim);
/* Arms the interrupts of the workload. */
void cp_noise_begin(CpSim *sim);
/* The timer of an interrupt has come. */
void cp_noise_fire(CpSim *sim, uint32_t noise, CpCpu cpu);

#endif
