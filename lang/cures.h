/* Words of other languages and tools: what to write instead. */
#ifndef CP_LANG_CURES_H
#define CP_LANG_CURES_H

#include "sim/types.h"

/* What to write instead of the words of a line, `len` bytes, in which an error is marked at
 * byte `mark`; static, NULL: nothing is known about them.  See cures.def. */
const char *cp_cure_find(const char *line, size_t len, size_t mark);

#endif
