/* Draws a random workload: a text in the workload language that is a function of its seed.
 *
 * Statements are drawn from the parser's own table: a new row of lang/tree.def whose
 * operands are read as they stand ("plain") is drawn from the day it exists, others by the
 * order given in draw-stmt.c, or else as the example the row has.  Every statement stands
 * on a line of its own and a block spans lines, so that a text can be cut by lines: what
 * the compiler refuses is cut out by whoever draws, and a text that fails is cut to what
 * makes it fail. */
#ifndef CP_TESTS_RANDOM_DRAW_H
#define CP_TESTS_RANDOM_DRAW_H

#include "lang/keys.h"
#include "lang/tree.h"

/* What is known while a process is drawn. */
typedef struct {
    GString *out;
    uint64_t random;      /* state */
    unsigned depth;       /* of blocks, for the indent */
    unsigned budget;      /* statements still to be drawn in this body */
    unsigned cores;       /* CPUs are 0 to this - 1 */
    bool kernel;          /* the policy is a kernel's: threads may have policies */
    bool python;          /* the process has that runtime */
    bool async;           /* `await` may stand here */
    bool group;           /* in a body of calls */
    unsigned n_tasks;     /* tasks that may be called here: tk0 ... */
    unsigned n_async;     /* the same of at0 ... */
    unsigned n_names;     /* given to threads, pools and handles of the file so far */
    GPtrArray *names;     /* owned text: threads and handles of this process */
    GPtrArray *pools;     /* owned text */
    GPtrArray *variables; /* owned text: in scope */
} Draw;

/* New text of the workload of that seed. */
char *draw_workload(uint64_t seed);
/* The same, in the shape that tries the models of kernels; draw-kernel.c. */
char *draw_kernel_workload(uint64_t seed);

/* --- random numbers --- */

/* 0 to n - 1. */
unsigned draw_below(Draw *d, unsigned n);
/* Whether something of that chance in a hundred happens. */
bool draw_chance(Draw *d, unsigned percent);
/* One of a NULL-ended list. */
const char *draw_word(Draw *d, const char *const *words);
#define DRAW_WORD(d, ...) draw_word(d, (const char *const[]){__VA_ARGS__, NULL})
/* One of "a|b|c": new text. */
char *draw_choice(Draw *d, const char *choices);

/* --- parts of a text, new --- */

char *draw_time(Draw *d);
/* A time, or mostly an expression or a distribution. */
char *draw_duration(Draw *d);
char *draw_cpus(Draw *d);
/* Up to n options of a table as " (a=1, b=2)", or "". */
char *draw_keys(Draw *d, const CpKey *table, uint32_t kinds, unsigned n);

/* --- lines --- */

void draw_line(Draw *d, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* One to four statements in a block that `draw_line` has opened. */
void draw_body(Draw *d);

#endif
