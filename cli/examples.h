/* The examples shipped with the program. */
#ifndef CP_CLI_EXAMPLES_H
#define CP_CLI_EXAMPLES_H

#include <glib.h>

typedef struct {
    char *name, *summary;
    char *path; /* NULL: the text is cp_starter_workload */
} CpExampleFile;
/* New array of CpExampleFile *, by name.  At least the starter is there, even if the
 * examples are not installed. */
GPtrArray *cp_examples(void);

#endif
