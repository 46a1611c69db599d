/* Real programs recorded under one condition and measured under others: what `whatif` says
 * of each pair beside what was measured.
 *
 *   pairs [--coreplay PROGRAM] [--only TEXT] [--within KEY=SHARE] FOLDER
 *
 * FOLDER/index.json has one object a pair: `id`, `cls` (class), `recording` (file beside
 * it), `recorded` and `predicted_cond` (conditions), `root` (pid) and `real` with `wall`
 * and `cpu` in seconds as [median, least, most].  A condition is c1 or c2 (bound to CPU 0,
 * both CPUs) with any of hog, hog2 (spinning processes beside it), n10 (nice 10), fifo, rr
 * (priority 10) behind it, or q50 (a quota of 50 ms in 100 ms on both CPUs).
 *
 * --within makes the program fail if the median error of the makespan of a class is larger.
 */
#include "tests/accuracy/reality.h"

#include <stdio.h>
#include <string.h>

static struct {
    char *coreplay, *only;
    char **within, **folder;
} opt = {.coreplay = (char *)"./coreplay"};

static const GOptionEntry entries[] = {
    {"coreplay", 0, 0, G_OPTION_ARG_FILENAME, &opt.coreplay, "the program", "PROGRAM"},
    {"only", 0, 0, G_OPTION_ARG_STRING, &opt.only, "pairs with TEXT in their id", "TEXT"},
    {"within", 0, 0, G_OPTION_ARG_STRING_ARRAY, &opt.within,
     "fail if the median error of class KEY is above SHARE", "KEY=SHARE"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt.folder, NULL, "FOLDER"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

/* What follows the number of CPUs in a condition, and how whatif is asked for it. */
static const struct {
    const char *word, *option, *value;
} changes[] = {
    {"hog2", "--add", "hog x 2"},       {"hog", "--add", "hog"},
    {"n10", "-s", "thread.*.nice=10"},  {"fifo", "-s", "thread.*.policy=fifo"},
    {"rr", "-s", "thread.*.policy=rr"}, {"fifo", "-s", "thread.*.prio=10"},
    {"rr", "-s", "thread.*.prio=10"},   {"q50", "-s", "cgroup.program.quota=50%"},
};

/* Of one pair; times in seconds, shares of the measured median. */
typedef struct {
    const char *id, *cls;
    double recorded, simulated, predicted, cpu;
    double wall[3], wall_error, cpu_error;
    double change, change_real;
    bool is_self, is_suspect, in_range, right_way;
    char *failure; /* NULL: there is a prediction */
} Pair;

static GPtrArray *command_for(yajl_val row)
{
    const char *condition = text_at(row, "predicted_cond");
    GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *file =
        g_build_filename(opt.folder[0], text_at(row, "recording"), NULL);
    g_autofree char *root = g_strdup_printf("%.0f", number_at(row, "root", 0));
    const char *const first[] = {opt.coreplay, "whatif", file, "--json", "--root", root};
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++) {
        g_ptr_array_add(args, g_strdup(first[i]));
    }
    bool same_cpus = g_str_has_prefix(condition, text_at(row, "recorded"));
    bool says_cpus = condition[0] == 'c';
    if (says_cpus && (!same_cpus || condition[2] == 0)) {
        g_ptr_array_add(args, g_strdup("-s"));
        g_ptr_array_add(args, g_strdup_printf("cores=%c", condition[1]));
    }
    const char *rest = says_cpus ? condition + 2 : condition;
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        const char *at = strstr(rest, changes[i].word);
        bool is_longer = at != NULL && strcmp(changes[i].word, "hog") == 0 && at[3] == '2';
        if (at != NULL && !is_longer) {
            g_ptr_array_add(args, g_strdup(changes[i].option));
            g_ptr_array_add(args, g_strdup(changes[i].value));
        }
    }
    g_ptr_array_add(args, NULL);
    return args;
}

/* What whatif prints, or NULL after setting pair->failure. */
static yajl_val ask(yajl_val row, Pair *pair)
{
    g_autoptr(GPtrArray) args = command_for(row);
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    gboolean ok = g_spawn_sync(NULL, (char **)args->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL,
                               NULL, &out, &err, &status, &error) &&
                  g_spawn_check_wait_status(status, &error);
    char message[256] = "";
    yajl_val tree = ok ? yajl_tree_parse(out, message, sizeof message) : NULL;
    if (tree == NULL) {
        const char *why = err != NULL && *err != 0 ? g_strchomp(err)
                          : error != NULL          ? error->message
                                                   : message;
        pair->failure = g_strdup(why);
    }
    return tree;
}

static double seconds(yajl_val tree, const char *column, const char *key)
{
    return number_at(member(tree, column), key, NAN) / 1e9;
}

static bool same_way(double a, double b)
{
    return (a < 1) == (b < 1);
}

static void judge(yajl_val row, Pair *p)
{
    yajl_val real = member(row, "real"), wall = member(real, "wall");
    yajl_val cpu = member(real, "cpu");
    p->id = text_at(row, "id");
    p->cls = text_at(row, "cls");
    p->is_self = g_strcmp0(text_at(row, "recorded"), text_at(row, "predicted_cond")) == 0;
    p->is_suspect = YAJL_IS_TRUE(member(row, "recording_suspect"));
    p->change_real = number_at(row, "change_real", NAN);
    for (size_t i = 0; i < 3; i++) {
        p->wall[i] = i < length(wall) ? number(YAJL_GET_ARRAY(wall)->values[i], NAN) : NAN;
    }
    yajl_val tree = ask(row, p);
    if (tree == NULL) {
        return;
    }
    const char *column = p->is_self ? "simulated" : "predicted";
    double cpu_real = length(cpu) > 0 ? number(YAJL_GET_ARRAY(cpu)->values[0], NAN) : NAN;
    p->recorded = seconds(tree, "recorded", "makespan_ns");
    p->simulated = seconds(tree, "simulated", "makespan_ns");
    p->predicted = seconds(tree, column, "makespan_ns");
    p->cpu = seconds(tree, column, "cpu_ns");
    p->wall_error = p->predicted / p->wall[0] - 1;
    p->cpu_error = p->cpu / cpu_real - 1;
    p->change = p->predicted / p->simulated;
    p->in_range = p->predicted >= p->wall[1] && p->predicted <= p->wall[2];
    p->right_way = same_way(p->change, p->change_real);
    yajl_tree_free(tree);
}

/* --- what is printed --- */

static void print_pair(const Pair *p)
{
    if (p->failure != NULL) {
        printf("%-24s %s\n", p->id, p->failure);
        return;
    }
    printf("%-24s %7.3f %7.3f %7.3f %7.3f %+7.1f %% %+7.1f %% ", p->id, p->recorded,
           p->simulated, p->predicted, p->wall[0], p->wall_error * 100, p->cpu_error * 100);
    if (p->is_self) {
        printf("%17s", "");
    } else {
        printf("%5.2f %5.2f %5s", p->change, p->change_real, p->right_way ? "" : "wrong");
    }
    printf("%s%s\n", p->in_range ? " in range" : "", p->is_suspect ? " suspect" : "");
}

static int by_size(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

static double quantile(GArray *errors, double q)
{
    g_array_sort(errors, by_size);
    guint at = MIN((guint)(q * errors->len), errors->len - 1);
    return errors->len > 0 ? fabs(g_array_index(errors, double, at)) : NAN;
}

/* Of one class, recordings that disturbed their program left out; returns the median error
 * of its makespan. */
static double print_class(const Pair *pairs, size_t n, const char *cls)
{
    g_autoptr(GArray) wall = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) cpu = g_array_new(FALSE, FALSE, sizeof(double));
    unsigned right = 0, inside = 0, asked = 0;
    for (size_t i = 0; i < n; i++) {
        const Pair *p = &pairs[i];
        if (p->failure == NULL && !p->is_suspect && strcmp(p->cls, cls) == 0) {
            g_array_append_val(wall, p->wall_error);
            g_array_append_val(cpu, p->cpu_error);
            right += p->right_way;
            inside += p->in_range;
            asked += !p->is_self;
        }
    }
    if (wall->len == 0) {
        return NAN;
    }
    printf("%-12s %3u %8.1f %% %7.1f %% %8.1f %% %7.1f %% %5u", cls, wall->len,
           quantile(wall, 0.5) * 100, quantile(wall, 0.9) * 100, quantile(cpu, 0.5) * 100,
           quantile(cpu, 0.9) * 100, inside);
    if (asked > 0) {
        printf(" %5u of %u", right, asked);
    }
    printf("\n");
    return quantile(wall, 0.5);
}

/* Whether the class keeps to its bound, if it has one. */
static bool keeps(const char *cls, double error)
{
    for (char **p = opt.within; p != NULL && *p != NULL; p++) {
        const char *equal = strrchr(*p, '=');
        size_t len = equal != NULL ? (size_t)(equal - *p) : 0;
        if (len == strlen(cls) && strncmp(*p, cls, len) == 0 &&
            !(error <= g_ascii_strtod(equal + 1, NULL))) {
            fprintf(stderr, "pairs: median error of %s is %.3f, above %s\n", cls, error,
                    equal + 1);
            return false;
        }
    }
    return true;
}

static bool print_summary(const Pair *pairs, size_t n)
{
    printf("\n%-12s %3s %21s %20s %5s %s\n", "class", "n", "makespan: median, p90",
           "CPU: median, p90", "range", "right way");
    g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        if (g_hash_table_add(done, (void *)pairs[i].cls)) {
            ok = keeps(pairs[i].cls, print_class(pairs, n, pairs[i].cls)) && ok;
        }
    }
    return ok;
}

static int compare(yajl_val rows)
{
    size_t n = 0;
    g_autofree Pair *pairs = g_new0(Pair, length(rows) + 1);
    printf("%-24s %7s %7s %7s %7s %9s %9s %11s\n", "", "recordd", "simultd", "predctd",
           "real", "makespan", "CPU time", "change");
    for (size_t i = 0; i < length(rows); i++) {
        yajl_val row = YAJL_GET_ARRAY(rows)->values[i];
        g_autofree char *file =
            g_build_filename(opt.folder[0], text_at(row, "recording"), NULL);
        bool wanted = opt.only == NULL || strstr(text_at(row, "id"), opt.only) != NULL;
        if (wanted && g_file_test(file, G_FILE_TEST_EXISTS)) {
            judge(row, &pairs[n]);
            print_pair(&pairs[n++]);
        }
    }
    bool ok = print_summary(pairs, n);
    for (size_t i = 0; i < n; i++) {
        g_free(pairs[i].failure);
    }
    return ok && n > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    gboolean ok = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    if (!ok || opt.folder == NULL || opt.folder[0] == NULL) {
        fprintf(stderr, "pairs: %s\n",
                error != NULL ? error->message : "one folder of recordings is needed");
        return 2;
    }
    yajl_val rows = read_json(opt.folder[0], "index.json", &error);
    if (rows == NULL) {
        fprintf(stderr, "pairs: %s\n", error->message);
        return 2;
    }
    int status = compare(rows);
    yajl_tree_free(rows);
    g_strfreev(opt.folder);
    g_strfreev(opt.within);
    return status;
}
