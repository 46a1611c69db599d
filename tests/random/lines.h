/* Cutting a workload text by lines: a line is a statement of its own, opens a block, closes
 * one, or does both ("} else {"). */
#ifndef CP_TESTS_RANDOM_LINES_H
#define CP_TESTS_RANDOM_LINES_H

#include <glib.h>
#include <stdbool.h>

/* Line after the unit that begins at line i: the line itself, or the block it opens with
 * all that hangs on it.  A line that closes a block is no unit: 0. */
unsigned lines_unit(char *const *lines, unsigned i);
/* The unit a line is in, in its innermost form: itself, or the block that it closes. */
unsigned lines_owner(char *const *lines, unsigned i);
/* New text without the lines from `from` to before `to`. */
char *lines_without(char *const *lines, unsigned from, unsigned to);

/* Whether a text has the property it is reduced for. */
typedef bool (*LinesTest)(const char *text, void *data);
/* New text: the shortest that is found within so many seconds and still passes the test, by
 * leaving out statements, blocks, and what stands around blocks. */
char *lines_reduce(const char *text, LinesTest test, void *data, double seconds);

#endif
