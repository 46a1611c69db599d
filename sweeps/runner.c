#include "sweeps/runner.h"

#include "sim/error.h"
#include "scenario/warmup.h"

#include <string.h>

/* What one worker keeps from run to run, and what a row says. */

enum {
    KEPT_MAX = 64,    /* compiled workloads */
    WARMUPS_MAX = 64, /* warm-ups found for points lately */
};

typedef struct {
    char *key;
    CpScenario *scenario;
    unsigned users;
    uint64_t last_use;
} Entry;

/* The warm-up that a pilot run found for a point: all its repeats have the same. */
typedef struct {
    bool known;
    uint64_t point;
    CpTime warmup;
    char *error; /* why there is none; else NULL */
} Warmup;

struct CpCompiled {
    const CpPlan *plan;
    GMutex lock;
    GHashTable *entries;         /* key -> Entry */
    uint64_t clock;              /* counts uses */
    Warmup warmups[WARMUPS_MAX]; /* by point modulo their number */
};

struct CpRunner {
    const CpPlan *plan;
    CpCompiled *compiled;
    Entry *entry;         /* in use by `scenario`, or NULL */
    CpScenario *scenario; /* of `point`, or NULL */
    char *refused;        /* why there is none */
    uint64_t point;
    CpSim *sim; /* of some point before; borrows from `scenario` */
    const CpSink *sink;
};

/* --- compiled workloads --- */

static void entry_free(void *data)
{
    Entry *entry = data;
    cp_scenario_free(entry->scenario);
    g_free(entry->key);
    g_free(entry);
}

CpCompiled *cp_compiled_new(const CpPlan *plan)
{
    CpCompiled *c = g_new0(CpCompiled, 1);
    c->plan = plan;
    c->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    g_mutex_init(&c->lock);
    return c;
}

void cp_compiled_free(CpCompiled *c)
{
    g_hash_table_unref(c->entries);
    for (size_t i = 0; i < WARMUPS_MAX; i++) {
        g_free(c->warmups[i].error);
    }
    g_mutex_clear(&c->lock);
    g_free(c);
}

/* Makes room by dropping what nobody uses and was used longest ago. */
static void drop_oldest(CpCompiled *c)
{
    GHashTableIter iter;
    void *value;
    Entry *oldest = NULL;
    g_hash_table_iter_init(&iter, c->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Entry *entry = value;
        if (entry->users == 0 && (oldest == NULL || entry->last_use < oldest->last_use)) {
            oldest = entry;
        }
    }
    if (oldest != NULL) {
        g_hash_table_remove(c->entries, oldest->key);
    }
}

static Entry *entry_take(CpCompiled *c, const char *key)
{
    g_mutex_lock(&c->lock);
    Entry *entry = g_hash_table_lookup(c->entries, key);
    if (entry != NULL) {
        entry->users++;
        entry->last_use = ++c->clock;
    }
    g_mutex_unlock(&c->lock);
    return entry;
}

/* Takes both; another worker may have been quicker. */
static Entry *entry_add(CpCompiled *c, char *key, CpScenario *scenario)
{
    g_mutex_lock(&c->lock);
    Entry *entry = g_hash_table_lookup(c->entries, key);
    if (entry == NULL) {
        if (g_hash_table_size(c->entries) >= KEPT_MAX) {
            drop_oldest(c);
        }
        entry = g_new0(Entry, 1);
        entry->key = g_steal_pointer(&key);
        entry->scenario = g_steal_pointer(&scenario);
        g_hash_table_insert(c->entries, entry->key, entry);
    }
    entry->users++;
    entry->last_use = ++c->clock;
    g_mutex_unlock(&c->lock);
    cp_scenario_free(scenario);
    g_free(key);
    return entry;
}

static void entry_drop(CpCompiled *c, Entry *entry)
{
    if (entry != NULL) {
        g_mutex_lock(&c->lock);
        entry->users--;
        g_mutex_unlock(&c->lock);
    }
}

/* --- the scenario of a point --- */

CpRunner *cp_runner_new(const CpPlan *plan, CpCompiled *compiled)
{
    CpRunner *r = g_new0(CpRunner, 1);
    r->plan = plan;
    r->compiled = compiled;
    return r;
}

void cp_runner_sink(CpRunner *r, const CpSink *sink)
{
    r->sink = sink;
}

static void forget(CpRunner *r)
{
    g_clear_pointer(&r->sim, cp_sim_free);
    g_clear_pointer(&r->scenario, cp_scenario_free);
    g_clear_pointer(&r->refused, g_free);
    entry_drop(r->compiled, r->entry);
    r->entry = NULL;
}

void cp_runner_free(CpRunner *r)
{
    forget(r);
    g_free(r);
}

/* The compiled workload this point can use; NULL: none (then `diag` may say why). */
static Entry *find_compiled(CpRunner *r, char *const *values, CpDiag *diag)
{
    char *key = cp_plan_compile_key(r->plan, values);
    Entry *entry = key != NULL ? entry_take(r->compiled, key) : NULL;
    if (entry == NULL && key != NULL) {
        CpScenario *base = cp_plan_scenario(r->plan, values, NULL, diag);
        if (base != NULL) {
            return entry_add(r->compiled, key, base);
        }
    }
    g_free(key);
    return entry;
}

/* Loads the point; the run before goes on living until it is reset to the new one. */
static void prepare(CpRunner *r, uint64_t point, CpScenario **old, Entry **old_entry)
{
    CpDiag *diag = cp_diag_new(r->plan->path, NULL, 0);
    g_auto(GStrv) values = cp_grid_values(r->plan->grid, point);
    *old = r->scenario;
    *old_entry = r->entry;
    r->scenario = NULL;
    g_clear_pointer(&r->refused, g_free);
    r->entry = find_compiled(r, values, diag);
    if (r->entry != NULL || r->plan->text == NULL) {
        r->scenario = cp_plan_scenario(r->plan, values,
                                       r->entry != NULL ? r->entry->scenario : NULL, diag);
    }
    r->point = point;
    if (r->scenario == NULL) {
        r->refused = g_strchomp(cp_diag_print(diag, false));
    }
    cp_diag_free(diag);
}

/* --- one run --- */

static CpRow *row_new(const CpPlan *plan, uint64_t point, uint32_t repeat)
{
    CpRow *row = g_new0(CpRow, 1);
    row->point = point;
    row->repeat = repeat;
    row->seed = cp_plan_seed(plan, repeat);
    return row;
}

static CpRow *failure(CpRow *row, const char *outcome, const char *why)
{
    row->outcome = outcome;
    row->error = g_strdup(why);
    row->failed = true;
    return row;
}

/* A setting that cannot be, or a host that has no room for the run. */
static CpRow *refused(CpRow *row, const GError *error)
{
    row->lost = error->code == CP_ERROR_OUTPUT;
    return failure(row, "refused", error->message);
}

static bool is_expected(const CpScenario *s, CpOutcome outcome)
{
    for (guint i = 0; i < s->expects->len; i++) {
        const CpExpect *e = s->expects->pdata[i];
        if (strcmp(e->metric, "outcome") == 0 && e->word != NULL &&
            strcmp(e->word, cp_outcome_name(outcome)) == 0) {
            return true;
        }
    }
    return false;
}

static void read_metrics(const CpRunner *r, CpRow *row)
{
    guint n = r->plan->metrics->len;
    row->values = g_new0(int64_t, n);
    row->known = g_new0(bool, n);
    for (guint i = 0; i < n; i++) {
        const CpMetricColumn *c = r->plan->metrics->pdata[i];
        CpUnit unit;
        row->known[i] = c->metric != NULL
                            ? cp_metric_value(r->sim, c->metric, 0, &row->values[i])
                            : cp_metric_find(r->sim, c->name, &row->values[i], &unit);
    }
}

static void read_outcome(const CpRunner *r, CpOutcome outcome, const CpRunLog *log,
                         CpRow *row)
{
    bool stopped = outcome == CP_OUTCOME_DEADLOCK || outcome == CP_OUTCOME_GUARD ||
                   outcome == CP_OUTCOME_ERROR;
    const GPtrArray *diagnoses = cp_sim_diagnoses(r->sim);
    row->outcome = cp_outcome_name(outcome);
    row->failed = stopped && !is_expected(r->scenario, outcome);
    if (row->failed && diagnoses->len > 0) {
        const CpDiagnosis *d = diagnoses->pdata[0];
        row->error = g_strdup_printf("%s: %s", d->kind, d->text);
    }
    for (guint i = 0; i < r->scenario->expects->len; i++) {
        g_autofree char *measured = NULL;
        row->expects_failed += cp_expect_check(r->scenario, r->scenario->expects->pdata[i],
                                               r->sim, log, &measured) == CP_EXPECT_FAILED;
    }
    read_metrics(r, row);
}

/* What another repeat of the point found; a new text in *why if that was no warm-up. */
static bool recall_warmup(CpCompiled *c, uint64_t point, CpTime *warmup, char **why)
{
    g_mutex_lock(&c->lock);
    const Warmup *w = &c->warmups[point % WARMUPS_MAX];
    bool known = w->known && w->point == point;
    if (known) {
        *warmup = w->warmup;
        *why = g_strdup(w->error);
    }
    g_mutex_unlock(&c->lock);
    return known;
}

static void keep_warmup(CpCompiled *c, uint64_t point, CpTime warmup, const char *why)
{
    g_mutex_lock(&c->lock);
    Warmup *w = &c->warmups[point % WARMUPS_MAX];
    g_free(w->error);
    *w = (Warmup){true, point, warmup, g_strdup(why)};
    g_mutex_unlock(&c->lock);
}

/* The pilot run has the seed of the first repeat, whichever repeat needs it.  False: the
 * row says why there is none. */
static bool resolve_warmup(CpRunner *r, CpSimConfig *config, CpRow *row)
{
    bool automatic = cp_warmup_is_auto(r->scenario);
    g_autofree char *why = NULL;
    if (automatic && recall_warmup(r->compiled, r->point, &config->warmup, &why)) {
        return why == NULL || (failure(row, "refused", why), false);
    }
    g_autoptr(GError) error = NULL;
    uint64_t seed = config->seed;
    config->seed = cp_plan_seed(r->plan, 0);
    bool ok = cp_warmup_resolve(r->scenario, config, &error);
    config->seed = seed;
    if (!ok) {
        refused(row, error);
    }
    if (automatic && !row->lost) {
        keep_warmup(r->compiled, r->point, config->warmup, ok ? NULL : error->message);
    }
    return ok;
}

static CpRow *simulate(CpRunner *r, CpRow *row)
{
    CpSimConfig config = {0};
    g_autoptr(GError) error = NULL;
    cp_scenario_config(r->scenario, &config);
    config.seed = row->seed;
    config.sink = r->sink;
    if (!resolve_warmup(r, &config, row)) {
        g_clear_pointer(&r->sim, cp_sim_free); /* it borrows from the scenario before */
        return row;
    }
    g_autoptr(CpRunLog) log = NULL;
    if (cp_expects_output(r->scenario)) {
        log = cp_run_log_new(r->scenario->workload, CP_NONE);
        cp_run_log_watch(log, &config);
    }
    if (r->sim == NULL) {
        r->sim = cp_sim_new(&config, &error);
    } else if (!cp_sim_reset(r->sim, &config, &error)) {
        g_clear_pointer(&r->sim, cp_sim_free);
    }
    if (r->sim == NULL) {
        return refused(row, error);
    }
    CpOutcome outcome = cp_sim_run(r->sim, &error);
    read_outcome(r, outcome, log, row);
    if (error != NULL) {
        g_free(row->error);
        failure(row, "error", error->message);
        g_clear_pointer(&r->sim, cp_sim_free);
    }
    return row;
}

CpRow *cp_runner_run(CpRunner *r, uint64_t point, uint32_t repeat)
{
    CpRow *row = row_new(r->plan, point, repeat);
    bool known = r->point == point && (r->scenario != NULL || r->refused != NULL);
    CpScenario *old = NULL;
    Entry *old_entry = NULL;
    if (!known) {
        prepare(r, point, &old, &old_entry);
    }
    if (r->scenario == NULL) {
        g_clear_pointer(&r->sim, cp_sim_free);
        failure(row, "refused", r->refused);
    } else {
        simulate(r, row);
    }
    cp_scenario_free(old);
    entry_drop(r->compiled, old_entry);
    return row;
}
