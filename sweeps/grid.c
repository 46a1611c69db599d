#include "sweeps/grid.h"

#include "sim/assert.h"
#include "sim/dist.h"
#include "sim/error.h"
#include "sim/params.h"
#include "sim/words.h"
#include "lang/diag.h"

#include <string.h>

/* Which points a sweep has, and their order. */

/* Axes that step together; one alone is a group of its own. */
typedef struct {
    uint64_t n;      /* values */
    uint64_t stride; /* points from one value to the next */
} Wheel;

struct CpGrid {
    GPtrArray *axes;  /* CpAxis */
    GArray *wheel_of; /* unsigned: by axis */
    GArray *wheels;   /* Wheel, in the order of their first axis; after sealing */
    GPtrArray *zips;  /* text as given */
    GPtrArray *wheres, *where_texts;
    uint64_t size;
    uint64_t sample, sample_seed; /* sample 0: all */
    unsigned half_bits;           /* of the permutation sampling uses */
};

CpGrid *cp_grid_new(void)
{
    CpGrid *grid = g_new0(CpGrid, 1);
    grid->axes = g_ptr_array_new_with_free_func((GDestroyNotify)cp_axis_free);
    grid->wheel_of = g_array_new(FALSE, TRUE, sizeof(unsigned));
    grid->wheels = g_array_new(FALSE, TRUE, sizeof(Wheel));
    grid->zips = g_ptr_array_new_with_free_func(g_free);
    grid->wheres = g_ptr_array_new_with_free_func((GDestroyNotify)cp_expr_free);
    grid->where_texts = g_ptr_array_new_with_free_func(g_free);
    return grid;
}

void cp_grid_free(CpGrid *grid)
{
    if (grid == NULL) {
        return;
    }
    g_ptr_array_unref(grid->axes);
    g_array_unref(grid->wheel_of);
    g_array_unref(grid->wheels);
    g_ptr_array_unref(grid->zips);
    g_ptr_array_unref(grid->wheres);
    g_ptr_array_unref(grid->where_texts);
    g_free(grid);
}

unsigned cp_grid_n_axes(const CpGrid *grid)
{
    return grid->axes->len;
}

const CpAxis *cp_grid_axis(const CpGrid *grid, unsigned i)
{
    return grid->axes->pdata[i];
}

static const char *key_of(const CpGrid *grid, unsigned i)
{
    return cp_axis_key(cp_grid_axis(grid, i));
}

int cp_grid_find(const CpGrid *grid, const char *name)
{
    int found = -1;
    unsigned n_tails = 0;
    for (unsigned i = 0; i < grid->axes->len; i++) {
        const char *key = key_of(grid, i);
        if (strcmp(key, name) == 0) {
            return (int)i;
        }
        size_t len = strlen(key), tail = strlen(name);
        if (len > tail && key[len - tail - 1] == '.' &&
            strcmp(key + len - tail, name) == 0) {
            found = (int)i;
            n_tails++;
        }
    }
    return n_tails == 1 ? found : -1;
}

gboolean cp_grid_add(CpGrid *grid, CpAxis *axis, GError **error)
{
    for (unsigned i = 0; i < grid->axes->len; i++) {
        if (strcmp(key_of(grid, i), cp_axis_key(axis)) == 0) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "axis '%s' is given twice",
                        cp_axis_key(axis));
            cp_axis_free(axis);
            return FALSE;
        }
    }
    unsigned wheel = grid->axes->len;
    g_ptr_array_add(grid->axes, axis);
    g_array_append_val(grid->wheel_of, wheel);
    return TRUE;
}

static gboolean unknown_axis(const CpGrid *grid, const char *where, const char *name,
                             GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    for (unsigned i = 0; i < grid->axes->len; i++) {
        g_ptr_array_add(keys, (char *)key_of(grid, i));
    }
    g_ptr_array_add(keys, NULL);
    const char *near = cp_nearest(name, (const char *const *)keys->pdata);
    g_autofree char *all = g_strjoinv(", ", (char **)keys->pdata);
    g_autofree char *clean = cp_clean_text(name, -1);
    if (near != NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "%s: '%s' is no axis of this sweep; did you mean '%s'?", where, clean,
                    near);
    } else {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "%s: '%s' is no axis of this sweep (axes: %s)", where, clean, all);
    }
    return FALSE;
}

gboolean cp_grid_zip(CpGrid *grid, const char *keys, GError **error)
{
    g_auto(GStrv) names = g_strsplit(keys, ",", -1);
    int first = -1;
    for (char **name = names; *name != NULL; name++) {
        int axis = cp_grid_find(grid, g_strstrip(*name));
        if (axis < 0) {
            return unknown_axis(grid, "--zip", *name, error);
        }
        if (first < 0) {
            first = axis;
            continue;
        }
        uint64_t a = cp_axis_size(cp_grid_axis(grid, (unsigned)first));
        uint64_t b = cp_axis_size(cp_grid_axis(grid, (unsigned)axis));
        if (a != b) {
            g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                        "--zip: '%s' has %" G_GUINT64_FORMAT
                        " values and '%s' %" G_GUINT64_FORMAT "; they must be equally many",
                        key_of(grid, (unsigned)first), a, key_of(grid, (unsigned)axis), b);
            return FALSE;
        }
        unsigned from = g_array_index(grid->wheel_of, unsigned, axis);
        unsigned to = g_array_index(grid->wheel_of, unsigned, first);
        for (unsigned i = 0; i < grid->axes->len; i++) {
            unsigned *wheel = &g_array_index(grid->wheel_of, unsigned, i);
            *wheel = *wheel == from ? to : *wheel;
        }
    }
    if (g_strv_length(names) < 2) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "--zip takes two axes or more, found '%s'; for example: --zip "
                    "cores,quota",
                    keys);
        return FALSE;
    }
    g_ptr_array_add(grid->zips, g_strjoinv(",", names));
    return TRUE;
}

bool cp_grid_is_zipped(const CpGrid *grid, unsigned axis)
{
    unsigned wheel = g_array_index(grid->wheel_of, unsigned, axis);
    for (unsigned i = 0; i < grid->axes->len; i++) {
        if (i != axis && g_array_index(grid->wheel_of, unsigned, i) == wheel) {
            return true;
        }
    }
    return false;
}

gboolean cp_grid_where(CpGrid *grid, const char *condition, GError **error)
{
    CpExpr *expr = cp_expr_new(condition, error);
    if (expr == NULL) {
        g_prefix_error(error, "--where: ");
        return FALSE;
    }
    g_auto(GStrv) names = cp_expr_names(expr);
    bool any = false;
    for (char **name = names; *name != NULL; name++) {
        any = any || cp_grid_find(grid, *name) >= 0;
    }
    g_ptr_array_add(grid->wheres, expr);
    g_ptr_array_add(grid->where_texts, g_strdup(condition));
    return any ||
           unknown_axis(grid, "--where", names[0] != NULL ? names[0] : condition, error);
}

void cp_grid_sample(CpGrid *grid, uint64_t n, uint64_t seed)
{
    grid->sample = n;
    grid->sample_seed = seed;
}

/* Wheels in the order of their first axis, last one fastest. */
static bool count_points(CpGrid *grid, double *product)
{
    g_array_set_size(grid->wheels, 0);
    g_array_set_size(grid->wheels, grid->axes->len);
    __int128 size = 1;
    *product = 1;
    for (unsigned i = grid->axes->len; i-- > 0;) {
        unsigned w = g_array_index(grid->wheel_of, unsigned, i);
        if (w != i) {
            continue; /* turned by another axis */
        }
        uint64_t n = cp_axis_size(cp_grid_axis(grid, i));
        g_array_index(grid->wheels, Wheel, w) = (Wheel){n, (uint64_t)size};
        *product *= (double)n;
        if (size <= INT64_MAX) {
            size *= n;
        }
    }
    grid->size = (uint64_t)MIN(size, INT64_MAX);
    return size <= INT64_MAX;
}

uint64_t cp_grid_size(const CpGrid *grid)
{
    return grid->size;
}

/* Which of its values an axis has in a point. */
static uint64_t place_of(const CpGrid *grid, uint64_t point, unsigned axis)
{
    const Wheel *w =
        &g_array_index(grid->wheels, Wheel, g_array_index(grid->wheel_of, unsigned, axis));
    return point / w->stride % w->n;
}

void cp_grid_places(const CpGrid *grid, uint64_t point, uint64_t *places)
{
    for (unsigned i = 0; i < grid->axes->len; i++) {
        places[i] = place_of(grid, point, i);
    }
}

uint64_t cp_grid_index(const CpGrid *grid, const uint64_t *places)
{
    uint64_t point = 0;
    for (unsigned i = 0; i < grid->axes->len; i++) {
        if (g_array_index(grid->wheel_of, unsigned, i) == i) {
            point += places[i] * g_array_index(grid->wheels, Wheel, i).stride;
        }
    }
    return point;
}

static char *value_at(const CpGrid *grid, uint64_t point, unsigned axis)
{
    return cp_axis_value(cp_grid_axis(grid, axis), place_of(grid, point, axis));
}

char **cp_grid_values(const CpGrid *grid, uint64_t point)
{
    char **values = g_new0(char *, grid->axes->len + 1);
    for (unsigned i = 0; i < grid->axes->len; i++) {
        values[i] = value_at(grid, point, i);
    }
    return values;
}

typedef struct {
    const CpGrid *grid;
    uint64_t point;
} PointScope;

static bool look_up(const char *name, CpValue *value, void *data)
{
    const PointScope *scope = data;
    int axis = cp_grid_find(scope->grid, name);
    if (axis < 0) {
        return false;
    }
    CpQuant number;
    uint64_t place = place_of(scope->grid, scope->point, (unsigned)axis);
    const char *text =
        cp_axis_peek(cp_grid_axis(scope->grid, (unsigned)axis), place, &number);
    *value = text != NULL ? cp_value_from_text(text) : cp_value_from_quant(number);
    return true;
}

bool cp_grid_keeps(const CpGrid *grid, uint64_t point)
{
    if (grid->wheres->len == 0) {
        return true;
    }
    PointScope scope = {grid, point};
    for (unsigned i = 0; i < grid->wheres->len; i++) {
        if (!cp_expr_holds(grid->wheres->pdata[i], look_up, &scope)) {
            return false;
        }
    }
    return true;
}

/* Whether the conditions compare what can be compared, judging by the first point. */
static gboolean check_units(const CpGrid *grid, GError **error)
{
    PointScope scope = {grid, 0};
    for (unsigned i = 0; i < grid->wheres->len; i++) {
        if (!cp_expr_check(grid->wheres->pdata[i], look_up, &scope, error)) {
            g_prefix_error(error, "--where: ");
            return FALSE;
        }
    }
    return TRUE;
}

gboolean cp_grid_seal(CpGrid *grid, GError **error)
{
    double product;
    /* A wheel is named by its first axis. */
    for (unsigned i = 0; i < grid->axes->len; i++) {
        unsigned old = g_array_index(grid->wheel_of, unsigned, i);
        for (unsigned k = i; old > i && k < grid->axes->len; k++) {
            unsigned *wheel = &g_array_index(grid->wheel_of, unsigned, k);
            *wheel = *wheel == old ? i : *wheel;
        }
    }
    bool fits = count_points(grid, &product);
    bool sampled = grid->sample > 0;
    if (!fits || (!sampled && grid->size > CP_GRID_POINTS_MAX) ||
        grid->sample > CP_GRID_POINTS_MAX) {
        g_autofree char *number = product < 1e18 ? g_strdup_printf("%.0f", product)
                                                 : g_strdup_printf("%.3g", product);
        g_set_error(
            error, CP_ERROR, CP_ERROR_USAGE,
            "the axes make %s points, more than %d; shorten an axis, or try some of "
            "them with --sample N",
            number, CP_GRID_POINTS_MAX);
        return FALSE;
    }
    grid->half_bits = 1;
    while (grid->half_bits < 32 && (UINT64_C(1) << (2 * grid->half_bits)) < grid->size) {
        grid->half_bits++;
    }
    return check_units(grid, error);
}

/* A permutation of 0 .. 2^(2 half_bits) - 1: four rounds in which each half is mixed into
 * the other.  Walking the cycle until the number is a point keeps it a permutation. */
static uint64_t permute(const CpGrid *grid, uint64_t x)
{
    uint64_t mask = (UINT64_C(1) << grid->half_bits) - 1;
    do {
        uint64_t left = x >> grid->half_bits, right = x & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t mixed = left ^ (cp_rng_key(grid->sample_seed, round, right) & mask);
            left = right;
            right = mixed;
        }
        x = left << grid->half_bits | right;
    } while (x >= grid->size);
    return x;
}

uint64_t cp_grid_walk_end(const CpGrid *grid)
{
    return grid->sample > 0 ? MIN(grid->sample, grid->size) : grid->size;
}

bool cp_grid_walk(const CpGrid *grid, uint64_t position, uint64_t *point)
{
    cp_assert(position < cp_grid_walk_end(grid));
    *point =
        grid->sample > 0 && grid->sample < grid->size ? permute(grid, position) : position;
    return cp_grid_keeps(grid, *point);
}

void cp_grid_print(const CpGrid *grid, GString *out)
{
    for (unsigned i = 0; i < grid->axes->len; i++) {
        g_string_append(out, "sweep ");
        cp_axis_print(cp_grid_axis(grid, i), out);
        g_string_append_c(out, '\n');
    }
    for (unsigned i = 0; i < grid->zips->len; i++) {
        g_string_append_printf(out, "zip %s\n", (char *)grid->zips->pdata[i]);
    }
    for (unsigned i = 0; i < grid->where_texts->len; i++) {
        g_string_append_printf(out, "where %s\n", (char *)grid->where_texts->pdata[i]);
    }
    if (grid->sample > 0) {
        g_string_append_printf(out, "sample %" G_GUINT64_FORMAT "\n", grid->sample);
    }
}
