/* Lists of JSON operations: threads under an interpreter's lock, processes, event loops. */
#include "tests/accuracy/translate.h"

#include "sim/error.h"

CpWorkload *translate_python(const Reality *reality, yajl_val scenario,
                             const Repetition *rep, GError **error)
{
    (void)reality; /* nothing of it is needed to refuse */
    (void)rep;
    g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                "models of runtime '%s' are not translated",
                text_at(member(scenario, "model"), "runtime"));
    return NULL;
}
