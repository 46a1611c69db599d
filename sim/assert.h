/* Three tiers of assertion.
 *   cp_require  always on: misuse of a function that other files call
 *   cp_assert   builds with --enable-debug or --enable-audit: surprising truths
 *   cp_audit    builds with --enable-audit: walks over whole structures
 * A failed one is a bug in coreplay, never in the user's input: it prints and aborts. */
#ifndef CP_SIM_ASSERT_H
#define CP_SIM_ASSERT_H

#include <glib.h>

G_NORETURN void cp_assert_failed(const char *what, const char *file, int line);

#define cp_require(cond)                                                                   \
    do {                                                                                   \
        if (G_UNLIKELY(!(cond))) {                                                         \
            cp_assert_failed(#cond, __FILE__, __LINE__);                                   \
        }                                                                                  \
    } while (0)

/* Compiled, so that it cannot rot and what it names counts as used; never evaluated. */
#define cp_unchecked(cond)                                                                 \
    do {                                                                                   \
        (void)sizeof(!(cond));                                                             \
    } while (0)

#if defined(CP_AUDIT) || defined(CP_DEBUG)
#define cp_assert(cond) cp_require(cond)
#else
#define cp_assert(cond) cp_unchecked(cond)
#endif

#ifdef CP_AUDIT
#define cp_audit(cond) cp_require(cond)
#else
#define cp_audit(cond) cp_unchecked(cond)
#endif

#endif
