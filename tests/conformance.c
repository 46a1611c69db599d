/* Every registered policy against the laws of models/conform.h, on random workloads.
 *
 *     conformance [PROFILE [SEED]]    all profiles; one; one workload of one
 *
 * CONFORMANCE_SEEDS sets how many workloads each gets. */
#include "models/conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Quantities that change how a policy works, beside the defaults; words and switches are
 * all tried. */
static const char *const variants[][6] = {
    {"eevdf-6.18", "eevdf.base_slice", "300us", NULL},
    {"eevdf-6.18", "balance.newidle", "always", NULL},
    {"lottery", "lottery.quantum", "1ms", NULL},
    {"mlfq", "mlfq.boost", "20ms", NULL},
    {"mlfq", "mlfq.quanta", "1ms,3ms", "mlfq.allotments", "4ms,5ms"},
    {"priority", "priority.age_step", "3ms", NULL},
    {"rr", "rr.quantum", "1ms", NULL},
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

/* One way of setting a profile up, on every workload. */
static void try_variant(const CpProfile *profile, const char *const *settings,
                        uint64_t seeds)
{
    unsigned before = n_failed;
    for (uint64_t seed = 0; seed < seeds && n_failed < before + 3; seed++) {
        try_one(profile, settings, seed);
    }
}

/* Every word of a setting, or on and off; returns how many were tried. */
static unsigned try_words(const CpProfile *profile, const CpParam *param, uint64_t seeds)
{
    bool is_word = param->type == CP_PARAM_ENUM && param->choices != NULL;
    if (!is_word && param->type != CP_PARAM_BOOL) {
        return 0;
    }
    g_auto(GStrv) words = g_strsplit(is_word ? param->choices : "on|off", "|", -1);
    for (char **word = words; *word != NULL; word++) {
        const char *const settings[] = {param->name, *word, NULL};
        try_variant(profile, settings, seeds);
    }
    return g_strv_length(words);
}

static void try_profile(const CpProfile *profile, uint64_t seeds)
{
    unsigned before = n_failed, n_variants = 1;
    try_variant(profile, NULL, seeds);
    for (size_t i = 0; profile->classes[i] != NULL; i++) {
        const CpParam *p = profile->classes[i]->params;
        for (; p != NULL && p->name != NULL; p++) {
            n_variants += try_words(profile, p, seeds);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
        if (strcmp(variants[i][0], profile->name) == 0) {
            try_variant(profile, variants[i] + 1, seeds);
            n_variants++;
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
