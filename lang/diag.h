/* Messages about input: file, line, column, caret, note and help.
 *
 *   cafe.cpw:9:14: error: '5' has no unit
 *       9 |     wait     5
 *         |              ^
 *         = help: write 5s, 5ms, 5us or 5ns
 *
 * Columns count characters; tabs are kept in the caret line; control and bidirectional
 * characters are shown escaped, never raw.  Up to 20 errors are kept, then counted. */
#ifndef CP_LANG_DIAG_H
#define CP_LANG_DIAG_H

#include "sim/types.h"

typedef enum { CP_DIAG_ERROR, CP_DIAG_WARNING } CpDiagLevel;

typedef struct {
    uint32_t line, column; /* from 1; 0: the whole file */
    uint32_t length;       /* characters marked, at least 1 */
} CpPos;

typedef struct CpDiag CpDiag;

/* `text` is the source to quote from, borrowed until free; NULL if there is none. */
CpDiag *cp_diag_new(const char *file, const char *text, size_t len);
void cp_diag_free(CpDiag *diag);
void cp_diag_source(CpDiag *diag, const char *file, const char *text, size_t len);
/* Adds a message; returns false, so that `return cp_diag_error(...)` reads well. */
bool cp_diag_error(CpDiag *diag, CpPos pos, const char *format, ...) G_GNUC_PRINTF(3, 4);
void cp_diag_warning(CpDiag *diag, CpPos pos, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Attached to the message added last. */
void cp_diag_note(CpDiag *diag, CpPos pos, const char *format, ...) G_GNUC_PRINTF(3, 4);
void cp_diag_help(CpDiag *diag, const char *format, ...) G_GNUC_PRINTF(2, 3);
unsigned cp_diag_n_errors(const CpDiag *diag);
/* Exit code the messages ask for: 3, or 2 if all come from options, or the one set. */
int cp_diag_code(const CpDiag *diag);
/* What went wrong is not the input's fault. */
void cp_diag_set_code(CpDiag *diag, int code);
void cp_diag_usage(CpDiag *diag, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* New text: all messages; `colour`: with terminal colours.  Or as a JSON array. */
char *cp_diag_print(const CpDiag *diag, bool colour);
char *cp_diag_json(const CpDiag *diag);
/* New text: the first message without its place, and the text it is about with a mark, for
 * what is no file but an option. */
char *cp_diag_inline(const CpDiag *diag);
/* New text fit for a terminal or a chart: valid UTF-8, control and bidirectional characters
 * escaped. */
char *cp_clean_text(const char *text, gssize len);

#endif
