#include "cli/import-list.h"

#include "cli/columns.h"
#include "lang/diag.h"
#include "scenario/result-json.h"
#include "sim/params.h"
#include "traces/walk.h"

#include <string.h>

/* Which process and thread of a recording took how much CPU time, and when it was there. */

typedef struct {
    const CpCprThread *thread;
    char *name, *process; /* cleaned, owned */
    CpTime cpu, first, last;
    bool seen;
} Row;

typedef struct {
    int64_t pid;
    const char *name; /* of a row */
    uint32_t flags;   /* of the first thread */
    CpTime cpu, first, last;
    GPtrArray *rows; /* Row, most CPU time first */
} Process;

typedef struct {
    Row *rows;
    uint32_t n;
    GPtrArray *processes; /* Process, most CPU time first */
    CpTime cpu;           /* of all */
} List;

static void add_span(void *data, const CpSpan *span)
{
    List *list = data;
    if (span->thread >= list->n) {
        return;
    }
    Row *row = &list->rows[span->thread];
    /* Of one that sleeps until the end nothing more was seen. */
    bool is_seen = span->end != CP_END_OPEN || span->state == CP_SEEN_RUNNING;
    CpTime last = is_seen ? span->to : span->from;
    row->first = row->seen ? MIN(row->first, span->from) : span->from;
    row->last = row->seen ? MAX(row->last, last) : last;
    row->seen = true;
    row->cpu += span->state == CP_SEEN_RUNNING ? span->to - span->from : 0;
}

static void process_free(void *data)
{
    Process *process = data;
    g_ptr_array_unref(process->rows);
    g_free(process);
}

static Process *process_of(List *list, const Row *row, GHashTable *by_pid)
{
    Process *process = g_hash_table_lookup(by_pid, &row->thread->pid);
    if (process == NULL) {
        process = g_new0(Process, 1);
        process->pid = row->thread->pid;
        process->name = *row->process != '\0' ? row->process : row->name;
        process->flags = row->thread->flags;
        process->first = row->first;
        process->rows = g_ptr_array_new();
        g_ptr_array_add(list->processes, process);
        g_hash_table_insert(by_pid, (void *)&row->thread->pid, process);
    }
    return process;
}

static int by_cpu(CpTime a, CpTime b)
{
    return (a < b) - (a > b);
}

static gint compare_processes(gconstpointer a, gconstpointer b)
{
    const Process *x = *(Process *const *)a, *y = *(Process *const *)b;
    return x->cpu != y->cpu ? by_cpu(x->cpu, y->cpu)
                            : (x->pid > y->pid) - (x->pid < y->pid);
}

static gint compare_rows(gconstpointer a, gconstpointer b)
{
    const Row *x = *(Row *const *)a, *y = *(Row *const *)b;
    return x->cpu != y->cpu
               ? by_cpu(x->cpu, y->cpu)
               : (x->thread->tid > y->thread->tid) - (x->thread->tid < y->thread->tid);
}

static void group(List *list)
{
    g_autoptr(GHashTable) by_pid = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (uint32_t i = 0; i < list->n; i++) {
        Row *row = &list->rows[i];
        if (!row->seen) {
            continue;
        }
        Process *process = process_of(list, row, by_pid);
        process->cpu += row->cpu;
        process->first = MIN(process->first, row->first);
        process->last = MAX(process->last, row->last);
        list->cpu += row->cpu;
        g_ptr_array_add(process->rows, row);
    }
    g_ptr_array_sort(list->processes, compare_processes);
    for (guint i = 0; i < list->processes->len; i++) {
        g_ptr_array_sort(((Process *)list->processes->pdata[i])->rows, compare_rows);
    }
}

/* --- what is printed --- */

static void add_time(CpColumns *table, CpTime t)
{
    g_autofree char *text = cp_format_time_human(t);
    cp_columns_cell(table, text);
}

static void add_figures(const List *list, CpColumns *table, CpTime cpu, CpTime first,
                        CpTime last)
{
    add_time(table, cpu);
    cp_columns_cellf(table, "%.1f %%",
                     list->cpu > 0 ? (double)cpu / (double)list->cpu * 100 : 0);
    add_time(table, first);
    add_time(table, last);
}

enum { THREADS_SHOWN = 12 }; /* of a process; JSON has all */

static void add_thread(const List *list, CpColumns *table, const Row *row)
{
    cp_columns_cell(table, "");
    cp_columns_cell(table, "");
    cp_columns_cellf(table, "%" G_GINT64_FORMAT, row->thread->tid);
    cp_columns_cell(table, row->name);
    add_figures(list, table, row->cpu, row->first, row->last);
}

/* One line for the threads from `first` on, which took least. */
static void add_others(const List *list, CpColumns *table, const Process *p, guint first)
{
    Row sum = {.first = CP_NEVER};
    for (guint k = first; k < p->rows->len; k++) {
        const Row *row = p->rows->pdata[k];
        sum.cpu += row->cpu;
        sum.first = MIN(sum.first, row->first);
        sum.last = MAX(sum.last, row->last);
    }
    cp_columns_cell(table, "");
    cp_columns_cell(table, "");
    cp_columns_cell(table, "");
    cp_columns_cellf(table, "%u others", p->rows->len - first);
    add_figures(list, table, sum.cpu, sum.first, sum.last);
}

static void print_text(CpCli *cli, const List *list)
{
    static const char *const heads[] = {"pid",      "process", "tid",        "thread",
                                        "CPU time", "share",   "first seen", "last seen"};
    g_autoptr(CpColumns) table = cp_columns_new("rlrlrrrr");
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        cp_columns_cell(table, heads[i]);
    }
    for (guint i = 0; i < list->processes->len; i++) {
        const Process *p = list->processes->pdata[i];
        bool is_kernel = (p->flags & CP_CPR_KERNEL) != 0;
        const Row *only = p->rows->len == 1 ? p->rows->pdata[0] : NULL;
        cp_columns_cellf(table, "%" G_GINT64_FORMAT, p->pid);
        cp_columns_cellf(table, "%s%s", p->name, is_kernel ? " [kernel]" : "");
        if (only != NULL) {
            cp_columns_cellf(table, "%" G_GINT64_FORMAT, only->thread->tid);
            cp_columns_cell(table, only->name);
        } else {
            cp_columns_cell(table, "");
            cp_columns_cellf(table, "%u threads", p->rows->len);
        }
        add_figures(list, table, p->cpu, p->first, p->last);
        guint shown = p->rows->len > THREADS_SHOWN + 1 ? THREADS_SHOWN : p->rows->len;
        for (guint k = 0; only == NULL && k < shown; k++) {
            add_thread(list, table, p->rows->pdata[k]);
        }
        if (shown < p->rows->len) {
            add_others(list, table, p, shown);
        }
    }
    g_autoptr(GString) out = g_string_new(NULL);
    cp_columns_print(table, out);
    cp_out(cli, "%s", out->str);
}

static void print_json(CpCli *cli, const List *list)
{
    CpJson *json = cp_result_json_new();
    cp_json_text(json, "file", cli->operands[0]);
    cp_json_int(json, "cpu_ns", list->cpu);
    cp_json_open(json, "processes", '[');
    for (guint i = 0; i < list->processes->len; i++) {
        const Process *p = list->processes->pdata[i];
        cp_json_open(json, NULL, '{');
        cp_json_int(json, "pid", p->pid);
        cp_json_text(json, "name", p->name);
        cp_json_bool(json, "kernel", (p->flags & CP_CPR_KERNEL) != 0);
        cp_json_int(json, "cpu_ns", p->cpu);
        cp_json_int(json, "first_ns", p->first);
        cp_json_int(json, "last_ns", p->last);
        cp_json_open(json, "threads", '[');
        for (guint k = 0; k < p->rows->len; k++) {
            const Row *row = p->rows->pdata[k];
            cp_json_open(json, NULL, '{');
            cp_json_int(json, "tid", row->thread->tid);
            cp_json_text(json, "name", row->name);
            cp_json_int(json, "cpu_ns", row->cpu);
            cp_json_int(json, "first_ns", row->first);
            cp_json_int(json, "last_ns", row->last);
            cp_json_close(json, '}');
        }
        cp_json_close(json, ']');
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_out_json(cli, json);
}

int cp_import_list(CpCli *cli, CpCpr *cpr, CpTime from, CpTime to)
{
    static const CpTimelineHooks hooks = {.span = add_span};
    const CpWalk window = {.from = from, .to = to};
    List list = {.n = cp_cpr_n_threads(cpr),
                 .processes = g_ptr_array_new_with_free_func(process_free)};
    list.rows = g_new0(Row, (size_t)list.n + 1);
    for (uint32_t i = 0; i < list.n; i++) {
        const CpCprThread *t = cp_cpr_thread_at(cpr, i);
        list.rows[i].thread = t;
        list.rows[i].name = cp_clean_text(cp_cpr_text(cpr, t->name), -1);
        list.rows[i].process = cp_clean_text(cp_cpr_text(cpr, t->process), -1);
    }
    g_autoptr(GError) error = NULL;
    int code = CP_EXIT_OK;
    if (!cp_walk(cpr, &window, &hooks, &list, &error)) {
        code = cp_fail(cli, error);
    } else {
        group(&list);
        if (cli->json) {
            print_json(cli, &list);
        } else {
            print_text(cli, &list);
        }
    }
    g_ptr_array_unref(list.processes);
    for (uint32_t i = 0; i < list.n; i++) {
        g_free(list.rows[i].name);
        g_free(list.rows[i].process);
    }
    g_free(list.rows);
    return code;
}
