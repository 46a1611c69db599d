#include "models/python/py.h"

#include "sim/costs.h"

/* What a Python setting is worth that nobody has given: some follow from the version, and
 * the calibrated costs of the lock are nothing where the kernel's are. */

enum { OPCODE = 12 }; /* ns between two instructions that look whether to give up the GIL */

/* Rows that are nothing under ideal costs. */
static const uint8_t calibrated[] = {PYP_CHECK,     PYP_TIMEOUT, PYP_REQUEST, PYP_DROP,
                                     PYP_SIGNALLED, PYP_ENTER,   PYP_GAP,     PYP_BACK,
                                     PYP_COLD,      PYP_CHILL};

bool py_costs_are_ideal(const CpParamSet *costs, const int64_t *v)
{
    if (v[PYP_COSTS] != 0) {
        return v[PYP_COSTS] == 2;
    }
    for (int i = 0; i < CP_COST_IDLE_EXIT; i++) {
        if (costs->v[i] != 0) {
            return false;
        }
    }
    return true;
}

PyGilKind py_gil_kind(const CpPyVersion *version, int64_t setting)
{
    enum { AUTO, ON, OFF, TICK, INTERVAL, TSTATE, NONE, PYPY };
    switch (setting) {
    case OFF:
    case NONE:
        return PY_GIL_NONE;
    case TICK:
        return PY_GIL_TICK;
    case INTERVAL:
        return PY_GIL_INTERVAL;
    case TSTATE:
        return PY_GIL_TSTATE;
    case PYPY:
        return PY_GIL_PYPY;
    default:
        break;
    }
    if (setting == AUTO && version->free) {
        return PY_GIL_NONE;
    }
    if (version->pypy) {
        return PY_GIL_PYPY;
    }
    return !cp_python_has(version, CP_PY_INTERVAL_LOCK)    ? PY_GIL_TICK
           : !cp_python_has(version, CP_PY_LOCK_FLAG_EACH) ? PY_GIL_INTERVAL
                                                           : PY_GIL_TSTATE;
}

static void fill(CpParamSet *set, int row, int64_t value, CpFrom from)
{
    cp_assert((size_t)row < set->n);
    if (!cp_params_given(set, row)) {
        set->v[row] = value;
        set->from[row] = (uint8_t)from;
    }
}

void py_settle(CpParamSet *set, const char *text, const CpParamSet *costs)
{
    cp_require(set->spec == cp_python_params); /* rows are found by their numbers */
    CpPyVersion version;
    if (!cp_python_version(text != NULL ? text : PY_VERSION_DEFAULT, &version, NULL)) {
        return; /* init refuses it with its reason */
    }
    bool ideal = py_costs_are_ideal(costs, set->v);
    PyCosts own = py_costs_scaled(py_costs(&version, ideal), set->v[PYP_COST_FACTOR]);
    fill(set, PYP_BOOT, own.boot, CP_FROM_VERSION);
    fill(set, PYP_ADD, own.add, CP_FROM_VERSION);
    fill(set, PYP_VALUE, own.value, CP_FROM_VERSION);
    if (!cp_python_has(&version, CP_PY_RARE_CHECKS)) {
        fill(set, PYP_CHECK, OPCODE, CP_FROM_VERSION);
    }
    if (py_gil_kind(&version, set->v[PYP_GIL]) == PY_GIL_NONE && !version.foreign) {
        fill(set, PYP_FREE_OVERHEAD,
             cp_python_has(&version, CP_PY_FREE_SPECIALISES) ? 80000 : 400000,
             CP_FROM_VERSION);
    }
    for (size_t i = 0; ideal && i < G_N_ELEMENTS(calibrated); i++) {
        fill(set, calibrated[i], 0, CP_FROM_COSTS);
    }
}
