#include "tests/accuracy/translate.h"

#include "sim/error.h"

uint32_t scenario_mask(CpWorkload *w, const Reality *reality, yajl_val scenario)
{
    yajl_val affinity = member(scenario, "affinity");
    CpCpuMask mask = {{0}};
    if (length(affinity) == 0 || length(affinity) >= reality->n_cpus) {
        return CP_NONE;
    }
    for (size_t i = 0; i < length(affinity); i++) {
        cp_cpumask_set(
            &mask, simulated_cpu(scenario,
                                 (unsigned)number(YAJL_GET_ARRAY(affinity)->values[i], 0)));
    }
    return cp_workload_mask(w, &mask);
}

CpWorkload *translate(const Reality *reality, yajl_val scenario, const Repetition *rep,
                      GError **error)
{
    CpWorkload *w = is_native(scenario) ? translate_kload(reality, scenario, rep, error)
                                        : translate_python(reality, scenario, rep, error);
    if (w != NULL && !cp_workload_verify(w, error)) {
        cp_workload_free(w);
        return NULL;
    }
    return w;
}
