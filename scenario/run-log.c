#include "scenario/run-log.h"

#include "lang/compile.h"
#include "models/ops.h"

#include <string.h>

/* What is kept of a run's lines, tasks and values, and how a line reads. */

enum { NUMBERS_MAX = 1000000 };

/* A value of a line. */
typedef struct {
    uint32_t what; /* CpPrintValue */
    int64_t value;
} Value;

struct CpRunLog {
    const CpWorkload *w;
    uint32_t var;
    GArray *lines, *tasks, *history; /* CpLogEntry, CpLogTask, CpLogEntry */
    GArray *values;                  /* Value: of all lines */
    GArray *by_id;                   /* uint32_t: record id of a task -> 1 + its row */
    uint64_t more_lines, more_tasks, more_values;
    uint32_t n_ended;
    bool open;     /* the values that come belong to the last line */
    CpRecord head; /* waits for its second half */
    bool has_head;
    CpSink own;       /* what it gives a configuration */
    const CpSink *to; /* where records go on to; NULL */
};

CpRunLog *cp_run_log_new(const CpWorkload *w, uint32_t var)
{
    CpRunLog *log = g_new0(CpRunLog, 1);
    log->w = w;
    log->var = var;
    log->lines = g_array_new(FALSE, FALSE, sizeof(CpLogEntry));
    log->tasks = g_array_new(FALSE, FALSE, sizeof(CpLogTask));
    log->history = g_array_new(FALSE, FALSE, sizeof(CpLogEntry));
    log->values = g_array_new(FALSE, FALSE, sizeof(Value));
    log->by_id = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    return log;
}

void cp_run_log_free(CpRunLog *log)
{
    if (log == NULL) {
        return;
    }
    g_array_unref(log->lines);
    g_array_unref(log->tasks);
    g_array_unref(log->history);
    g_array_unref(log->values);
    g_array_unref(log->by_id);
    g_free(log);
}

bool cp_run_log_has_any(const CpWorkload *w)
{
    bool any = w->tasks->len > 0;
    for (uint32_t pc = 0; pc < w->code->len && !any; pc++) {
        const CpInsn *insn = cp_insn(w, pc);
        any = insn->op == CP_OP_PRINT && insn->c != 0;
    }
    return any;
}

/* --- reading --- */

static void add_line(CpRunLog *log, const CpRecord *r, const CpRecord *more)
{
    log->open = log->lines->len < CP_LOG_LINES_MAX && log->values->len < NUMBERS_MAX &&
                r->id < log->w->strings->len;
    if (!log->open) {
        log->more_lines++;
        return;
    }
    const CpLogEntry line = {.at = cp_record_time(r),
                             .tid = more->id,
                             .task = cp_record_value(more),
                             .string = r->id,
                             .from = log->values->len};
    g_array_append_val(log->lines, line);
}

static void add_value(CpRunLog *log, const CpRecord *r, const CpRecord *more)
{
    if (log->open) {
        const Value value = {r->id, cp_record_wide_value(r, more)};
        g_array_append_val(log->values, value);
        g_array_index(log->lines, CpLogEntry, log->lines->len - 1).n++;
    }
}

static CpLogTask *task_of(CpRunLog *log, uint32_t id)
{
    uint32_t row = id < log->by_id->len ? g_array_index(log->by_id, uint32_t, id) : 0;
    return row > 0 ? &g_array_index(log->tasks, CpLogTask, row - 1) : NULL;
}

static void set_row(CpRunLog *log, uint32_t id, uint32_t row)
{
    if (id >= log->by_id->len) {
        g_array_set_size(log->by_id, id + 1);
    }
    g_array_index(log->by_id, uint32_t, id) = row;
}

static void add_task(CpRunLog *log, const CpRecord *r, const CpRecord *more)
{
    if (log->tasks->len >= CP_LOG_TASKS_MAX) {
        log->more_tasks++;
        set_row(log, r->id, 0);
        return;
    }
    const CpLogTask task = {.label = cp_record_value(more),
                            .created = cp_record_time(r),
                            .started = CP_NEVER,
                            .ended = CP_NEVER,
                            .tid = CP_NONE};
    g_array_append_val(log->tasks, task);
    set_row(log, r->id, log->tasks->len);
}

static void end_task(CpRunLog *log, const CpRecord *r)
{
    CpLogTask *task = task_of(log, r->id);
    log->n_ended++;
    if (task != NULL) {
        task->ended = cp_record_time(r);
        task->how = (uint8_t)r->arg;
        task->order = log->n_ended;
        set_row(log, r->id, 0);
    }
}

static void add_history(CpRunLog *log, const CpRecord *r, const CpRecord *more)
{
    if (r->id != log->var) {
        return;
    }
    if (log->history->len >= CP_LOG_VALUES_MAX) {
        log->more_values++;
        return;
    }
    const CpLogEntry entry = {
        .at = cp_record_time(r), .tid = more->id, .value = cp_record_wide_value(r, more)};
    g_array_append_val(log->history, entry);
}

static void read_record(CpRunLog *log, const CpRecord *r, const CpRecord *more)
{
    CpLogTask *task;
    switch (cp_record_kind(r)) {
    case CP_REC_PRINT:
        add_line(log, r, more);
        break;
    case CP_REC_PRINT_VALUE:
        add_value(log, r, more);
        break;
    case CP_REC_TASK_CREATE:
        add_task(log, r, more);
        break;
    case CP_REC_TASK_START:
        task = task_of(log, r->id);
        if (task != NULL) {
            task->started = cp_record_time(r);
            task->tid = more->id;
        }
        break;
    case CP_REC_TASK_END:
        end_task(log, r);
        break;
    case CP_REC_VAR:
        add_history(log, r, more);
        break;
    default:
        break;
    }
}

void cp_run_log_feed(CpRunLog *log, const CpRecord *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (cp_record_kind(&records[i]) != CP_REC_MORE) {
            log->head = records[i];
            log->has_head = true;
        } else if (log->has_head) {
            read_record(log, &log->head, &records[i]);
            log->has_head = false;
        }
    }
}

static gboolean take(void *data, const CpRecord *records, size_t n, GError **error)
{
    CpRunLog *log = data;
    cp_run_log_feed(log, records, n);
    return log->to == NULL || log->to->write(log->to->data, records, n, error);
}

void cp_run_log_watch(CpRunLog *log, CpSimConfig *config)
{
    static const CpRecordKind kinds[] = {CP_REC_PRINT, CP_REC_PRINT_VALUE,
                                         CP_REC_TASK_CREATE, CP_REC_TASK_START,
                                         CP_REC_TASK_END};
    log->to = config->sink;
    log->own = (CpSink){take, log};
    config->sink = &log->own;
    if (log->to == NULL) {
        config->filter.drop_kinds = ~UINT64_C(0);
        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
            config->filter.drop_kinds &= ~(UINT64_C(1) << kinds[i]);
        }
    }
    if (log->var != CP_NONE) {
        config->filter.drop_kinds &= ~(UINT64_C(1) << CP_REC_VAR);
    }
}

/* --- lines as text --- */

static void put_number(GString *out, char code, int decimals, int64_t value)
{
    if (value == CP_ITEM_NONE) {
        g_string_append(out, "None");
    } else if (code == 't' && decimals < 0) {
        g_autofree char *text = cp_format_amount(CP_DIM_TIME, value);
        g_string_append(out, text);
    } else if (decimals >= 0) {
        double unit = code == 't' ? 1e9 : 1;
        g_string_append_printf(out, "%.*f", decimals, (double)value / unit);
    } else {
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
    }
}

/* One value, or a list of them; how many were taken. */
static unsigned put_value(const CpRunLog *log, GString *out, char code, int decimals,
                          const Value *v, unsigned n)
{
    if (n == 0) {
        return 0;
    }
    if (v->what == CP_PRINT_EXCEPTION) {
        g_string_append(out, cp_workload_text(log->w, (uint32_t)v->value));
        return 1;
    }
    if (v->what == CP_PRINT_NUMBER) {
        put_number(out, code, decimals, v->value);
        return 1;
    }
    unsigned taken = 1;
    g_string_append_c(out, '[');
    for (int64_t i = 0; i < v->value && taken < n; i++) {
        g_string_append(out, i > 0 ? ", " : "");
        taken += put_value(log, out, 'd', decimals, v + taken, 1);
    }
    g_string_append_c(out, ']');
    return taken;
}

char *cp_run_log_text(const CpRunLog *log, const CpSim *sim, unsigned line)
{
    const CpLogEntry *entry = cp_run_log_line(log, line);
    const Value *v = &g_array_index(log->values, Value, entry->from);
    unsigned n = 0;
    GString *out = g_string_new(NULL);
    for (const char *p = cp_workload_text(log->w, entry->string); *p != '\0'; p++) {
        if ((*p == '{' || *p == '}') && p[1] == *p) {
            p++;
        } else if (*p == '{') {
            char code = p[1];
            int decimals = p[2] == '.' ? p[3] - '0' : -1;
            p = strchr(p, '}');
            if (code != '@') {
                n += put_value(log, out, code, decimals, v + n, entry->n - n);
            } else if (entry->tid != CP_NONE) {
                g_autofree char *name = cp_sim_thread_name(sim, entry->tid);
                g_string_append(out, name);
            }
            continue;
        }
        g_string_append_c(out, *p);
    }
    return g_string_free(out, FALSE);
}

/* --- what there is --- */

unsigned cp_run_log_n_lines(const CpRunLog *log)
{
    return log->lines->len;
}

const CpLogEntry *cp_run_log_line(const CpRunLog *log, unsigned line)
{
    cp_require(line < log->lines->len);
    return &g_array_index(log->lines, CpLogEntry, line);
}

uint64_t cp_run_log_more_lines(const CpRunLog *log)
{
    return log->more_lines;
}

unsigned cp_run_log_n_tasks(const CpRunLog *log)
{
    return log->tasks->len;
}

const CpLogTask *cp_run_log_task(const CpRunLog *log, unsigned task)
{
    cp_require(task < log->tasks->len);
    return &g_array_index(log->tasks, CpLogTask, task);
}

uint64_t cp_run_log_more_tasks(const CpRunLog *log)
{
    return log->more_tasks;
}

char *cp_run_log_task_name(const CpRunLog *log, int64_t label)
{
    uint32_t function = CP_RECORD_FUNCTION(label);
    uint32_t number = CP_RECORD_TASK_NUMBER(label);
    const char *name = function < log->w->tasks->len
                           ? cp_workload_text(log->w, cp_task_decl(log->w, function)->name)
                           : "?";
    return number > 0 ? g_strdup_printf("Task-%u %s", number, name) : g_strdup(name);
}

const char *cp_log_task_state(const CpLogTask *task)
{
    static const char *const ends[] = {"done", "cancelled", "failed"};
    if (task->ended != CP_NEVER) {
        return task->how < G_N_ELEMENTS(ends) ? ends[task->how] : "?";
    }
    return task->started != CP_NEVER ? "running" : "waiting";
}

uint32_t cp_run_log_var(const CpRunLog *log)
{
    return log->var;
}

unsigned cp_run_log_n_values(const CpRunLog *log)
{
    return log->history->len;
}

const CpLogEntry *cp_run_log_value(const CpRunLog *log, unsigned i)
{
    cp_require(i < log->history->len);
    return &g_array_index(log->history, CpLogEntry, i);
}

uint64_t cp_run_log_more_values(const CpRunLog *log)
{
    return log->more_values;
}
