#include "sim/units.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <inttypes.h>
#include <string.h>

/* How amounts are read and written, and what the integers of figures stand for: the two
 * tables and the exact arithmetic on them. */

#define DIGITS "0123456789"

const CpSuffix cp_suffixes[] = {
    {"ns", CP_DIM_TIME, 1, true},           {"us", CP_DIM_TIME, CP_US, true},
    {"ms", CP_DIM_TIME, CP_MS, true},       {"s", CP_DIM_TIME, CP_S, true},
    {"min", CP_DIM_TIME, 60 * CP_S, false}, {"h", CP_DIM_TIME, 3600 * CP_S, false},
    {"%", CP_DIM_SHARE, 10000, true},       {"B", CP_DIM_SIZE, 1, true},
    {"KiB", CP_DIM_SIZE, 1 << 10, true},    {"MiB", CP_DIM_SIZE, 1 << 20, true},
    {"GiB", CP_DIM_SIZE, 1 << 30, true},    {NULL, CP_DIM_NUMBER, 0, false},
};

/* For messages. */
static const struct {
    const char *noun, *finest;
} dims[] = {
    [CP_DIM_NUMBER] = {"number", "1"},
    [CP_DIM_TIME] = {"time", "1 ns"},
    [CP_DIM_SIZE] = {"size", "1 byte"},
    [CP_DIM_SHARE] = {"share", "0.0001 %"},
};

const CpUnitInfo cp_units[CP_UNITS] = {
    [CP_UNIT_NS] = {"ns", "_ns", CP_DIM_TIME, 0, 1, "", 0},
    [CP_UNIT_COUNT] = {"count", "", CP_DIM_NUMBER, 0, 1, "", 0},
    [CP_UNIT_PPM] = {"ppm", "", CP_DIM_SHARE, 6, 10000, "%", 2},
    [CP_UNIT_MILLI] = {"milli", "", CP_DIM_NUMBER, 3, 1000, "", 3},
    [CP_UNIT_NUMBER] = {"number", "", CP_DIM_ANY, 0, 1, "", 0},
    [CP_UNIT_BYTES] = {"bytes", "_bytes", CP_DIM_SIZE, 0, 1 << 20, "MiB", 1},
};

/* --- suffixes --- */

const CpSuffix *cp_suffix_find(const char *text, size_t len)
{
    for (const CpSuffix *s = cp_suffixes; s->name != NULL; s++) {
        if (strncmp(s->name, text, len) == 0 && s->name[len] == '\0') {
            return s;
        }
    }
    return NULL;
}

const CpSuffix *cp_suffix_for(CpDim dim, int64_t value)
{
    const CpSuffix *best = NULL;
    for (const CpSuffix *s = cp_suffixes; s->name != NULL; s++) {
        if (s->dim == dim && s->printed && (best == NULL || value >= s->size)) {
            best = s;
        }
    }
    cp_require(best != NULL);
    return best;
}

char *cp_suffix_names(CpDim dim, const char *between, const char *last)
{
    GString *out = g_string_new(NULL);
    for (const CpSuffix *s = cp_suffixes; s->name != NULL; s++) {
        if (s->dim == dim || dim == CP_DIM_ANY) {
            bool is_last = s[1].name == NULL || (s[1].dim != dim && dim != CP_DIM_ANY);
            g_string_append_printf(out, "%s%s",
                                   out->len == 0 ? ""
                                   : is_last     ? last
                                                 : between,
                                   s->name);
        }
    }
    return g_string_free(out, FALSE);
}

/* --- reading --- */

/* A decimal number as written; nothing is rounded before the unit is known. */
typedef struct {
    uint64_t whole;    /* digits before the point */
    uint64_t fraction; /* digits after it, without trailing zeros */
    uint64_t base;     /* 10 to the number of those */
    const char *end;   /* first character behind the number */
} Decimal;

/* Why the number does not parse, or NULL. */
static const char *scan_decimal(const char *text, Decimal *d)
{
    size_t n_whole = strspn(text, DIGITS), n_fraction = 0;
    const char *whole = text, *fraction = text + n_whole;
    if (n_whole == 0) {
        return *text == '-' && strspn(text + 1, DIGITS) > 0 ? "is negative"
                                                            : "is not a number";
    }
    if (*fraction == '.') {
        fraction++;
        n_fraction = strspn(fraction, DIGITS);
        if (n_fraction == 0) {
            return "has no digit behind the point";
        }
    }
    *d = (Decimal){.base = 1, .end = fraction + n_fraction};
    for (; n_fraction > 0 && fraction[n_fraction - 1] == '0'; n_fraction--) {
    }
    for (; n_whole > 1 && *whole == '0'; n_whole--) {
        whole++;
    }
    if (n_whole > 19) { /* 10^19 < 2^64 */
        return "is too large";
    }
    if (n_fraction > 18) {
        return "has more than 18 digits behind the point";
    }
    for (size_t i = 0; i < n_whole; i++) {
        d->whole = d->whole * 10 + (uint64_t)(whole[i] - '0');
    }
    for (size_t i = 0; i < n_fraction; i++) {
        d->fraction = d->fraction * 10 + (uint64_t)(fraction[i] - '0');
        d->base *= 10;
    }
    return NULL;
}

static gboolean fail_unit(GError **error, const char *text, const char *unit, CpDim dim)
{
    g_autofree char *names = cp_suffix_names(dim, ", ", " or ");
    if (*unit == '\0') {
        g_autofree char *none = g_strdup_printf("has no unit, expected %s", names);
        return cp_error_text(error, text, none);
    }
    g_autofree char *shown = g_strndup(unit, 12);
    g_autofree char *escaped = g_strescape(shown, NULL);
    g_autofree char *why =
        g_strdup_printf("has the unknown unit '%s', expected %s", escaped, names);
    return cp_error_text(error, text, why);
}

gboolean cp_parse_amount(CpDim dim, const char *text, int64_t *out, GError **error)
{
    cp_require(dim < G_N_ELEMENTS(dims));
    Decimal d;
    const char *why = scan_decimal(text, &d);
    if (why != NULL) {
        g_autofree char *long_why =
            g_strdup_printf("%s; expected a %s", why, dims[dim].noun);
        return cp_error_text(error, text, long_why);
    }
    if (*d.end == '\0' && d.whole == 0 && d.fraction == 0) {
        *out = 0; /* nothing is nothing in every unit */
        return TRUE;
    }
    const CpSuffix *unit = cp_suffix_find(d.end, strlen(d.end));
    if (unit == NULL || unit->dim != dim) {
        return fail_unit(error, text, d.end, dim);
    }
    /* At most 10^19 * 3.6 * 10^12: far below 2^127. */
    __int128 part = (__int128)d.fraction * unit->size;
    if (part % d.base != 0) {
        g_autofree char *fine =
            g_strdup_printf("is not a multiple of %s", dims[dim].finest);
        return cp_error_text(error, text, fine);
    }
    __int128 value = (__int128)d.whole * unit->size + part / d.base;
    cp_assert(value >= 0);
    if (value >= INT64_MAX) { /* INT64_MAX is CP_NEVER */
        return cp_error_text(error, text, "is too large");
    }
    *out = (int64_t)value;
    return TRUE;
}

gboolean cp_parse_time(const char *text, CpTime *out, GError **error)
{
    return cp_parse_amount(CP_DIM_TIME, text, out, error);
}

gboolean cp_parse_size(const char *text, int64_t *out, GError **error)
{
    return cp_parse_amount(CP_DIM_SIZE, text, out, error);
}

gboolean cp_parse_share(const char *text, int64_t *out, GError **error)
{
    return cp_parse_amount(CP_DIM_SHARE, text, out, error);
}

gboolean cp_parse_int(const char *text, int64_t *out, GError **error)
{
    bool is_negative = *text == '-';
    const char *digits = text + (is_negative || *text == '+');
    size_t n = strspn(digits, DIGITS);
    if (n == 0 || digits[n] != '\0') {
        return cp_error_text(error, text, "is not a whole number");
    }
    /* Collected below zero, where there is one value more. */
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digits[i] - '0', &value)) {
            return cp_error_text(error, text, "is too large");
        }
    }
    if (!is_negative && value == INT64_MIN) {
        return cp_error_text(error, text, "is too large");
    }
    *out = is_negative ? value : -value;
    return TRUE;
}

/* --- writing --- */

char *cp_format_decimal(int64_t value, unsigned decimals)
{
    cp_require(decimals <= 18);
    uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; i++) {
        scale *= 10;
    }
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    GString *out = g_string_new(value < 0 ? "-" : "");
    g_string_append_printf(out, "%" PRIu64, size / scale);
    uint64_t part = size % scale;
    if (part > 0) {
        for (; part % 10 == 0; part /= 10) {
            decimals--;
        }
        g_string_append_printf(out, ".%0*" PRIu64, (int)decimals, part);
    }
    return g_string_free(out, FALSE);
}

char *cp_format_amount(CpDim dim, int64_t value)
{
    if (dim == CP_DIM_TIME && value == CP_NEVER) {
        return g_strdup("never");
    }
    if (dim == CP_DIM_SHARE) { /* 10^4 of them are 1 % */
        g_autofree char *percent = cp_format_decimal(value, 4);
        return g_strconcat(percent, "%", NULL);
    }
    const CpSuffix *best = NULL;
    for (const CpSuffix *s = cp_suffixes; s->name != NULL; s++) {
        bool is_exact = value != 0 && value % s->size == 0;
        if (s->dim == dim && s->printed && (best == NULL || is_exact)) {
            best = s;
        }
    }
    if (best == NULL) {
        return g_strdup_printf("%" PRId64, value);
    }
    return g_strdup_printf("%" PRId64 "%s", value / best->size, best->name);
}

char *cp_format_time(CpTime t)
{
    return cp_format_amount(CP_DIM_TIME, t);
}

/* t in the unit, rounded half up to `decimals` digits. */
static char *format_rounded(uint64_t t, const CpSuffix *unit, unsigned decimals)
{
    cp_assert(unit->size > 0 && decimals <= 3);
    uint64_t base = 1;
    for (unsigned i = 0; i < decimals; i++) {
        base *= 10;
    }
    uint64_t size = (uint64_t)unit->size;
    uint64_t scaled = (uint64_t)(((unsigned __int128)t * base + size / 2) / size);
    if (decimals == 0) {
        return g_strdup_printf("%" PRIu64 " %s", scaled, unit->name);
    }
    return g_strdup_printf("%" PRIu64 ".%0*" PRIu64 " %s", scaled / base, (int)decimals,
                           scaled % base, unit->name);
}

char *cp_format_time_human(CpTime t)
{
    if (t == CP_NEVER) {
        return g_strdup("never");
    }
    uint64_t v = t < 0 ? -(uint64_t)t : (uint64_t)t;
    const CpSuffix *unit = cp_suffix_for(CP_DIM_TIME, 0);
    /* The limits are where three digits would round up to the next unit or lose one. */
    while (unit[1].printed && unit[1].dim == CP_DIM_TIME &&
           v >= (uint64_t)(unit[1].size - unit[1].size / 2000)) {
        unit++;
    }
    uint64_t size = (uint64_t)unit->size;
    unsigned decimals = unit->size == 1              ? 0
                        : unit->size == CP_S         ? 3
                        : v < 10 * size - size / 200 ? 2
                        : v < 100 * size - size / 20 ? 1
                                                     : 0;
    g_autofree char *text = format_rounded(v, unit, decimals);
    return t < 0 ? g_strconcat("-", text, NULL) : g_steal_pointer(&text);
}

/* --- figures --- */

CpUnit cp_unit_find(const char *name)
{
    CpUnit unit = 0;
    while (unit < CP_UNITS && strcmp(cp_units[unit].name, name) != 0) {
        unit++;
    }
    return unit;
}

int64_t cp_unit_scale(CpUnit unit)
{
    cp_require(unit < CP_UNITS);
    int64_t scale = 1;
    for (unsigned i = 0; i < cp_units[unit].decimals; i++) {
        scale *= 10;
    }
    return scale;
}

char *cp_unit_text(CpUnit unit, int64_t value)
{
    cp_require(unit < CP_UNITS);
    const CpUnitInfo *u = &cp_units[unit];
    if (u->dim == CP_DIM_TIME) {
        return cp_format_time_human(value);
    }
    if (u->shown_decimals == 0) {
        return g_strdup_printf("%" PRId64, value);
    }
    int64_t base = 1;
    for (unsigned i = 0; i < u->shown_decimals; i++) {
        base *= 10;
    }
    int64_t part = (int64_t)((__int128)(value % u->shown_size) * base / u->shown_size);
    return g_strdup_printf("%" PRId64 ".%0*" PRId64 "%s%s", value / u->shown_size,
                           (int)u->shown_decimals, part, u->dim == CP_DIM_SIZE ? " " : "",
                           u->shown);
}
