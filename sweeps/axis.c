#include "sweeps/axis.h"

#include "sim/error.h"
#include "sim/params.h"
#include "lang/diag.h"
#include "lang/slurp.h"

#include <errno.h>
#include <string.h>

/* Which values an axis takes, and what its text means. */

enum {
    MICRO = 1000000,
    WRITTEN_MAX = 1000000, /* values of a list, a file or a range by a factor */
};

typedef struct {
    CpQuant first;
    int64_t step;
    uint64_t n;
} Range;

struct CpAxis {
    char *key;
    GPtrArray *values; /* text; NULL: a range */
    Range range;
};

/* --- numbers --- */

/* Up to six decimals, in millionths. */
static bool parse_number(const char *text, int64_t *out)
{
    const char *p = text + (*text == '-');
    const char *digits = p;
    __int128 value = 0;
    int decimals = -1;
    for (; g_ascii_isdigit(*p) || (*p == '.' && decimals < 0); p++) {
        if (*p == '.') {
            decimals = 0;
            continue;
        }
        value = value * 10 + (*p - '0');
        decimals += decimals >= 0;
        if (decimals > 6 || value > INT64_MAX) {
            return false;
        }
    }
    if (*p != '\0' || p == digits || decimals == 0) {
        return false;
    }
    for (decimals = MAX(decimals, 0); decimals < 6; decimals++) {
        value *= 10;
    }
    if (value > INT64_MAX) {
        return false;
    }
    *out = (int64_t)(*text == '-' ? -value : value);
    return true;
}

bool cp_quant_parse(const char *text, CpQuant *out)
{
    const char *p = text + (*text == '-');
    if (!g_ascii_isdigit(*p)) {
        return false;
    }
    if (parse_number(text, &out->value)) {
        out->dim = CP_DIM_NUMBER;
        return true;
    }
    const char *behind = text + strspn(text, "0123456789.");
    const CpSuffix *suffix = cp_suffix_find(behind, strlen(behind));
    if (suffix == NULL) {
        return false;
    }
    out->dim = suffix->dim;
    return cp_parse_amount(suffix->dim, text, &out->value, NULL);
}

char *cp_quant_print(CpQuant q)
{
    return q.dim == CP_DIM_NUMBER ? cp_format_decimal(q.value, 6)
                                  : cp_format_amount(q.dim, q.value);
}

/* --- ranges --- */

static bool bad(GError **error, const char *key, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static bool bad(GError **error, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *clean = cp_clean_text(text, -1);
    g_autofree char *name = cp_clean_text(key, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "axis '%s': %s", name, clean);
    return false;
}

/* The parts of FROM..TO, FROM..TO+STEP or FROM..TO*FACTOR. */
typedef struct {
    CpQuant from, to, by;
    char op; /* '+', '*', 0: none */
} Parts;

/* Sign of a step: "1..10+-2" and "10..1-3" are not written; a range goes upwards. */
static bool split_range(const char *key, const char *text, Parts *parts, GError **error)
{
    const char *dots = strstr(text, "..");
    g_autofree char *from = g_strndup(text, (gsize)(dots - text));
    const char *rest = dots + 2;
    const char *op = strpbrk(rest, "+*");
    g_autofree char *to = op != NULL ? g_strndup(rest, (gsize)(op - rest)) : g_strdup(rest);
    parts->op = op != NULL ? *op : 0;
    const char *by = op != NULL ? op + 1 : "1";
    const char *const texts[] = {from, to, by};
    CpQuant *const out[] = {&parts->from, &parts->to, &parts->by};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!cp_quant_parse(texts[i], out[i])) {
            return bad(error, key,
                       "'%s' in '%s' is not a number with its unit; a range is FROM..TO, "
                       "FROM..TO+STEP or FROM..TO*FACTOR",
                       texts[i], text);
        }
    }
    if (parts->from.dim != parts->to.dim) {
        return bad(error, key, "'%s' and '%s' have different units", from, to);
    }
    if (parts->op == 0 && parts->from.dim != CP_DIM_NUMBER) {
        return bad(error, key, "'%s' has no step; write %s+STEP or %s*FACTOR", text, text,
                   text);
    }
    CpDim want = parts->op == '*' ? CP_DIM_NUMBER : parts->from.dim;
    if (parts->by.dim != want) {
        return bad(error, key, "'%s': the %s '%s' has the wrong unit", text,
                   parts->op == '*' ? "factor" : "step", by);
    }
    return true;
}

static bool check_range(const char *key, const char *text, const Parts *p, GError **error)
{
    if (p->from.value > p->to.value) {
        return bad(error, key, "the range '%s' is empty: it goes upwards only", text);
    }
    if (p->op == '*' && (p->by.value <= MICRO || p->from.value <= 0)) {
        return bad(error, key,
                   "the range '%s' never ends: the factor must be more than 1 and the "
                   "start more than 0",
                   text);
    }
    if (p->op != '*' && p->by.value <= 0) {
        return bad(error, key, "the range '%s' never ends: the step must be more than 0",
                   text);
    }
    return true;
}

static bool too_many(GError **error, const char *key)
{
    return bad(error, key, "more than %d values are written out; use a range with a step",
               WRITTEN_MAX);
}

static bool add_by_factor(GPtrArray *values, const char *key, const Parts *p,
                          GError **error)
{
    CpQuant q = p->from;
    while (q.value <= p->to.value) {
        if (values->len >= WRITTEN_MAX) {
            return too_many(error, key);
        }
        g_ptr_array_add(values, cp_quant_print(q));
        /* Whole numbers stay whole; each value is at least one more than the last. */
        int64_t unit =
            q.dim == CP_DIM_NUMBER && p->from.value % MICRO == 0 && p->by.value % MICRO != 0
                ? MICRO
                : 1;
        __int128 next = (__int128)q.value * p->by.value / MICRO;
        next = (next + unit / 2) / unit * unit;
        next = MAX(next, (__int128)q.value + unit);
        if (next > p->to.value) {
            break;
        }
        q.value = (int64_t)next;
    }
    return true;
}

/* --- lists --- */

static bool is_range(const char *text)
{
    const char *dots = strstr(text, "..");
    const char *p = text + (*text == '-');
    return dots != NULL && g_ascii_isdigit(*p);
}

/* The end of the value that begins at p: a comma outside brackets and quotes, or the end.
 */
static const char *value_end(const char *p)
{
    int depth = 0;
    bool quoted = false;
    for (; *p != '\0' && (quoted || depth > 0 || *p != ','); p++) {
        quoted = *p == '"' ? !quoted : quoted;
        depth += *p == '[' || *p == '(';
        depth -= *p == ']' || *p == ')';
    }
    return p;
}

static char *unquote(char *text)
{
    g_strstrip(text);
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text[len - 1] = '\0';
        memmove(text, text + 1, len - 1);
    }
    return text;
}

static bool set_range(CpAxis *axis, const char *text, GError **error)
{
    Parts p;
    if (!split_range(axis->key, text, &p, error) ||
        !check_range(axis->key, text, &p, error)) {
        return false;
    }
    if (p.op == '*') {
        axis->values = g_ptr_array_new_with_free_func(g_free);
        return add_by_factor(axis->values, axis->key, &p, error);
    }
    __int128 span = (__int128)p.to.value - p.from.value;
    axis->range = (Range){p.from, p.by.value, (uint64_t)(span / p.by.value) + 1};
    return true;
}

static bool add_value(CpAxis *axis, char *value, GError **error)
{
    g_ptr_array_add(axis->values, value);
    if (*value == '\0') {
        return bad(error, axis->key, "a value is empty; for example: %s=1,2,4", axis->key);
    }
    return axis->values->len <= WRITTEN_MAX || too_many(error, axis->key);
}

/* A range among other values is written out. */
static bool add_range(CpAxis *axis, const char *text, GError **error)
{
    CpAxis part = {.key = axis->key};
    bool ok = set_range(&part, text, error);
    if (ok && cp_axis_size(&part) > WRITTEN_MAX) {
        ok = too_many(error, axis->key);
    }
    for (uint64_t i = 0; ok && i < cp_axis_size(&part); i++) {
        ok = add_value(axis, cp_axis_value(&part, i), error);
    }
    g_clear_pointer(&part.values, g_ptr_array_unref);
    return ok;
}

static bool read_list(CpAxis *axis, const char *text, GError **error)
{
    axis->values = g_ptr_array_new_with_free_func(g_free);
    for (const char *p = text;; p++) {
        const char *end = value_end(p);
        g_autofree char *value = g_strstrip(g_strndup(p, (gsize)(end - p)));
        bool ok = is_range(value)
                      ? add_range(axis, value, error)
                      : add_value(axis, unquote(g_steal_pointer(&value)), error);
        if (!ok) {
            return false;
        }
        if (*end == '\0') {
            return true;
        }
        p = end;
    }
}

static bool read_file(CpAxis *axis, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    gsize len;
    if (!cp_slurp(path, false, &text, &len, &why)) {
        g_set_error(error, CP_ERROR, why->code, "axis '%s': %s", axis->key, why->message);
        return false;
    }
    axis->values = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_strstrip(*line);
        if (**line == '\0' || **line == '#') {
            continue;
        }
        if (!add_value(axis, g_strdup(*line), error)) {
            return false;
        }
    }
    return axis->values->len > 0 ||
           bad(error, axis->key, "the file '%s' has no values", path);
}

static bool check_twice(const CpAxis *axis, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; axis->values != NULL && i < axis->values->len; i++) {
        char *value = axis->values->pdata[i];
        if (!g_hash_table_add(seen, value)) {
            return bad(error, axis->key, "the value '%s' is given twice", value);
        }
    }
    return true;
}

CpAxis *cp_axis_new(const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        g_autofree char *clean = cp_clean_text(text, -1);
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "'%s' is not an axis; for example: cores=1,2,4 or cores=1..64*2",
                    clean);
        return NULL;
    }
    CpAxis *axis = g_new0(CpAxis, 1);
    axis->key = g_strstrip(g_strndup(text, (gsize)(equals - text)));
    g_autofree char *values = g_strstrip(g_strdup(equals + 1));
    bool ok;
    if (*values == '\0') {
        ok = bad(error, axis->key, "the list is empty; for example: %s=1,2,4", axis->key);
    } else if (*values == '@') {
        ok = read_file(axis, values + 1, error);
    } else if (is_range(values) && *value_end(values) == '\0') {
        ok = set_range(axis, values, error);
    } else {
        ok = read_list(axis, values, error);
    }
    if (!ok || !check_twice(axis, error)) {
        cp_axis_free(axis);
        return NULL;
    }
    return axis;
}

CpAxis *cp_axis_from_values(const char *key, const char *const *values)
{
    CpAxis *axis = g_new0(CpAxis, 1);
    axis->key = g_strdup(key);
    axis->values = g_ptr_array_new_with_free_func(g_free);
    for (; *values != NULL; values++) {
        g_ptr_array_add(axis->values, g_strdup(*values));
    }
    return axis;
}

void cp_axis_free(CpAxis *axis)
{
    if (axis == NULL) {
        return;
    }
    g_free(axis->key);
    g_clear_pointer(&axis->values, g_ptr_array_unref);
    g_free(axis);
}

const char *cp_axis_key(const CpAxis *axis)
{
    return axis->key;
}

uint64_t cp_axis_size(const CpAxis *axis)
{
    return axis->values != NULL ? axis->values->len : axis->range.n;
}

const char *cp_axis_peek(const CpAxis *axis, uint64_t i, CpQuant *number)
{
    if (axis->values != NULL) {
        return axis->values->pdata[i];
    }
    *number = axis->range.first;
    number->value += (int64_t)((__int128)axis->range.step * i);
    return NULL;
}

char *cp_axis_value(const CpAxis *axis, uint64_t i)
{
    CpQuant number;
    const char *text = cp_axis_peek(axis, i, &number);
    return text != NULL ? g_strdup(text) : cp_quant_print(number);
}

static void print_value(const char *value, GString *out)
{
    bool plain = *value_end(value) == '\0' && !is_range(value) && *value != '@';
    g_string_append_printf(out, plain ? "%s" : "\"%s\"", value);
}

void cp_axis_print(const CpAxis *axis, GString *out)
{
    g_string_append_printf(out, "%s=", axis->key);
    if (axis->values == NULL) {
        CpQuant step = {axis->range.first.dim, axis->range.step};
        g_autofree char *from = cp_axis_value(axis, 0);
        g_autofree char *to = cp_axis_value(axis, axis->range.n - 1);
        g_autofree char *by = cp_quant_print(step);
        g_string_append_printf(out, "%s..%s+%s", from, to, by);
        return;
    }
    for (guint i = 0; i < axis->values->len; i++) {
        g_string_append(out, i > 0 ? "," : "");
        print_value(axis->values->pdata[i], out);
    }
}
