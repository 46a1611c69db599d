#include "tests/random/check.h"

#include "models/conform.h"
#include "models/ops.h"
#include "models/python/laws.h"
#include "sim/error.h"
#include "lang/parse.h"
#include "lang/workload-json.h"
#include "scenario/result-json.h"
#include "scenario/run-names.h"
#include "scenario/scenario.h"
#include "scenario/warmup.h"
#include "tests/random/lines.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

/* Decides how a workload is put to the test. */

enum {
    REPLAY_EVENTS_MAX = 50000,
    EXACT_EVENTS_MAX = 2000000,
    AT_ONCE_MAX = 100000,    /* loops without time are drawn often: they end early */
    AT_ONCE_LARGE = 1000000, /* but for some */
    AT_ONCE_LARGE_ONE_IN = 50,
    MEND_ROUNDS = 60,
};
static const char source[] = "w.cpw";

const char *check_part_name(CheckPart part)
{
    static const char *const names[] = {
        "reading",       "the run",           "the run with every tick",
        "the JSON form", "settings as --set", "the rebuilt recording",
    };
    return names[part];
}

/* --- reading --- */

static CpScenario *load(const char *text, const CpOverride *overrides, size_t n,
                        char **messages)
{
    CpDiag *diag = cp_diag_new(source, text, strlen(text));
    CpScenario *s = cp_scenario_from_text(source, text, strlen(text), overrides, n, diag);
    if (s == NULL && messages != NULL) {
        *messages = cp_diag_print(diag, false);
    }
    cp_diag_free(diag);
    return s;
}

/* New text without the statements and declarations that errors are about; NULL: none is
 * about a line. */
static char *without_errors(const char *text, const char *messages)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned n = g_strv_length(lines), left = 0;
    g_autofree bool *out = g_new0(bool, n + 1);
    for (const char *at = messages; (at = strstr(at, source)) != NULL;) {
        at += strlen(source);
        unsigned line = 0, column = 0;
        int end = 0; /* a setting has no column */
        (void)(sscanf(at, ":%u:%u: error%n", &line, &column, &end) == 2 ||
               sscanf(at, ":%u: error%n", &line, &end) == 1); /* said by `end` */
        if (end == 0 || line < 1 || line > n) {
            continue;
        }
        unsigned from = lines_owner(lines, line - 1);
        for (unsigned i = from; i < lines_unit(lines, from); i++) {
            out[i] = true;
            left++;
        }
    }
    GString *less = g_string_new(NULL);
    for (unsigned i = 0; i + 1 < n; i++) {
        if (!out[i]) {
            g_string_append_printf(less, "%s\n", lines[i]);
        }
    }
    return g_string_free(less, left == 0);
}

char *check_mend(const char *text)
{
    char *now = g_strdup(text);
    for (unsigned i = 0; i < MEND_ROUNDS && now != NULL; i++) {
        g_autofree char *messages = NULL;
        CpScenario *s = load(now, NULL, 0, &messages);
        if (s != NULL) {
            cp_scenario_free(s);
            return now;
        }
        char *less = without_errors(now, messages);
        g_free(now);
        now = less;
    }
    g_free(now);
    return NULL;
}

/* --- running --- */

typedef struct {
    GArray *records; /* CpRecord */
    char *json;      /* the result */
    CpOutcome outcome;
    uint64_t events;
} Run;

static void run_clear(Run *run)
{
    g_clear_pointer(&run->records, g_array_unref);
    g_clear_pointer(&run->json, g_free);
}

static gboolean collect(void *data, const CpRecord *records, size_t n, GError **error)
{
    (void)error; /* memory does not fail */
    g_array_append_vals(data, records, (guint)n);
    return TRUE;
}

static bool has_op(const CpScenario *s, CpOp op)
{
    const GArray *code = s->workload->code;
    for (guint i = 0; i < code->len; i++) {
        if (g_array_index(code, CpInsn, i).op == op) {
            return true;
        }
    }
    return false;
}

/* Whether the laws of threads cannot be told from the records: the CPUs a thread may use
 * change during the run, or what was before the warm-up does not count. */
static bool moves(const CpScenario *s)
{
    const GArray *attrs = s->workload->attrs;
    for (guint i = 0; i < attrs->len; i++) {
        if (g_array_index(attrs, CpSchedAttr, i).cpus != CP_NONE) {
            return true;
        }
    }
    return has_op(s, CP_OP_SET_AFFINITY) || s->workload->ats->len > 0 ||
           s->run->v[CP_RUN_WARMUP] != 0;
}

/* Whether a process may end while calls of its pools are under way. */
static bool cuts_short(const CpScenario *s)
{
    return has_op(s, CP_OP_STOP) || has_op(s, CP_OP_EXIT_PROCESS) || has_op(s, CP_OP_KILL);
}

static bool keeps_laws(CpSim *sim, const Run *run, bool moves, bool short_cut,
                       GError **error)
{
    const CpRecord *records = (const CpRecord *)(void *)run->records->data;
    CpPyLaws *laws = cp_pylaws_new();
    bool ok = cp_pylaws_read(laws, records, run->records->len, error) &&
              cp_pylaws_end(laws, !short_cut && run->outcome == CP_OUTCOME_DONE, error);
    cp_pylaws_free(laws);
    return ok && (moves || cp_conform_records(sim, records, run->records->len, error));
}

/* A function of the workload, so that all its runs have the same. */
static uint64_t at_once_max(const CpScenario *s)
{
    return s->run->v[CP_RUN_SEED] % AT_ONCE_LARGE_ONE_IN == 0 ? AT_ONCE_LARGE : AT_ONCE_MAX;
}

/* Runs and checks the laws; `max_events` 0: as the scenario says. */
static bool run(const CpScenario *s, bool exact, uint64_t max_events, Run *out,
                GError **error)
{
    out->records = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    CpSink sink = {collect, out->records};
    CpSimConfig config = {0};
    cp_scenario_config(s, &config);
    config.sink = &sink;
    config.filter.drop_kinds = (uint64_t)1 << CP_REC_RUNTIME;
    config.exact_ticks = exact;
    config.max_events = max_events > 0 ? max_events : config.max_events;
    config.max_at_once = at_once_max(s);
    if (!cp_warmup_resolve(s, &config, error)) {
        return false;
    }
    CpSim *sim = cp_sim_new(&config, error);
    if (sim == NULL) {
        return false;
    }
    out->outcome = cp_sim_run(sim, error);
    out->events = cp_sim_events(sim);
    bool ok = out->outcome != CP_OUTCOME_ERROR &&
              keeps_laws(sim, out, moves(s), cuts_short(s), error);
    if (ok) {
        g_autoptr(GString) json = g_string_new(NULL);
        cp_result_json(s, sim, NULL, source, json);
        out->json = g_strdup(json->str);
    }
    cp_sim_free(sim);
    return ok;
}

/* Takes the number away that stands behind each `key`. */
static void forget(char *text, const char *key)
{
    for (char *at = text; (at = strstr(at, key)) != NULL;) {
        at += strlen(key);
        size_t n = strspn(at, "0123456789");
        memmove(at, at + n, strlen(at + n) + 1);
    }
}

/* What is measured: the result without settings and the lines of the text, and without the
 * number of events if ticks are among them. */
static char *measured(const char *json, bool events)
{
    char *text = g_strdup(strstr(json, "\"metrics\":"));
    forget(text, "(w.cpw:");
    forget(text, "\"line\":");
    if (!events) {
        forget(text, "\"events\":");
    }
    return text;
}

/* For whoever looks for the cause: the records as text in files VOPR_RECORDS.1 and .2. */
static void write_records(const Run *run, unsigned number)
{
    const char *stem = g_getenv("VOPR_RECORDS");
    if (stem == NULL) {
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < run->records->len; i++) {
        const CpRecord *r = &g_array_index(run->records, CpRecord, i);
        g_string_append_printf(text, "%" G_GINT64_FORMAT " cpu %u %s %u\n",
                               cp_record_time(r), r->cpu,
                               cp_record_info(cp_record_kind(r))->name, r->id);
    }
    g_autofree char *path = g_strdup_printf("%s.%u", stem, number);
    (void)g_file_set_contents(path, text->str, -1, NULL); /* it is for people */
}

/* Whether two runs are the same; what differs goes to `failure`. */
static bool same(const Run *a, const Run *b, bool events, char **failure)
{
    guint i = 0, n = MIN(a->records->len, b->records->len);
    while (i < n &&
           memcmp(&g_array_index(a->records, CpRecord, i),
                  &g_array_index(b->records, CpRecord, i), sizeof(CpRecord)) == 0) {
        i++;
    }
    if (a->outcome != b->outcome) {
        *failure = g_strdup_printf("ends with %s, not %s", cp_outcome_name(b->outcome),
                                   cp_outcome_name(a->outcome));
        return false;
    }
    if (i < n || a->records->len != b->records->len) {
        write_records(a, 1);
        write_records(b, 2);
        const GArray *longer = a->records->len > i ? a->records : b->records;
        const CpRecord *r = &g_array_index(longer, CpRecord, i);
        g_autofree char *at = cp_format_time(cp_record_time(r));
        *failure =
            g_strdup_printf("differs from record %u on, %s of %u on CPU %u at %s", i,
                            cp_record_info(cp_record_kind(r))->name, r->id, r->cpu, at);
        return false;
    }
    g_autofree char *first = measured(a->json, events);
    g_autofree char *second = measured(b->json, events);
    for (i = 0; first[i] == second[i] && first[i] != '\0';) {
        i++;
    }
    if (first[i] != second[i]) {
        unsigned from = i > 60 ? i - 60 : 0;
        *failure =
            g_strdup_printf("measures %.100s, not %.100s", second + from, first + from);
        return false;
    }
    return true;
}

static uint64_t digest(const void *bytes, size_t n, uint64_t hash)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ at[i]) * 0x100000001b3u;
    }
    return hash;
}

/* --- the parts --- */

/* Another run that must be the same as the first one. */
static bool again(const CpScenario *s, const Run *first, bool exact, char **failure)
{
    g_autoptr(GError) error = NULL;
    Run other = {0};
    bool ok = run(s, exact, exact ? EXACT_EVENTS_MAX : 0, &other, &error);
    if (!ok) {
        *failure = g_strdup(error->message);
    } else {
        ok = same(first, &other, !exact, failure);
    }
    run_clear(&other);
    return ok;
}

static bool check_json(const char *text, const CpScenario *s, const Run *first,
                       char **failure)
{
    CpDiag *diag = cp_diag_new(source, text, strlen(text));
    CpTree *tree = cp_parse(text, strlen(text), diag);
    g_autofree char *json = tree != NULL ? cp_json_write(tree, true) : g_strdup("");
    cp_tree_free(tree);
    cp_diag_free(diag);
    CpScenario *other = load(json, NULL, 0, failure);
    if (other == NULL) {
        return false;
    }
    bool ok = strcmp(other->hash, s->hash) == 0;
    if (!ok) {
        *failure = g_strdup("has another hash");
    }
    ok = ok && again(other, first, false, failure);
    cp_scenario_free(other);
    return ok;
}

static void add_setting(const CpSettingInForce *setting, void *data)
{
    const CpOverride override = {g_strdup(setting->key), g_strdup(setting->value),
                                 CP_FROM_SET};
    g_array_append_val((GArray *)data, override);
}

static bool check_settings(const char *text, const CpScenario *s, const Run *first,
                           char **failure)
{
    g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(CpOverride));
    cp_scenario_each_setting(s, add_setting, list);
    const CpOverride *overrides = (const CpOverride *)(void *)list->data;
    CpScenario *other = load(text, overrides, list->len, failure);
    bool ok = other != NULL && again(other, first, false, failure);
    for (guint i = 0; i < list->len; i++) {
        g_free((char *)(uintptr_t)overrides[i].key);
        g_free((char *)(uintptr_t)overrides[i].value);
    }
    cp_scenario_free(other);
    return ok;
}

/* Records the run as `run -o` does. */
static bool record(const CpScenario *s, const char *path, GError **error)
{
    CpCprWriter *writer = cp_cpr_writer_new(path, error);
    if (writer == NULL) {
        return false;
    }
    CpSink sink = cp_cpr_sink(writer);
    CpSimConfig config = {0};
    cp_scenario_config(s, &config);
    config.sink = &sink;
    config.max_at_once = at_once_max(s);
    CpSim *sim = cp_warmup_resolve(s, &config, error) ? cp_sim_new(&config, error) : NULL;
    bool ok = sim != NULL && cp_sim_run(sim, error) != CP_OUTCOME_ERROR;
    if (ok) {
        CpCprInfo info;
        cp_run_describe(writer, sim, s, "{}", &info);
        ok = cp_cpr_writer_finish(writer, &info, error);
    }
    cp_sim_free(sim);
    cp_cpr_writer_free(writer);
    return ok;
}

static bool check_rebuild(const CpScenario *s, const Run *first, const char *folder,
                          char **failure)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "run.cpr", NULL);
    if (first->records->len == 0) {
        return true; /* there is nothing to rebuild */
    }
    if (!record(s, path, &error)) {
        *failure = g_strdup(error->message);
        return false;
    }
    CpDiag *diag = cp_diag_new(path, NULL, 0);
    CpScenario *replay = cp_scenario_load(path, NULL, 0, diag);
    Run other = {0};
    bool ok = replay != NULL;
    if (!ok) {
        g_autofree char *messages = cp_diag_print(diag, false);
        ok = strstr(messages, "no thread") != NULL;
        *failure = ok ? NULL : g_steal_pointer(&messages);
    } else if (!run(replay, false, REPLAY_EVENTS_MAX, &other, &error)) {
        *failure = g_strdup(error->message);
        ok = false;
    }
    run_clear(&other);
    cp_scenario_free(replay);
    cp_diag_free(diag);
    g_unlink(path);
    return ok;
}

/* Settings that do not go together, a warm-up that is longer than the run, or more than
 * there is room for. */
static bool is_refusal(const GError *error)
{
    return g_error_matches(error, CP_ERROR, CP_ERROR_USAGE) ||
           g_error_matches(error, CP_ERROR, CP_ERROR_INPUT) ||
           strstr(error->message, "before its warm-up") != NULL ||
           strstr(error->message, "than the simulator has room for") != NULL;
}

static void check_run(const char *text, const CpScenario *s, Check *check)
{
    g_autoptr(GError) error = NULL;
    Run first = {0};
    *check->part = CHECK_RUN;
    bool ok = run(s, false, 0, &first, &error);
    check->outcome = first.outcome;
    check->events = first.events;
    if (!ok && is_refusal(error)) {
        check->accepted = false;
    } else if (!ok) {
        check->failure = g_strdup(error->message);
    } else {
        check->digest = digest(first.records->data, first.records->len * sizeof(CpRecord),
                               0xcbf29ce484222325u);
        check->digest = digest(first.json, strlen(first.json), check->digest);
    }
    bool stopped =
        !ok || first.outcome == CP_OUTCOME_GUARD; /* at another event with every tick */
    if (!stopped) {
        *check->part = CHECK_TICKS;
        ok = again(s, &first, true, &check->failure);
    }
    if (ok) {
        *check->part = CHECK_JSON;
        ok = check_json(text, s, &first, &check->failure);
    }
    if (ok) {
        *check->part = CHECK_SETTINGS;
        ok = check_settings(text, s, &first, &check->failure);
    }
    if (ok) {
        *check->part = CHECK_REBUILD;
        check_rebuild(s, &first, check->folder, &check->failure);
    }
    run_clear(&first);
}

void check_text(const char *text, Check *check)
{
    *check->part = CHECK_READ;
    check->failure = NULL;
    CpScenario *s = load(text, NULL, 0, NULL);
    check->accepted = s != NULL;
    if (s != NULL) {
        check_run(text, s, check);
        cp_scenario_free(s);
    }
}
