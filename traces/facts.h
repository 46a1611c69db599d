/* What a recording says of how it was made: the warnings of its importer and of rebuilding
 * it, which whoever shows figures of it has to pass on. */
#ifndef CP_TRACES_FACTS_H
#define CP_TRACES_FACTS_H

#include "traces/cpr.h"

/* New, NULL-ended, for g_strfreev: values of all "key=VALUE" lines of the recording's
 * facts. */
char **cp_facts(const CpCpr *cpr, const char *key);
/* The warnings. */
char **cp_facts_warnings(const CpCpr *cpr);

#endif
