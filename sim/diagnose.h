/* What the simulated program did wrong: a result, not an error. */
#ifndef CP_SIM_DIAGNOSE_H
#define CP_SIM_DIAGNOSE_H

#include "sim/state.h"

/* Adds a diagnosis; the text is formatted as printf does. */
void cp_diagnose(CpSim *sim, const char *kind, const CpTid *threads, uint32_t n,
                 const char *format, ...) G_GNUC_PRINTF(5, 6);
void cp_diagnose_deadlock(CpSim *sim);
void cp_diagnose_cycle(CpSim *sim, CpTid tid);

/* Frees a CpDiagnosis. */
void cp_diagnosis_free(void *diagnosis);

#endif
