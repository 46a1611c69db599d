#include "traces/root.h"

#include "sim/error.h"
#include "sim/params.h"
#include "sim/words.h"
#include "lang/diag.h"
#include "traces/walk.h"

#include <string.h>

/* Decides which process is meant, and what to say if it is none or one of several. */

enum { NAMED_MAX = 8 }; /* pids that a message lists */

static bool is_called(const CpRootThread *t, const char *who)
{
    return strcmp(t->name, who) == 0 || strcmp(t->process, who) == 0;
}

/* Whether one of those that started it is meant as well. */
static bool has_meant_ancestor(const CpRootThread *threads, uint32_t n, uint32_t row,
                               const char *who)
{
    uint32_t steps = 0;
    for (uint32_t i = threads[row].parent; i < n && steps++ < n; i = threads[i].parent) {
        if (threads[i].pid != threads[row].pid && is_called(&threads[i], who)) {
            return true;
        }
    }
    return false;
}

static bool has_pid(const GArray *pids, int64_t pid)
{
    for (guint i = 0; i < pids->len; i++) {
        if (g_array_index(pids, int64_t, i) == pid) {
            return true;
        }
    }
    return false;
}

static void refuse_none(const CpRootThread *threads, uint32_t n, const char *who,
                        GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (uint32_t i = 0; i < n; i++) {
        g_ptr_array_add(names, (void *)threads[i].name);
    }
    g_ptr_array_add(names, NULL);
    const char *near = cp_nearest(who, (const char *const *)names->pdata);
    g_autofree char *clean = cp_clean_text(who, -1);
    g_autofree char *other = near != NULL ? cp_clean_text(near, -1) : NULL;
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "no process or thread '%s' in the recording%s%s%s; coreplay import --list "
                "FILE shows them all",
                clean, other ? ", but one called '" : "", other ? other : "",
                other ? "'" : "");
}

static void refuse_several(const GArray *pids, const char *who, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < pids->len && i < NAMED_MAX; i++) {
        g_string_append_printf(list, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "",
                               g_array_index(pids, int64_t, i));
    }
    g_autofree char *clean = cp_clean_text(who, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                "%u processes are called '%s', with the pids %s%s: name one by its pid; "
                "coreplay import --list FILE shows what they took",
                pids->len, clean, list->str, pids->len > NAMED_MAX ? " ..." : "");
}

gboolean cp_root_find(const CpRootThread *threads, uint32_t n, const char *who,
                      int64_t *pid, GError **error)
{
    int64_t number = 0;
    bool is_number = cp_parse_int(who, &number, NULL);
    for (uint32_t i = 0; is_number && i < n; i++) {
        if (threads[i].pid == number || threads[i].tid == number) {
            *pid = number;
            return TRUE;
        }
    }
    g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (uint32_t i = 0; i < n; i++) {
        if (is_called(&threads[i], who) && !has_pid(pids, threads[i].pid) &&
            !has_meant_ancestor(threads, n, i, who)) {
            g_array_append_val(pids, threads[i].pid);
        }
    }
    if (pids->len == 1) {
        *pid = g_array_index(pids, int64_t, 0);
        return TRUE;
    }
    if (pids->len == 0) {
        refuse_none(threads, n, who, error);
    } else {
        refuse_several(pids, who, error);
    }
    return FALSE;
}

/* --- of a recording --- */

typedef struct {
    CpRootThread *threads;
    uint32_t n;
} Rows;

static bool note_parents(void *data, const CpRecord *records, size_t n)
{
    Rows *rows = data;
    for (size_t i = 0; i + 1 < n; i++) {
        if (cp_record_kind(&records[i]) == CP_REC_FORK && records[i].id < rows->n &&
            cp_record_kind(&records[i + 1]) == CP_REC_MORE) {
            rows->threads[records[i].id].parent = records[i + 1].id;
        }
    }
    return true;
}

gboolean cp_root_find_in(CpCpr *cpr, const char *who, int64_t *pid, GError **error)
{
    Rows rows = {.n = cp_cpr_n_threads(cpr)};
    rows.threads = g_new0(CpRootThread, (size_t)rows.n + 1);
    for (uint32_t i = 0; i < rows.n; i++) {
        const CpCprThread *t = cp_cpr_thread_at(cpr, i);
        rows.threads[i] =
            (CpRootThread){cp_cpr_text(cpr, t->name), cp_cpr_text(cpr, t->process), t->pid,
                           t->tid, CP_NONE};
    }
    const CpCprInfo *info = cp_cpr_info(cpr);
    gboolean ok =
        cp_walk_records(cpr, info->start, info->end, note_parents, &rows, error) &&
        cp_root_find(rows.threads, rows.n, who, pid, error);
    g_free(rows.threads);
    return ok;
}
