/* A folder of measurements of real programs, and what is compared.
 *
 * A folder holds `scenarios.json` (what each program does, as a model of operations),
 * `measurements.json` (what a real machine made of it, keyed by id) and may hold
 * `overheads.json` (what single operations cost).  Nothing in this program knows a scenario
 * by name: any folder of that form works. */
#ifndef CP_TESTS_ACCURACY_REALITY_H
#define CP_TESTS_ACCURACY_REALITY_H

#include "sim/types.h"

#include <math.h>
#include <yajl/yajl_tree.h>

typedef struct {
    char *folder;
    yajl_val scenarios, measurements, overheads; /* owned; overheads may be NULL */
    bool lazy;                                   /* the kernel ran with lazy preemption */
    unsigned n_cpus;                             /* of the machine measured */
} Reality;

/* What differs from one simulated repetition to the next. */
typedef struct {
    double scale;       /* real ns of a nominal ns of burst */
    yajl_val start_cpu; /* object: thread name to CPU, or NULL */
    CpTime tick_phase;
    uint64_t seed;
} Repetition;

/* --- JSON, with defaults for what is missing --- */

yajl_val member(yajl_val object, const char *key); /* NULL if there is none */
double number(yajl_val v, double otherwise);
double number_at(yajl_val object, const char *key, double otherwise);
const char *text(yajl_val v); /* "" if it is none */
const char *text_at(yajl_val object, const char *key);
size_t length(yajl_val array); /* 0 if it is none */

/* The tree of FOLDER/NAME; NULL after setting error. */
yajl_val read_json(const char *folder, const char *name, GError **error);
/* NULL after setting error. */
Reality *reality_load(const char *folder, GError **error);
void reality_free(Reality *reality);
yajl_val measured_of(const Reality *reality, yajl_val scenario);
bool is_native(yajl_val scenario);
/* The simulated CPU that a CPU of the measured machine is.  Where cores have several, those
 * of a core stand beside each other there (as emulators and many servers number them),
 * while simulated machines number the first CPU of every core first. */
unsigned simulated_cpu(yajl_val scenario, unsigned cpu);

#endif
