#include "sweeps/aggregate.h"

#include "sim/error.h"
#include "lang/diag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What stands for a group of rows: statistics of a column over their seeds, and intervals
 * of these. */

void cp_aggregate_free(void *data)
{
    CpAggregate *a = data;
    g_free(a->text);
    g_free(a->metric);
    g_free(a);
}

static gboolean bad_aggregate(const char *text, GError **error)
{
    g_autofree char *clean = cp_clean_text(text, -1);
    g_set_error(
        error, CP_ERROR, CP_ERROR_USAGE,
        "--show: '%s' is not a function of a metric; for example: 'mean(makespan) "
        "ci95(makespan) p95(latency.p99) ci95(p95(latency.p99))'   (functions: mean "
        "sd min max sum n median pNN, and ci95 lo95 hi95 of these or of a metric)",
        clean);
    return FALSE;
}

/* "name(rest)" -> name, and the word becomes "rest"; NULL: it is not of that form. */
static char *take_function(char **word)
{
    char *open = strchr(*word, '(');
    size_t len = strlen(*word);
    if (open == NULL || open == *word || (*word)[len - 1] != ')' ||
        open + 2 > *word + len - 1) {
        return NULL;
    }
    char *name = g_strndup(*word, (gsize)(open - *word));
    (*word)[len - 1] = '\0';
    *word = open + 1;
    return name;
}

static bool read_interval(const char *name, CpInterval *out)
{
    static const char *const names[] = {
        [CP_CI95] = "ci95", [CP_LO95] = "lo95", [CP_HI95] = "hi95"};
    for (CpInterval i = CP_CI95; i <= CP_HI95; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static gboolean read_aggregate(const char *text, CpAggregate *a, GError **error)
{
    g_autofree char *copy = g_strdup(text);
    char *word = copy;
    g_autofree char *outer = take_function(&word);
    if (outer == NULL) {
        return bad_aggregate(text, error);
    }
    bool is_interval = read_interval(outer, &a->interval);
    g_autofree char *inner =
        is_interval && strchr(word, '(') != NULL ? take_function(&word) : NULL;
    const char *function = inner != NULL ? inner : is_interval ? "mean" : outer;
    if (!cp_statistic_find(function, &a->what) || strpbrk(word, "()") != NULL) {
        return bad_aggregate(text, error);
    }
    a->text = inner != NULL ? g_strdup_printf("%s(%s", outer, inner) : g_strdup(outer);
    a->metric = g_strdup(word);
    return TRUE;
}

gboolean cp_aggregates_read(const char *text, GPtrArray *list, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ,\t\n", -1);
    for (char **word = words; *word != NULL; word++) {
        if (**word == '\0') {
            continue;
        }
        CpAggregate *a = g_new0(CpAggregate, 1);
        g_ptr_array_add(list, a);
        if (!read_aggregate(*word, a, error)) {
            return FALSE;
        }
    }
    return list->len > 0 || bad_aggregate(text, error);
}

typedef struct {
    double seed, value;
} Seeded;

static int by_seed(const void *a, const void *b)
{
    double x = ((const Seeded *)a)->seed, y = ((const Seeded *)b)->seed;
    return (x > y) - (x < y);
}

/* Whether a run was refused or stopped early; lines of run --json say only how it ended. */
static bool is_failed(const CpTableData *data, const CpCell *cells)
{
    static const char *const bad[] = {"refused", "deadlock", "guard", "error", NULL};
    int failed = cp_table_data_find(data, "failed");
    int outcome = cp_table_data_find(data, "outcome");
    if (failed >= 0) {
        return cells[failed].number != 0;
    }
    return outcome >= 0 && cells[outcome].kind == CP_CELL_TEXT &&
           g_strv_contains(bad, cells[outcome].text);
}

/* The runs of a group whose figures count. */
static GPtrArray *good_rows(const CpTableData *data, const GPtrArray *rows, bool failed_too)
{
    GPtrArray *good = g_ptr_array_new();
    for (guint i = 0; i < rows->len; i++) {
        if (failed_too || !is_failed(data, rows->pdata[i])) {
            g_ptr_array_add(good, rows->pdata[i]);
        }
    }
    return good;
}

/* The values of a column, those of a seed together.  Only rows of sweeps have seeds that
 * mean something: lines of several runs are each for itself. */
static Seeded *seeded_values(const CpTableData *data, const GPtrArray *rows, int column,
                             size_t *n)
{
    int seed =
        cp_table_data_find(data, "repeat") >= 0 ? cp_table_data_find(data, "seed") : -1;
    Seeded *list = g_new(Seeded, rows->len + 1);
    *n = 0;
    for (guint i = 0; i < rows->len; i++) {
        const CpCell *cells = rows->pdata[i];
        if (cells[column].kind == CP_CELL_NUMBER) {
            list[(*n)++] =
                (Seeded){seed >= 0 ? cells[seed].number : i, cells[column].number};
        }
    }
    qsort(list, *n, sizeof *list, by_seed);
    return list;
}

/* A quantile of a histogram, which knows values to 0.8 % only. */
static bool is_binned(const CpQueryColumn *c)
{
    const char *part = strrchr(c->name, '.');
    return c->is_metric && part != NULL && part[1] == 'p' && g_ascii_isdigit(part[2]);
}

static bool are_equal(const CpSample *sample)
{
    for (size_t i = 1; i < sample->n; i++) {
        if (sample->values[i] != sample->values[0]) {
            return false;
        }
    }
    return true;
}

static double interval_of(const CpAggregate *a, const CpQueryColumn *c,
                          const CpSample *sample)
{
    double low, high;
    if (is_binned(c) && are_equal(sample)) {
        return NAN; /* all fell into one step of the histogram: no width is known */
    }
    if (a->interval == CP_CI95 && a->what.kind == CP_STAT_MEAN) {
        return cp_sample_ci95(sample);
    }
    cp_sample_bootstrap(sample, a->what, &low, &high);
    return a->interval == CP_LO95 ? low : a->interval == CP_HI95 ? high : (high - low) / 2;
}

static CpCell aggregate(const CpTableData *data, const GPtrArray *rows,
                        const CpAggregate *a)
{
    size_t n;
    int column = cp_table_data_find(data, a->metric);
    g_autofree Seeded *list = seeded_values(data, rows, column, &n);
    g_autofree double *values = g_new(double, n + 1);
    g_autofree double *seeds = g_new(double, n + 1);
    for (size_t i = 0; i < n; i++) {
        values[i] = list[i].value;
        seeds[i] = list[i].seed;
    }
    const CpSample sample = {values, seeds, n};
    CpCell cell = {.kind = CP_CELL_NUMBER};
    cell.number = a->interval == CP_PLAIN
                      ? cp_statistic_of(a->what, values, n)
                      : interval_of(a, data->columns->pdata[column], &sample);
    cell.kind = isnan(cell.number) ? CP_CELL_NULL : CP_CELL_NUMBER;
    return cell;
}

/* "ci95(p95(makespan))" for people, "ci95_p95_makespan_ns" in CSV and JSON. */
static CpQueryColumn *aggregate_column(const CpAggregate *a, const CpQueryColumn *c)
{
    CpQueryColumn *own = g_new0(CpQueryColumn, 1);
    bool nested = strchr(a->text, '(') != NULL;
    g_autofree char *words = g_strdup(a->text);
    g_strdelimit(words, "(", '_');
    own->name = g_strdup_printf("%s(%s)%s", a->text, c->name, nested ? ")" : "");
    own->is_metric = c->is_metric && a->what.kind != CP_STAT_N;
    own->unit = own->is_metric ? c->unit : CP_UNIT_NUMBER;
    /* A number of values is no time, whatever it counts. */
    g_autofree char *plain = cp_metric_key(c->name, CP_UNIT_NUMBER);
    own->key = g_strdup_printf("%s_%s", words, own->is_metric ? c->key : plain);
    return own;
}

CpTableData *cp_table_data_grouped(const CpTableData *data, char **names,
                                   const GPtrArray *aggregates, bool failed_too)
{
    CpTableData *out = cp_table_data_new();
    g_autoptr(GPtrArray) groups = cp_table_data_groups(data, names);
    guint n_names = g_strv_length(names);
    for (char **name = names; *name != NULL; name++) {
        g_ptr_array_add(
            out->columns,
            cp_column_copy(data->columns->pdata[cp_table_data_find(data, *name)]));
    }
    for (guint k = 0; k < aggregates->len; k++) {
        const CpAggregate *a = aggregates->pdata[k];
        const CpQueryColumn *c = data->columns->pdata[cp_table_data_find(data, a->metric)];
        g_ptr_array_add(out->columns, aggregate_column(a, c));
    }
    for (guint g = 0; g < groups->len; g++) {
        const GPtrArray *rows = groups->pdata[g];
        g_autoptr(GPtrArray) good = good_rows(data, rows, failed_too);
        out->n_failed += rows->len - good->len;
        CpCell *cells = g_new0(CpCell, out->columns->len + 1);
        for (guint i = 0; i < n_names; i++) {
            cells[i] = cp_cell_copy(
                &((const CpCell *)rows->pdata[0])[cp_table_data_find(data, names[i])]);
        }
        for (guint k = 0; k < aggregates->len; k++) {
            cells[n_names + k] = aggregate(data, good, aggregates->pdata[k]);
        }
        g_ptr_array_add(out->rows, cells);
    }
    return out;
}
