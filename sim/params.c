#include "sim/params.h"

#include "sim/assert.h"
#include "sim/error.h"
#include "sim/words.h"

#include <inttypes.h>
#include <string.h>

/* Values of settings: from text, within their bounds, and back. */

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

char *cp_param_text(CpParamType type, int64_t value)
{
    switch (type) {
    case CP_PARAM_TIME:
    case CP_PARAM_TIMES:
        return cp_format_time(value);
    case CP_PARAM_SIZE:
        return cp_format_amount(CP_DIM_SIZE, value);
    case CP_PARAM_SHARE:
        return cp_format_amount(CP_DIM_SHARE, value);
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
    g_autofree char *shown = cp_param_text(spec->type, value);
    g_autofree char *min = cp_param_text(spec->type, spec->min);
    g_autofree char *max = cp_param_text(spec->type, spec->max);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "%s is out of range, expected %s to %s",
                shown, min, max);
    return FALSE;
}

static gboolean parse_word(const char *choices, const char *text, int64_t *out,
                           GError **error)
{
    cp_assert(choices != NULL);
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
    return cp_error_text(error, text, why);
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
        return cp_error_text(error, text, "is not a list of 1 to 16 times");
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
    cp_assert(count <= CP_PARAM_LIST_MAX);
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
    cp_require((unsigned)from < CP_FROMS);
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
        int64_t word = is_word ? -1 - set->v[row] : set->v[row];
        cp_require(word >= 0 && word < g_strv_length(words));
        return g_strdup(words[word]);
    }
    if (spec->type != CP_PARAM_TIMES) {
        return cp_param_text(spec->type, set->v[row]);
    }
    GString *text = g_string_new(NULL);
    for (int64_t i = 0; i < set->v[row]; i++) {
        g_autofree char *entry = cp_param_text(spec->type, set->list[row][i]);
        g_string_append_printf(text, "%s%s", i == 0 ? "" : ",", entry);
    }
    return g_string_free(text, FALSE);
}
