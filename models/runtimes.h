/* The language runtimes there are; one file each. */
#ifndef CP_MODELS_RUNTIMES_H
#define CP_MODELS_RUNTIMES_H

#include "sim/runtime.h"

extern const CpRuntimeClass cp_runtime_native, cp_runtime_python;

#endif
