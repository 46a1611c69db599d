/* What the simulated program did wrong: a result, not an error. */
#ifndef CP_SIM_DIAGNOSE_H
#define CP_SIM_DIAGNOSE_H

#include "sim/state.h"

/* Adds a diagnosis; the text is formatted as printf does. */
void cp_diagnose(CpSim *sim, const char *kind, const CpTid *threads, uint32_t n,
                 const char *format, ...) G_GNUC_PRINTF(5, 6);
/* Nothing can happen any more: has the load of arrival streams ended, and does everybody
 * left wait for more of it, or for such a thread?  A server without requests is idle. */
bool cp_load_is_over(const CpSim *sim);
void cp_diagnose_deadlock(CpSim *sim);
void cp_diagnose_cycle(CpSim *sim, CpTid tid);

/* Frees a CpDiagnosis. */
void cp_diagnosis_free(void *diagnosis);

#endif
