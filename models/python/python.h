/* The python runtime as the language and scenarios see it: its versions and what each does,
 * its settings, its event loops.
 *
 * Behaviours are asked for by name (versions.def), costs by version (versions.c), so adding
 * a version is a row of costs, and a row for each thing that it does differently. */
#ifndef CP_MODELS_PYTHON_PYTHON_H
#define CP_MODELS_PYTHON_PYTHON_H

#include "sim/params.h"
#include "sim/runtime.h"

/* A version as one number that can be compared. */
#define CP_PY(major, minor, patch) ((major)*10000u + (minor)*100u + (patch))

typedef enum {
#define CP_PY_FEATURE(NAME, since, meaning) CP_PY_##NAME,
#include "models/python/versions.def"
#undef CP_PY_FEATURE
    CP_PY_FEATURES
} CpPyFeature;

typedef struct {
    uint32_t number; /* CP_PY(3, 12, 1) of "3.12.1"; of PyPy the language it implements */
    bool free;       /* without an interpreter lock */
    bool pypy;
    bool foreign; /* neither CPython nor PyPy: no costs of a free-threaded build */
} CpPyVersion;

/* Reads "3.12", "3.13t", "pypy" ...; CP_ERROR_USAGE: no such version. */
gboolean cp_python_version(const char *text, CpPyVersion *out, GError **error);
/* Whether that version behaves so. */
bool cp_python_has(const CpPyVersion *version, CpPyFeature feature);
/* First version that does, as CP_PY. */
uint32_t cp_python_since(CpPyFeature feature);

/* Settings of the runtime, of a process by `runtime python (...)` or of all by --set. */
extern const CpParam cp_python_params[];

extern const CpRuntimeClass cp_runtime_python;

/* Event loops of a run, by the numbers of their records, and the thread each runs on. */
uint32_t cp_python_n_loops(const CpSim *sim);
CpTid cp_python_loop_thread(const CpSim *sim, uint32_t loop, bool *uvloop);

#endif
