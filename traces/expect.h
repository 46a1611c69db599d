/* `expect` lines: read from the tree, checked after a run; private to scenario*.c. */
#ifndef CP_TRACES_EXPECT_H
#define CP_TRACES_EXPECT_H

#include "traces/scenario.h"
#include "traces/tree.h"

/* Adds a CpExpect for each line of the tree; reports unknown metrics and wrong units. */
bool cp_expects_read(const CpTree *tree, const CpWorkload *w, GPtrArray *expects,
                     CpDiag *diag);
void cp_expect_free(void *expect);

#endif
