/* Every registered policy against the laws of models/conform.h, on random workloads.
 *
 *     conformance [PROFILE [SEED]]    all profiles; one; one workload of one
 *
 * CONFORMANCE_SEEDS sets how many workloads each gets. */
#include "models/conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings that change how a policy works, beside the defaults. */
static const char *const variants[][6] = {
    {"edf", "edf.rule", "llf", NULL},
    {"edf", "edf.tie", "arrival", NULL},
    {"lottery", "lottery.quantum", "1ms", NULL},
    {"mlfq", "mlfq.boost", "20ms", NULL},
    {"mlfq", "mlfq.quanta", "1ms,3ms", "mlfq.allotments", "4ms,5ms"},
    {"priority", "priority.age_step", "3ms", NULL},
    {"priority", "priority.preemptive", "off", NULL},
    {"rr", "rr.quantum", "1ms", NULL},
    {"rr", "rr.arrival_first", "off", NULL},
    {"sjf", "sjf.estimate", "exponential", NULL},
    {"srtf", "srtf.preempt_equal", "on", NULL},
    {"stride", "stride.quantum", "1ms", NULL},
};

static unsigned n_failed;

static void try_one(const CpProfile *profile, const char *const *settings, uint64_t seed)
{
    g_autoptr(GError) error = NULL;
    if (!cp_conform_profile(profile, settings, seed, &error)) {
        printf("FAIL %s", profile->name);
        for (const char *const *s = settings; s != NULL && *s != NULL; s += 2) {
            printf(" %s=%s", s[0], s[1]);
        }
        printf(": %s\n", error->message);
        n_failed++;
    }
}

static void try_profile(const CpProfile *profile, uint64_t seeds)
{
    unsigned before = n_failed, n_variants = 1;
    for (uint64_t seed = 0; seed < seeds && n_failed < before + 3; seed++) {
        try_one(profile, NULL, seed);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
        if (strcmp(variants[i][0], profile->name) != 0) {
            continue;
        }
        n_variants++;
        for (uint64_t seed = 0; seed < seeds && n_failed < before + 3; seed++) {
            try_one(profile, variants[i] + 1, seed);
        }
    }
    if (n_failed == before) {
        printf("ok %s: %u variants, workloads 0-%u\n", profile->name, n_variants,
               (unsigned)seeds - 1);
    }
}

int main(int argc, char **argv)
{
    const char *wanted = getenv("CONFORMANCE_SEEDS");
    uint64_t seeds = wanted != NULL ? strtoull(wanted, NULL, 10) : 24;
    bool found = argc < 2;
    for (const CpProfile *p = cp_profiles(); p->name != NULL; p++) {
        if (argc > 1 && strcmp(argv[1], p->name) != 0) {
            continue;
        }
        found = true;
        if (argc > 2) {
            try_one(p, NULL, strtoull(argv[2], NULL, 10));
        } else {
            try_profile(p, seeds);
        }
    }
    if (!found) {
        fprintf(stderr, "no profile is called %s\n", argv[1]);
        return 2;
    }
    return n_failed == 0 ? 0 : 1;
}
