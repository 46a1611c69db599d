/* What happens when memory runs out: the program ends with exit code 5 and says how much
 * was asked for, instead of crashing; files that are not complete go with it.
 *
 * Every allocation of the program and of the libraries in it comes by here, because most of
 * them take memory for granted. */
#ifndef CP_CLI_MEMORY_H
#define CP_CLI_MEMORY_H

#include <stdbool.h>

/* From here on; `name` is that of the command in messages, and may change later. */
void cp_memory_watch(const char *const *name);

/* Keeps some memory back.  When there is no other, that is used up, and `flag` is set to
 * `value` so that the command can end in order. */
void cp_memory_keep(volatile int *flag, int value);

/* Says on standard error that memory ran out, if it did. */
void cp_memory_tell(void);

#endif
