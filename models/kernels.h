/* Kernels by the names people have for them: a distribution (debian13), a version (7.3), or
 * what `uname -r` prints (6.8.0-45-generic).  Only some kernels are modelled, and fewer
 * were measured; a name stands for the nearest one, and what is not known of it is said. */
#ifndef CP_MODELS_KERNELS_H
#define CP_MODELS_KERNELS_H

#include "models/registry.h"

typedef struct {
    const CpProfile *profile;
    unsigned hz;
    bool lazy;  /* preemption, where the profile leaves a choice */
    char *said; /* owned: what was taken for it, and whether it was measured */
} CpKernelChoice;

/* False: it is no name of a kernel.  `out->said` is new. */
bool cp_kernel_choose(const char *name, CpKernelChoice *out);
/* Names of distributions, NULL-ended; static. */
const char *const *cp_kernel_names(void);
/* "6.12, 250 Hz" and so on of the i-th of them, new. */
char *cp_kernel_summary(const char *name);

#endif
