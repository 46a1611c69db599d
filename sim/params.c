#include "sim/params.h"

#include "sim/assert.h"
#include "sim/cpumask.h"
#include "sim/error.h"

#include <inttypes.h>
#include <string.h>

#define DIGITS "0123456789"

typedef struct {
    const char *name;
    int64_t size; /* in the stored unit */
} Unit;

/* What a number with a dimension may look like. */
typedef struct {
    const char *noun; /* for messages */
    const char *finest;
    Unit unit[6];
    size_t n_units;
} Dimension;

static const Dimension time_dimension = {
    "time",
    "1 ns",
    {{"ns", 1},
     {"us", CP_US},
     {"ms", CP_MS},
     {"s", CP_S},
     {"min", 60 * CP_S},
     {"h", 3600 * CP_S}},
    6,
};
static const Dimension size_dimension = {
    "size",
    "1 byte",
    {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}},
    4,
};
static const Dimension share_dimension = {"share", "0.0001 %", {{"%", 10000}}, 1};

/* --- parsing --- */

/* Fails with "'TEXT' WHY"; whatever came in is shown shortened and printable. */
static gboolean fail(GError **error, const char *text, const char *why)
{
    g_autofree char *shown = g_strndup(text, 40);
    g_autofree char *escaped = g_strescape(shown, NULL);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "'%s%s' %s", escaped,
                strlen(text) > 40 ? "..." : "", why);
    return FALSE;
}

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

static gboolean fail_unit(GError **error, const char *text, const char *unit,
                          const Dimension *dim)
{
    g_autoptr(GString) why = g_string_new(NULL);
    if (*unit == '\0') {
        g_string_append(why, "has no unit, expected ");
    } else {
        g_autofree char *shown = g_strndup(unit, 12);
        g_autofree char *escaped = g_strescape(shown, NULL);
        g_string_append_printf(why, "has the unknown unit '%s', expected ", escaped);
    }
    for (size_t i = 0; i < dim->n_units; i++) {
        g_string_append_printf(why, "%s%s",
                               i == 0                 ? ""
                               : i + 1 < dim->n_units ? ", "
                                                      : " or ",
                               dim->unit[i].name);
    }
    return fail(error, text, why->str);
}

static gboolean parse_dimension(const char *text, const Dimension *dim, int64_t *out,
                                GError **error)
{
    Decimal d;
    const char *why = scan_decimal(text, &d);
    if (why != NULL) {
        g_autofree char *long_why = g_strdup_printf("%s; expected a %s", why, dim->noun);
        return fail(error, text, long_why);
    }
    if (*d.end == '\0' && d.whole == 0 && d.fraction == 0) {
        *out = 0; /* nothing is nothing in every unit */
        return TRUE;
    }
    const Unit *unit = NULL;
    for (size_t i = 0; i < dim->n_units; i++) {
        unit = strcmp(d.end, dim->unit[i].name) == 0 ? &dim->unit[i] : unit;
    }
    if (unit == NULL) {
        return fail_unit(error, text, d.end, dim);
    }
    /* At most 10^19 * 3.6 * 10^12: far below 2^127. */
    __int128 part = (__int128)d.fraction * unit->size;
    if (part % d.base != 0) {
        g_autofree char *fine = g_strdup_printf("is not a multiple of %s", dim->finest);
        return fail(error, text, fine);
    }
    __int128 value = (__int128)d.whole * unit->size + part / d.base;
    if (value >= INT64_MAX) { /* INT64_MAX is CP_NEVER */
        return fail(error, text, "is too large");
    }
    *out = (int64_t)value;
    return TRUE;
}

gboolean cp_parse_time(const char *text, CpTime *out, GError **error)
{
    return parse_dimension(text, &time_dimension, out, error);
}

gboolean cp_parse_size(const char *text, int64_t *out, GError **error)
{
    return parse_dimension(text, &size_dimension, out, error);
}

gboolean cp_parse_share(const char *text, int64_t *out, GError **error)
{
    return parse_dimension(text, &share_dimension, out, error);
}

gboolean cp_parse_int(const char *text, int64_t *out, GError **error)
{
    bool is_negative = *text == '-';
    const char *digits = text + (is_negative || *text == '+');
    size_t n = strspn(digits, DIGITS);
    if (n == 0 || digits[n] != '\0') {
        return fail(error, text, "is not a whole number");
    }
    /* Collected below zero, where there is one value more. */
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digits[i] - '0', &value)) {
            return fail(error, text, "is too large");
        }
    }
    if (!is_negative && value == INT64_MIN) {
        return fail(error, text, "is too large");
    }
    *out = is_negative ? value : -value;
    return TRUE;
}

/* Reads a CPU number at *p and moves on behind it. */
static gboolean parse_cpu(const char **p, CpCpu *cpu, GError **error)
{
    size_t n = strspn(*p, DIGITS);
    CpCpu value = 0;
    for (size_t i = 0; i < n && value < CP_CPUS_MAX; i++) {
        value = value * 10 + (CpCpu)((*p)[i] - '0');
    }
    if (n == 0) {
        return fail(error, *p, "is not a CPU number; expected a list like 0-3,6");
    }
    if (value >= CP_CPUS_MAX) {
        g_autofree char *number = g_strndup(*p, n);
        return fail(error, number, "is not a CPU number; the highest is 1023");
    }
    *cpu = value;
    *p += n;
    return TRUE;
}

gboolean cp_parse_cpus(const char *text, struct CpCpuMask *out, GError **error)
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
            return fail(error, p, "follows a CPU number; expected ',' or '-'");
        }
    }
}

/* --- printing --- */

/* The value with the largest of the first n units that divides it. */
static char *format_exact(int64_t value, const Unit *unit, size_t n)
{
    size_t i = n - 1;
    while (i > 0 && (value == 0 || value % unit[i].size != 0)) {
        i--;
    }
    return g_strdup_printf("%" PRId64 "%s", value / unit[i].size, unit[i].name);
}

char *cp_format_time(CpTime t)
{
    if (t == CP_NEVER) {
        return g_strdup("never");
    }
    return format_exact(t, time_dimension.unit, 4);
}

/* t / unit, rounded half up to `decimals` digits. */
static char *format_rounded(uint64_t t, const Unit *unit, unsigned decimals)
{
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
    const Unit *unit = time_dimension.unit; /* ns, us, ms, s */
    g_autofree char *text = NULL;
    if (v < 1000) {
        text = format_rounded(v, &unit[0], 0);
    } else {
        /* The limits are where three digits would round up to the next unit or lose one. */
        unsigned i = v < 999500 ? 1 : v < 999500000 ? 2 : 3;
        uint64_t size = (uint64_t)unit[i].size;
        unsigned decimals = i == 3                       ? 3
                            : v < 10 * size - size / 200 ? 2
                            : v < 100 * size - size / 20 ? 1
                                                         : 0;
        text = format_rounded(v, &unit[i], decimals);
    }
    return t < 0 ? g_strconcat("-", text, NULL) : g_steal_pointer(&text);
}

/* --- nearest word --- */

enum { WORD_MAX = 63 };

/* Number of insertions, deletions, replacements and swaps of neighbours that turn a into b,
 * without regard to case.  Both are at most WORD_MAX long. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    size_t rows[3][WORD_MAX + 1] = {{0}};
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3], *before2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            char x = g_ascii_tolower(a[i - 1]), y = g_ascii_tolower(b[j - 1]);
            now[j] = MIN(before[j - 1] + (x != y), MIN(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) &&
                y == g_ascii_tolower(a[i - 2])) {
                now[j] = MIN(now[j], before2[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

/* How many letters may differ, by the shorter word.  Of two letters none may be another, as
 * most pairs of letters are near each other, but one may be missing or too many. */
static size_t likeness(size_t n, size_t m)
{
    size_t length = MIN(n, m);
    if (length < 3) {
        return length == 2 && n != m ? 1 : 0;
    }
    return length == 3 ? 1 : MAX(2, length / 3);
}

const char *cp_nearest(const char *word, const char *const *candidates)
{
    size_t n = strlen(word);
    if (n > WORD_MAX) {
        return NULL;
    }
    size_t best = SIZE_MAX;
    const char *nearest = NULL;
    for (; *candidates != NULL; candidates++) {
        size_t m = strlen(*candidates);
        size_t distance = m <= WORD_MAX ? edit_distance(word, *candidates) : SIZE_MAX;
        if (distance <= likeness(n, m) && distance < best) {
            best = distance;
            nearest = *candidates;
        }
    }
    return nearest;
}

/* --- sets --- */

static size_t count_rows(const CpParam *spec)
{
    size_t n = 0;
    while (spec[n].name != NULL) {
        n++;
    }
    return n;
}

static CpParamSet *params_alloc(const CpParam *spec)
{
    CpParamSet *set = g_new0(CpParamSet, 1);
    set->spec = spec;
    set->n = count_rows(spec);
    set->v = g_new0(int64_t, set->n);
    set->list = g_malloc0_n(set->n, sizeof *set->list);
    set->from = g_new0(uint8_t, set->n);
    return set;
}

CpParamSet *cp_params_new(const CpParam *spec)
{
    CpParamSet *set = params_alloc(spec);
    for (size_t i = 0; i < set->n; i++) {
        g_autoptr(GError) error = NULL;
        if (!cp_params_set(set, (int)i, spec[i].def, CP_FROM_BUILT_IN, &error)) {
            g_error("bad default of a setting: %s", error->message);
        }
    }
    return set;
}

CpParamSet *cp_params_copy(const CpParamSet *set)
{
    CpParamSet *copy = params_alloc(set->spec);
    if (set->n > 0) {
        memcpy(copy->v, set->v, set->n * sizeof *set->v);
        memcpy(copy->list, set->list, set->n * sizeof *set->list);
        memcpy(copy->from, set->from, set->n * sizeof *set->from);
    }
    return copy;
}

void cp_params_free(CpParamSet *set)
{
    if (set == NULL) {
        return;
    }
    g_free(set->v);
    g_free(set->list);
    g_free(set->from);
    g_free(set);
}

int cp_params_find(const CpParam *spec, const char *name)
{
    for (int i = 0; spec[i].name != NULL; i++) {
        if (strcmp(spec[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* A stored value in the form a user would write. */
static char *print_value(CpParamType type, int64_t value)
{
    switch (type) {
    case CP_PARAM_TIME:
    case CP_PARAM_TIMES:
        return cp_format_time(value);
    case CP_PARAM_SIZE:
        return format_exact(value, size_dimension.unit, size_dimension.n_units);
    case CP_PARAM_SHARE: {
        int64_t whole = value / 10000, part = value % 10000;
        g_autofree char *digits = g_strdup_printf(".%04" PRId64, part);
        for (size_t n = 5; n > 0 && (digits[n - 1] == '0' || digits[n - 1] == '.'); n--) {
            digits[n - 1] = '\0';
        }
        return g_strdup_printf("%" PRId64 "%s%%", whole, digits);
    }
    case CP_PARAM_BOOL:
        return g_strdup(value ? "on" : "off");
    case CP_PARAM_INT:
    case CP_PARAM_ENUM:
        break;
    }
    return g_strdup_printf("%" PRId64, value);
}

static gboolean check_bounds(const CpParam *spec, int64_t value, GError **error)
{
    if ((spec->min == 0 && spec->max == 0) || (value >= spec->min && value <= spec->max)) {
        return TRUE;
    }
    g_autofree char *shown = print_value(spec->type, value);
    g_autofree char *min = print_value(spec->type, spec->min);
    g_autofree char *max = print_value(spec->type, spec->max);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "%s is out of range, expected %s to %s",
                shown, min, max);
    return FALSE;
}

static gboolean parse_word(const char *choices, const char *text, int64_t *out,
                           GError **error)
{
    g_auto(GStrv) words = g_strsplit(choices, "|", -1);
    for (int64_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return TRUE;
        }
    }
    g_autofree char *all = g_strjoinv(", ", words);
    const char *near = cp_nearest(text, (const char *const *)words);
    g_autofree char *why =
        near != NULL ? g_strdup_printf("is not one of %s; did you mean '%s'?", all, near)
                     : g_strdup_printf("is not one of %s", all);
    return fail(error, text, why);
}

/* One of the words that may stand for a time: -1, -2 ... */
static bool parse_instead(const CpParam *spec, const char *text, int64_t *out)
{
    int64_t word;
    if (spec->choices == NULL || !parse_word(spec->choices, text, &word, NULL)) {
        return false;
    }
    *out = -1 - word;
    return true;
}

static void say_words(const CpParam *spec, const char *noun, GError **error)
{
    if (spec->choices != NULL) {
        g_autofree char *words = g_strdup(spec->choices);
        g_strdelimit(words, "|", ',');
        g_prefix_error(error, "neither %s nor %s: ", noun, words);
    }
}

static gboolean parse_time_or_word(const CpParam *spec, const char *text, int64_t *out,
                                   GError **error)
{
    if (parse_instead(spec, text, out) || cp_parse_time(text, out, error)) {
        return TRUE;
    }
    say_words(spec, "a time", error);
    return FALSE;
}

static gboolean parse_times(const CpParam *spec, const char *text, CpTime *list, int64_t *n,
                            GError **error)
{
    if (parse_instead(spec, text, n)) {
        return TRUE;
    }
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    guint count = g_strv_length(words);
    if (count == 0 || count > CP_PARAM_LIST_MAX) {
        return fail(error, text, "is not a list of 1 to 16 times");
    }
    CpTime parsed[CP_PARAM_LIST_MAX] = {0};
    for (guint i = 0; i < count; i++) {
        if (!cp_parse_time(words[i], &parsed[i], error) ||
            !check_bounds(spec, parsed[i], error)) {
            say_words(spec, "times", error);
            return FALSE;
        }
    }
    memcpy(list, parsed, sizeof parsed);
    *n = count;
    return TRUE;
}

static gboolean parse_value(const CpParam *spec, const char *text, int64_t *out,
                            CpTime *list, GError **error)
{
    switch (spec->type) {
    case CP_PARAM_INT:
        return cp_parse_int(text, out, error);
    case CP_PARAM_TIME:
        return parse_time_or_word(spec, text, out, error);
    case CP_PARAM_SHARE:
        return cp_parse_share(text, out, error);
    case CP_PARAM_SIZE:
        return cp_parse_size(text, out, error);
    case CP_PARAM_BOOL:
        return parse_word("off|on", text, out, error);
    case CP_PARAM_ENUM:
        return parse_word(spec->choices, text, out, error);
    case CP_PARAM_TIMES:
        return parse_times(spec, text, list, out, error);
    }
    g_assert_not_reached();
}

gboolean cp_params_set(CpParamSet *set, int row, const char *text, CpFrom from,
                       GError **error)
{
    cp_require(row >= 0 && (size_t)row < set->n);
    const CpParam *spec = &set->spec[row];
    int64_t value = 0;
    bool is_bounded = spec->type != CP_PARAM_TIMES && spec->type != CP_PARAM_ENUM;
    if (!parse_value(spec, text, &value, set->list[row], error) ||
        (is_bounded && !check_bounds(spec, value, error))) {
        g_prefix_error(error, "%s: ", spec->name);
        return FALSE;
    }
    set->v[row] = value;
    set->from[row] = (uint8_t)from;
    return TRUE;
}

char *cp_params_print(const CpParamSet *set, int row)
{
    cp_require(row >= 0 && (size_t)row < set->n);
    const CpParam *spec = &set->spec[row];
    bool is_word = spec->type != CP_PARAM_ENUM && spec->choices != NULL && set->v[row] < 0;
    if (spec->type == CP_PARAM_ENUM || is_word) {
        g_auto(GStrv) words = g_strsplit(spec->choices, "|", -1);
        return g_strdup(words[is_word ? -1 - set->v[row] : set->v[row]]);
    }
    if (spec->type != CP_PARAM_TIMES) {
        return print_value(spec->type, set->v[row]);
    }
    GString *text = g_string_new(NULL);
    for (int64_t i = 0; i < set->v[row]; i++) {
        g_autofree char *entry = print_value(spec->type, set->list[row][i]);
        g_string_append_printf(text, "%s%s", i == 0 ? "" : ",", entry);
    }
    return g_string_free(text, FALSE);
}
