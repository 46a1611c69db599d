/* Lines of a text file of any size, plain or gzip-compressed, in constant memory.
 *
 * A line longer than CP_LINE_MAX is skipped and counted: nobody's trace has one, and a file
 * without line ends must not fill the memory. */
#ifndef CP_TRACES_IMPORT_TEXT_LINES_H
#define CP_TRACES_IMPORT_TEXT_LINES_H

#include "sim/types.h"

enum {
    CP_LINE_MAX = 1 << 20,
    CP_LINE_SLACK = 64, /* readable bytes behind every line, the first a line end or NUL */
};

typedef struct CpLines CpLines;

/* "-" is standard input.  CP_ERROR_INPUT. */
CpLines *cp_lines_open(const char *path, GError **error);
/* From memory, copied. */
CpLines *cp_lines_from_text(const char *text, size_t len);
void cp_lines_free(CpLines *lines);

/* The next line without its end, valid until the next call.  False at the end of the file
 * or on an error. */
bool cp_lines_next(CpLines *lines, const char **line, size_t *len, GError **error);

/* The first bytes of the (uncompressed) content, for telling formats apart; valid until the
 * first cp_lines_next. */
gboolean cp_lines_peek(CpLines *lines, const char **bytes, size_t *n, GError **error);

uint64_t cp_lines_number(const CpLines *lines); /* of the line returned last, from 1 */
uint64_t cp_lines_long(const CpLines *lines);   /* lines skipped for their length */
uint64_t cp_lines_bytes(const CpLines *lines);  /* uncompressed bytes read */
bool cp_lines_seekable(const CpLines *lines);   /* the file can be read a second time */
bool cp_lines_cut(const CpLines *lines);        /* the last line had no line end */

#endif
