/* How wide text for people may be. */
#ifndef CP_CLI_FOLD_H
#define CP_CLI_FOLD_H

#include "sim/types.h"

/* Columns of the terminal on standard output, or what the variable COLUMNS says; 0: it is
 * no terminal, lines may be as long as they are. */
unsigned cp_fold_width(void);
/* Appends words from a column on, broken between them at `width` (0: nowhere), the lines
 * after the first indented to the column; ends the line. */
void cp_fold_words(GString *out, const char *text, unsigned column, unsigned width);
/* Appends a line of fields parted by two blanks or more; those that do not fit go to lines
 * of their own, indented. */
void cp_fold_fields(GString *out, const char *line, unsigned width);

#endif
