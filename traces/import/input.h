/* An input file of any size, plain or gzip-compressed, in constant memory: its first bytes
 * for telling formats apart, then its lines or its bytes.
 *
 * A line longer than CP_LINE_MAX is skipped and counted: nobody's trace has one, and a file
 * without line ends must not fill the memory. */
#ifndef CP_TRACES_IMPORT_INPUT_H
#define CP_TRACES_IMPORT_INPUT_H

#include "sim/types.h"

enum {
    CP_LINE_MAX = 1 << 20,
    CP_LINE_SLACK = 64, /* readable bytes behind every line, the first a line end or NUL */
};

typedef struct CpInput CpInput;

/* "-" is standard input.  CP_ERROR_INPUT. */
CpInput *cp_input_open(const char *path, GError **error);
void cp_input_free(CpInput *input);

/* The next bytes, as many as there are up to `room`; *n = 0: the end of the file. */
gboolean cp_input_read(CpInput *input, void *out, size_t room, size_t *n, GError **error);

/* The next line without its end, valid until the next call.  False at the end of the file
 * or on an error. */
bool cp_input_line(CpInput *input, const char **line, size_t *len, GError **error);

/* The first bytes of the (uncompressed) content, for telling formats apart; valid until the
 * first cp_input_line or cp_input_read.  CP_LINE_SLACK more can be read behind them. */
gboolean cp_input_peek(CpInput *input, const char **bytes, size_t *n, GError **error);

/* A descriptor of the whole (uncompressed) content that can be read at any place, to be
 * closed by the caller: the file's own, or that of a copy without a name.  Before anything
 * was read. -1: CP_ERROR_INPUT, CP_ERROR_OUTPUT. */
int cp_input_descriptor(CpInput *input, GError **error);

const char *cp_input_name(const CpInput *input); /* as messages have it */
uint64_t cp_input_n_lines(const CpInput *input); /* number of the line returned last */
uint64_t cp_input_n_long(const CpInput *input);  /* lines skipped for their length */
uint64_t cp_input_n_bytes(const CpInput *input); /* uncompressed bytes read */
bool cp_input_seekable(const CpInput *input);    /* the file can be read a second time */
bool cp_input_cut(const CpInput *input);         /* the last line had no line end */

#endif
