/* The behaviours of features.def as fields: each is read once, when a run begins, and the
 * code asks for it by name.
 *
 * A class's params hold the rows it understands (CP_FEATURE_PARAM), its data the fields; a
 * field's value is that of the setting of the same name. */
#ifndef CP_MODELS_LINUX_FEATURES_H
#define CP_MODELS_LINUX_FEATURES_H

#include "sim/params.h"

/* The words of each WORDS row, in its order. */
enum { CP_PROTECT_REQUEST, CP_PROTECT_SHORTEST, CP_PROTECT_INELIGIBLE };
enum { CP_LAG_TWO_SLICES, CP_LAG_MAX_SLICE };
enum {
    CP_PREEMPT_SHORT_OFF,
    CP_PREEMPT_SHORT_CANCEL,
    CP_PREEMPT_SHORT_PICK,
    CP_PREEMPT_SHORT_ELIGIBLE
};
enum { CP_SHRINK_OFF, CP_SHRINK_SHORT, CP_SHRINK_ALWAYS, CP_SHRINK_BELOW };
enum { CP_GROUP_SHARE_ONE, CP_GROUP_SHARE_CONCUR };
enum { CP_YIELD_POSTPONE, CP_YIELD_FORFEIT };
enum { CP_NEWIDLE_ALWAYS, CP_NEWIDLE_SUCCESS, CP_NEWIDLE_RATE };

typedef struct {
#define EEVDF(name, ...) uint32_t name;
#include "models/linux/features.def"
} CpEevdfFeatures;

typedef struct {
#define BALANCE(name, ...) uint32_t name;
#include "models/linux/features.def"
} CpBalanceFeatures;

/* A row as a setting: CP_FEATURE_PARAM("eevdf.", ...) with what features.def gives. */
#define CP_FEATURE_PARAM(prefix, name_, kind, default_, changed, help_)                    \
    {.name = prefix #name_,                                                                \
     .def = default_,                                                                      \
     .help = help_ " (" changed ")",                                                       \
     CP_KIND_##kind},
#define CP_KIND_ON_OFF       .type = CP_PARAM_BOOL
#define CP_KIND_WORDS(words) .type = CP_PARAM_ENUM, .choices = words

#endif
