/* `expect` lines: read from the tree, checked after a run; private to scenario*.c. */
#ifndef CP_SCENARIO_EXPECT_H
#define CP_SCENARIO_EXPECT_H

#include "scenario/scenario.h"
#include "lang/tree.h"

/* Adds a CpExpect for each line of the tree; reports unknown metrics and wrong units. */
bool cp_expects_read(const CpTree *tree, const CpWorkload *w, GPtrArray *expects,
                     CpDiag *diag);
void cp_expect_free(void *expect);

#endif
