/* From the `model` of a scenario to a workload: one translator for `kload` scripts, one for
 * lists of JSON operations. */
#ifndef CP_TESTS_ACCURACY_TRANSLATE_H
#define CP_TESTS_ACCURACY_TRANSLATE_H

#include "sim/program.h"
#include "tests/accuracy/reality.h"

/* The variable in which threads under an interpreter's lock count hand-overs as the
 * measured programs do: at the end of each piece of a burst. */
#define HANDOFFS_VARIABLE "handoffs"

/* New workload, or NULL after setting error: the model asks for what cannot be simulated.
 */
CpWorkload *translate(const Reality *reality, yajl_val scenario, const Repetition *rep,
                      GError **error);

/* The two translators behind it. */
CpWorkload *translate_kload(const Reality *reality, yajl_val scenario,
                            const Repetition *rep, GError **error);
CpWorkload *translate_python(const Reality *reality, yajl_val scenario,
                             const Repetition *rep, GError **error);

/* Mask of the CPUs a scenario was bound to; CP_NONE: all of the machine. */
uint32_t scenario_mask(CpWorkload *w, const Reality *reality, yajl_val scenario);

/* Facts about a kload script that decide which figures are evidence. */
bool kload_fixes_end(yajl_val scenario); /* a thread runs until T */
bool kload_thread_fixes_end(yajl_val scenario, const char *name);
bool kload_competes(yajl_val scenario); /* several threads sleep and compute */

/* Whether a thread of a Python model contains an operation. */
bool python_threads_use(yajl_val scenario, const char *word);

#endif
