#include "traces/rebuild/rebuild.h"

#include "sim/error.h"
#include "traces/rebuild/reading.h"
#include "traces/thread-names.h"
#include "lang/diag.h"

/* Decides which threads of a recording make the workload and in which order, and says what
 * was found. */

static const char *const rule_names[CP_RULES] = {"waking",   "author",  "lock",   "join",
                                                 "outvoted", "outside", "unseen", "reply"};

/* --- choosing threads --- */

static void choose_threads(CpRebuild *rb)
{
    int64_t root = rb->options.root_pid;
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        const CpCprThread *t = cp_cpr_thread_at(rb->cpr, i);
        bool kernel = (t->flags & (CP_CPR_KERNEL | CP_CPR_LOAD)) != 0;
        cp_rebuild_keep(rb, i, root != 0 ? t->pid != root && t->tid != root : kernel);
    }
}

static gint by_process(gconstpointer a, gconstpointer b, void *data)
{
    const CpRebuild *rb = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (rb->pids[x] != rb->pids[y]) {
        return rb->pids[x] < rb->pids[y] ? -1 : 1;
    }
    return (x > y) - (x < y);
}

/* Threads that did nothing are left out, unless others have to do with them. */
static void make_order(CpRebuild *rb)
{
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        RebuildThread *t = &rb->threads[i];
        if (!t->kept) {
            continue;
        }
        cp_rebuild_outvote(rb, t);
        if (t->facts.cpu_time > 0 || t->spawned_by != CP_NONE || t->acts || t->waits > 0) {
            g_array_append_val(rb->order, i);
        } else {
            t->kept = false;
        }
    }
    g_array_sort_with_data(rb->order, by_process, rb);
    for (guint i = 0; i < rb->order->len; i++) {
        rb->threads[g_array_index(rb->order, uint32_t, i)].facts.decl = i;
    }
}

/* --- life --- */

static CpRebuild *alloc(CpCpr *cpr, const CpRebuildOptions *options)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    CpRebuild *rb = g_new0(CpRebuild, 1);
    rb->options = *options;
    rb->cpr = cpr;
    rb->from = MAX(options->from, info->start);
    rb->to = options->to == 0 ? info->end : MIN(options->to, info->end);
    rb->n_threads = cp_cpr_n_threads(cpr);
    for (unsigned i = 0; options->costs != NULL && i < CP_COSTS; i++) {
        rb->cost[i] = options->costs->v[i];
    }
    rb->threads = g_new0(RebuildThread, (size_t)rb->n_threads + 1);
    rb->pids = g_new0(int64_t, (size_t)rb->n_threads + 1);
    rb->tids = g_new0(int64_t, (size_t)rb->n_threads + 1);
    g_auto(GStrv) names = cp_thread_names(cpr);
    rb->names = g_ptr_array_new_with_free_func(g_free);
    rb->processes = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        const CpCprThread *t = cp_cpr_thread_at(cpr, i);
        rb->threads[i] = (RebuildThread){
            .facts = {.id = i, .first = -1},
            .cpu = CP_NONE,
            .start_cpu = CP_NONE,
            .parent = CP_NONE,
            .spawned_by = CP_NONE,
            .asked = INT64_MIN,
            .ended_child = CP_NONE,
            .woken_by = CP_NONE,
            .early_by = CP_NONE,
            .prio = t->prio,
            .start_prio = t->prio,
        };
        rb->pids[i] = t->pid;
        rb->tids[i] = t->tid;
        const char *raw = cp_cpr_text(cpr, t->name);
        g_autofree char *clean = cp_clean_text(raw, -1);
        g_ptr_array_add(rb->names, g_strdup(strcmp(clean, names[i]) == 0 ? raw : names[i]));
        g_ptr_array_add(rb->processes, g_strdup(cp_cpr_text(cpr, t->process)));
    }
    rb->n_cpus = MAX(info->n_cpus, 1);
    rb->last_woken = g_new0(CpTime, rb->n_cpus);
    rb->order = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    rb->gils = g_array_new(FALSE, FALSE, sizeof(RebuildGil));
    rb->pairs = g_array_new(FALSE, FALSE, sizeof(RebuildPair));
    rb->pair_of = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    rb->source = g_strdup(cp_cpr_text(cpr, info->source));
    return rb;
}

/* The root the importer was told, if the caller names none. */
static void root_of_recording(CpRebuild *rb)
{
    const char *settings = cp_cpr_text(rb->cpr, cp_cpr_info(rb->cpr)->settings);
    if (rb->options.root_pid == 0 && g_str_has_prefix(settings, "root=")) {
        rb->options.root_pid = g_ascii_strtoll(settings + 5, NULL, 10);
    }
}

static gboolean nothing_kept(const CpRebuild *rb, GError **error)
{
    if (rb->options.root_pid != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "no thread of process %" G_GINT64_FORMAT " or its children ran between "
                    "%.6f s and %.6f s of the recording",
                    rb->options.root_pid, (double)rb->from / 1e9, (double)rb->to / 1e9);
    } else {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "no thread ran between %.6f s and %.6f s of the recording: nothing to "
                    "rebuild",
                    (double)rb->from / 1e9, (double)rb->to / 1e9);
    }
    return FALSE;
}

static gboolean infer(CpRebuild *rb, GError **error)
{
    g_autofree CpInferThread *threads = g_new0(CpInferThread, (size_t)rb->n_threads + 1);
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        threads[i] = (CpInferThread){
            .name = g_ptr_array_index(rb->names, i),
            .pid = rb->pids[i],
            .kernel = (cp_cpr_thread_at(rb->cpr, i)->flags & CP_CPR_KERNEL) != 0};
    }
    rb->infer = cp_infer_new(rb->cpr, threads, rb->from, rb->to, error);
    if (rb->infer != NULL) {
        g_ptr_array_add(rb->infer->said, NULL);
    }
    return rb->infer != NULL;
}

static gboolean derive(CpRebuild *rb, GError **error)
{
    rb->pieces = cp_pieces_new(rb->n_threads, error);
    if (rb->pieces == NULL || !cp_leads_read(rb, error) || !cp_rebuild_read(rb, error)) {
        return FALSE;
    }
    make_order(rb);
    if (!cp_pieces_seal(rb->pieces, error)) {
        return FALSE;
    }
    return rb->order->len > 0 || nothing_kept(rb, error);
}

CpRebuild *cp_rebuild_new(CpCpr *cpr, const CpRebuildOptions *options, GError **error)
{
    static const CpRebuildOptions none = {0};
    CpRebuild *rb = alloc(cpr, options ? options : &none);
    root_of_recording(rb);
    choose_threads(rb);
    if (!infer(rb, error) || !derive(rb, error)) {
        cp_rebuild_free(rb);
        return NULL;
    }
    return rb;
}

void cp_rebuild_free(CpRebuild *rb)
{
    if (rb == NULL) {
        return;
    }
    for (uint32_t i = 0; i < rb->n_threads; i++) {
        g_clear_pointer(&rb->threads[i].last_wakes, g_array_unref);
        g_clear_pointer(&rb->threads[i].dues, g_array_unref);
    }
    cp_pieces_unref(rb->pieces);
    cp_infer_free(rb->infer);
    cp_leads_free(rb->leads);
    g_ptr_array_unref(rb->names);
    g_ptr_array_unref(rb->processes);
    g_free(rb->threads);
    g_free(rb->last_woken);
    g_free(rb->pids);
    g_free(rb->tids);
    g_array_unref(rb->order);
    g_array_unref(rb->gils);
    g_array_unref(rb->pairs);
    g_hash_table_unref(rb->pair_of);
    g_free(rb->source);
    g_free(rb);
}

/* --- facts --- */

uint32_t cp_rebuild_n_threads(const CpRebuild *rb)
{
    return rb->order->len;
}

const CpRebuiltThread *cp_rebuild_thread(const CpRebuild *rb, uint32_t i)
{
    return &rb->threads[g_array_index(rb->order, uint32_t, i)].facts;
}

CpTime cp_rebuild_makespan(const CpRebuild *rb)
{
    CpTime first = CP_NEVER, last = 0;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(rb, i);
        if (!t->foreign && t->cpu_time > 0) {
            first = MIN(first, t->first);
            last = MAX(last, t->last);
        }
    }
    return first == CP_NEVER ? 0 : last - first;
}

uint64_t cp_rebuild_rule_count(const CpRebuild *rb, CpRebuildRule rule)
{
    return rb->rules[rule];
}

const char *const *cp_rebuild_said(const CpRebuild *rb)
{
    return (const char *const *)rb->infer->said->pdata;
}

const char *cp_rebuild_refusal(const CpRebuild *rb)
{
    return rb->infer->refusal;
}

CpTime cp_rebuild_load(const CpRebuild *rb)
{
    CpTime load = 0;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(rb, i);
        load += t->foreign ? t->cpu_time : 0;
    }
    return load;
}

CpTime cp_rebuild_left_out(const CpRebuild *rb)
{
    return rb->left_out;
}

char *cp_rebuild_report(const CpRebuild *rb)
{
    GString *out = g_string_new(NULL);
    uint32_t n_foreign = 0;
    uint64_t switches = 0;
    CpTime cpu = 0, load = cp_rebuild_load(rb);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const CpRebuiltThread *t = cp_rebuild_thread(rb, i);
        n_foreign += t->foreign;
        cpu += t->foreign ? 0 : t->cpu_time;
        switches += t->voluntary + t->involuntary;
    }
    g_string_append_printf(
        out,
        "%u threads (%u of them load from others), %.6f s of CPU time in "
        "%.6f s, %" G_GUINT64_FORMAT " times off a CPU\n",
        rb->order->len, n_foreign, (double)cpu / 1e9, (double)cp_rebuild_makespan(rb) / 1e9,
        switches);
    if (load > 0) {
        g_string_append_printf(out, "  load from others: %.6f s of CPU time\n",
                               (double)load / 1e9);
    }
    if (rb->left_out > 0) {
        g_string_append_printf(out,
                               "  left out: %.6f s of CPU time of threads of the kernel or "
                               "of other processes; --others keeps them as load\n",
                               (double)rb->left_out / 1e9);
    }
    for (const char *const *text = cp_rebuild_said(rb); *text != NULL; text++) {
        g_string_append_printf(out, "  %s\n", *text);
    }
    if (cp_rebuild_refusal(rb) != NULL) {
        g_string_append_printf(out, "  %s\n", cp_rebuild_refusal(rb));
    }
    for (unsigned i = 0; i < CP_RULES; i++) {
        if (rb->rules[i] > 0) {
            g_string_append_printf(out,
                                   "  %" G_GUINT64_FORMAT " waits ended by rule '%s'\n",
                                   rb->rules[i], rule_names[i]);
        }
    }
    return g_string_free(out, FALSE);
}
