/* Conservation laws, and whole-structure checks of audit builds. */
#ifndef CP_SIM_AUDIT_H
#define CP_SIM_AUDIT_H

#include "sim/state.h"

/* At the end of every run. */
gboolean cp_audit_end(CpSim *sim, GError **error);
/* After every event of an audit build. */
void cp_audit_now(CpSim *sim);

#endif
