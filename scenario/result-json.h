/* The result of a run as JSON: what `run --json` prints and a recording keeps.  Everything
 * is read from the metrics registry: a new metric appears here by itself. */
#ifndef CP_SCENARIO_RESULT_JSON_H
#define CP_SCENARIO_RESULT_JSON_H

#include "lang/json-writer.h"
#include "scenario/scenario.h"

/* Keys are never removed within a schema number. */
enum { CP_JSON_SCHEMA = 1 };

/* An object that is open and has said which version and schema it is of, as all that the
 * program prints do. */
CpJson *cp_result_json_new(void);

/* Appends one line of JSON of a run that ended; `file` is what the scenario was read from,
 * `log` what the run told, or NULL.
 * Returns how many expect lines failed. */
unsigned cp_result_json(const CpScenario *scenario, CpSim *sim, const CpRunLog *log,
                        const char *file, GString *out);

/* The same for a file that could not be run: `errors` is a JSON array. */
void cp_result_json_error(const char *file, const char *errors, GString *out);

#endif
