/* Words that are nearly right: what messages suggest. */
#ifndef CP_SIM_WORDS_H
#define CP_SIM_WORDS_H

#include "sim/types.h"

/* The candidate nearest to `word` by edit distance, or NULL: none is like it.  One letter
 * of three may differ, two or a third of more; of two one may be missing or too many.
 * `candidates` is NULL-terminated. */
const char *cp_nearest(const char *word, const char *const *candidates);

#endif
