#include "sim/cpumask.h"

#include "sim/error.h"

#include <string.h>

/* How a set of CPUs is written. */

#define DIGITS "0123456789"

/* Reads a CPU number at *p and moves on behind it. */
static gboolean parse_cpu(const char **p, CpCpu *cpu, GError **error)
{
    size_t n = strspn(*p, DIGITS);
    CpCpu value = 0;
    for (size_t i = 0; i < n && value < CP_CPUS_MAX; i++) {
        value = value * 10 + (CpCpu)((*p)[i] - '0');
    }
    if (n == 0) {
        return cp_error_text(error, *p, "is not a CPU number; expected a list like 0-3,6");
    }
    if (value >= CP_CPUS_MAX) {
        g_autofree char *number = g_strndup(*p, n);
        return cp_error_text(error, number, "is not a CPU number; the highest is 1023");
    }
    *cpu = value;
    *p += n;
    return TRUE;
}

gboolean cp_parse_cpus(const char *text, CpCpuMask *out, GError **error)
{
    CpCpuMask mask = {0};
    for (const char *p = text;; p++) {
        CpCpu first, last;
        if (!parse_cpu(&p, &first, error)) {
            return FALSE;
        }
        last = first;
        if (*p == '-') {
            p++;
            if (!parse_cpu(&p, &last, error)) {
                return FALSE;
            }
        }
        if (last < first) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "'%u-%u' runs backwards; the lower CPU number comes first", first,
                        last);
            return FALSE;
        }
        for (CpCpu cpu = first; cpu <= last; cpu++) {
            cp_cpumask_set(&mask, cpu);
        }
        if (*p == '\0') {
            *out = mask;
            return TRUE;
        }
        if (*p != ',') {
            return cp_error_text(error, p, "follows a CPU number; expected ',' or '-'");
        }
    }
}
