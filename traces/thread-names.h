/* What the threads of a recording are called, in charts, tables and rebuilt workloads
 * alike. */
#ifndef CP_TRACES_THREAD_NAMES_H
#define CP_TRACES_THREAD_NAMES_H

#include "traces/cpr.h"

/* New NULL-ended texts by thread id: cleaned and never empty.  A name that only one thread
 * has stands alone; one that repeats gets its process before it ("web: worker"), where that
 * tells it from the others, else its number behind it ("worker (4711)"). */
char **cp_thread_names(const CpCpr *cpr);

#endif
