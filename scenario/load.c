#include "scenario/assemble.h"

#include "lang/compile.h"
#include "lang/parse.h"
#include "lang/workload-json.h"
#include "models/registry.h"
#include "scenario/expect.h"
#include "traces/cpr.h"
#include "traces/cpr-pack.h"
#include "traces/import/formats.h"
#include "traces/rebuild/rebuild.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a file is, text, JSON form or recording, and how it becomes a workload. */

/* --- texts --- */

static CpTree *read_tree(const char *text, size_t len, CpDiag *diag)
{
    size_t i = 0;
    while (i < len && g_ascii_isspace(text[i])) {
        i++;
    }
    if (i == len) {
        cp_diag_error(diag, (CpPos){0}, "file is empty");
        cp_diag_help(diag, "coreplay init writes an example to start from");
        return NULL;
    }
    if (memchr(text, '\0', MIN(len, 4096)) != NULL) {
        cp_diag_error(diag, (CpPos){0}, "not a workload: binary data");
        cp_diag_help(diag,
                     "workloads are text (.cpw), JSON or recordings (.cpr); traces of "
                     "other programs: coreplay import");
        return NULL;
    }
    return text[i] == '{' || text[i] == '[' ? cp_json_read(text, len, diag)
                                            : cp_parse(text, len, diag);
}

CpScenario *cp_scenario_from_text(const char *name, const char *text, size_t len,
                                  const CpOverride *overrides, size_t n, CpDiag *diag)
{
    cp_diag_source(diag, name, text, len);
    CpBuild b = {.diag = diag};
    b.tree = read_tree(text, len, diag);
    if (b.tree == NULL) {
        return NULL;
    }
    b.s = cp_scenario_new(name);
    b.s->written = g_ptr_array_new_with_free_func(g_free);
    b.s->hash = cp_json_hash(b.tree);
    bool ok = cp_rewrite_params(&b, overrides, n) && cp_rewrite_versions(&b, overrides, n);
    b.s->workload = ok ? cp_compile(b.tree, name, diag) : NULL;
    ok = b.s->workload != NULL;
    ok = ok && cp_expects_read(b.tree, b.s->workload, b.s->expects, diag);
    ok = ok && cp_assemble(&b, overrides, n);
    cp_tree_free(b.tree);
    if (!ok) {
        cp_scenario_free(b.s);
        return NULL;
    }
    return b.s;
}

/* --- files --- */

static bool cannot_read(CpDiag *diag, const char *path, const char *why)
{
    cp_diag_source(diag, path, NULL, 0);
    return cp_diag_error(diag, (CpPos){0}, "cannot read: %s", why);
}

/* At most one byte more than the limit, so that the parser can say it is too large. */
static char *read_all(const char *path, size_t *len, CpDiag *diag)
{
    bool standard = strcmp(path, "-") == 0;
    if (!standard && g_file_test(path, G_FILE_TEST_IS_DIR)) {
        cannot_read(diag, path, "it is a directory");
        return NULL;
    }
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (file == NULL) {
        cannot_read(diag, path, g_strerror(errno));
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[65536];
    size_t got;
    while (text->len <= CP_PARSE_BYTES_MAX &&
           (got = fread(buffer, 1, sizeof buffer, file)) > 0) {
        g_string_append_len(text, buffer, (gssize)got);
    }
    bool failed = ferror(file) != 0;
    int why = errno;
    if (!standard) {
        fclose(file);
    }
    if (failed) {
        cannot_read(diag, path, g_strerror(why));
        return NULL;
    }
    *len = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* What the workload does, whatever its names and places are. */
static char *workload_hash(const CpWorkload *w)
{
    uint64_t sum = cp_cpr_checksum(w->code->data, w->code->len * sizeof(CpInsn), 0);
    sum = cp_cpr_checksum(w->consts->data, w->consts->len * sizeof(int64_t), sum);
    sum ^= w->replay != NULL ? w->replay->hash : 0;
    return g_strdup_printf("%016" G_GINT64_MODIFIER "x", sum);
}

/* Who asks for a number of CPUs means that the program may use them. */
static bool asks_for_cpus(const CpOverride *overrides, size_t n)
{
    bool asks = false;
    for (size_t i = 0; i < n; i++) {
        const char *key = overrides[i].key;
        asks |= cp_override_is_late(&overrides[i]) &&
                (strcmp(key, "cores") == 0 || strcmp(key, "smt") == 0 ||
                 strcmp(key, "machine") == 0);
    }
    return asks;
}

/* A quota of the whole program needs a group of the program. */
static bool asks_for_group(const CpOverride *overrides, size_t n)
{
    bool asks = false;
    for (size_t i = 0; i < n; i++) {
        asks |= g_str_has_prefix(overrides[i].key, "cgroup." CP_REBUILD_GROUP ".");
    }
    return asks;
}

static CpWorkload *rebuild(CpBuild *b, const char *path, const CpOverride *overrides,
                           size_t n, GError **error)
{
    CpWorkload *w = NULL;
    CpCpr *cpr = cp_cpr_open(path, error);
    CpParamSet *costs = cp_cost_set("reference");
    CpRebuildOptions options = {.placement = true, .foreign = true, .costs = costs};
    options.unbound = asks_for_cpus(overrides, n);
    options.grouped = asks_for_group(overrides, n);
    CpRebuild *rb = cpr != NULL ? cp_rebuild_new(cpr, &options, error) : NULL;
    if (rb != NULL) {
        b->recorded_cpus = cp_cpr_info(cpr)->n_cpus;
        w = cp_rebuild_workload(rb, error);
        for (const char *const *text = cp_rebuild_said(rb); *text != NULL; text++) {
            cp_diag_note(b->diag, (CpPos){0}, "%s", *text);
        }
        if (cp_rebuild_refusal(rb) != NULL) {
            cp_diag_warning(b->diag, (CpPos){0}, "%s", cp_rebuild_refusal(rb));
        }
    }
    cp_rebuild_free(rb);
    cp_cpr_free(cpr);
    cp_params_free(costs);
    return w;
}

/* On another machine than the recorded one the policy places new threads, and no CPU goes
 * offline. */
static void forget_placement(CpBuild *b)
{
    if (b->s->machine->n_cpus == b->recorded_cpus) {
        return;
    }
    g_array_set_size(b->s->workload->ats, 0);
    for (uint32_t i = 0; i < b->s->workload->threads->len; i++) {
        CpThreadDecl *t = cp_thread_decl(b->s->workload, i);
        t->start_cpu = t->flags & CP_THREAD_SPAWNED ? CP_NONE : t->start_cpu;
    }
}

/* A recording is rebuilt into a workload of its own. */
static CpScenario *from_recording(const char *path, const CpOverride *overrides, size_t n,
                                  CpDiag *diag)
{
    g_autoptr(GError) error = NULL;
    CpBuild b = {.diag = diag};
    cp_diag_source(diag, path, NULL, 0);
    CpWorkload *w = rebuild(&b, path, overrides, n, &error);
    if (w == NULL) {
        const char *text = error->message;
        size_t named = strlen(path);
        bool repeats = g_str_has_prefix(text, path) && g_str_has_prefix(text + named, ": ");
        cp_diag_error(diag, (CpPos){0}, "%s", repeats ? text + named + 2 : text);
        cp_diag_set_code(diag, error->code);
        return NULL;
    }
    b.s = cp_scenario_new(path);
    b.s->workload = w;
    b.s->hash = workload_hash(w);
    if (!cp_assemble(&b, overrides, n)) {
        cp_scenario_free(b.s);
        return NULL;
    }
    forget_placement(&b);
    return b.s;
}

/* A recording of another program is no workload: says what makes it one. */
static bool is_foreign(const char *path, CpDiag *diag)
{
    const CpImportFormat *format =
        strcmp(path, "-") != 0 ? cp_import_format_of(path) : NULL;
    if (format == NULL) {
        return false;
    }
    cp_diag_source(diag, path, NULL, 0);
    if (format->read == NULL) {
        cp_diag_error(diag, (CpPos){0}, "is %s", format->help);
    } else {
        cp_diag_error(diag, (CpPos){0}, "a recording, not a workload: %s", format->help);
        cp_diag_help(diag, "coreplay import %s -o real.cpr, then run real.cpr", path);
    }
    return true;
}

CpScenario *cp_scenario_load(const char *path, const CpOverride *overrides, size_t n,
                             CpDiag *diag)
{
    if (cp_cpr_is_file(path)) {
        return from_recording(path, overrides, n, diag);
    }
    if (is_foreign(path, diag)) {
        return NULL;
    }
    size_t len;
    g_autofree char *text = read_all(path, &len, diag);
    if (text == NULL) {
        return NULL;
    }
    CpScenario *s = cp_scenario_from_text(path, text, len, overrides, n, diag);
    cp_diag_source(diag, path, NULL, 0); /* the text is freed */
    return s;
}
