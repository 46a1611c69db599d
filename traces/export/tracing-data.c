#include "traces/export/tracing-data.h"

#include "sim/assert.h"

#include <stdio.h>

/* Which fields an event has and where they stand. */

enum { COMM = 16, HEAD = 8, PAGE = 4096, IN_HARD_INTERRUPT = 8 };

typedef enum {
    FIELD_END,
    SUBJECT_COMM,
    SUBJECT_PID,
    SUBJECT_PRIO,
    OTHER_COMM,
    OTHER_PID,
    OTHER_PRIO,
    STATE,
    CPU2,
    VALUE32,
    VALUE64,
    TEXT,
    NOTHING,
} Source;

typedef struct {
    const char *type, *name; /* as C declares it, "[16]" of arrays in the name */
    uint8_t offset, size;
    bool is_signed;
    Source source;
} Field;

typedef struct {
    CpKernelKind kind;
    const char *system, *name;
    uint8_t size;
    Field fields[8];
    const char *print;
} Row;

#define COMM_AT(at, name, source)                                                          \
    {                                                                                      \
        "char", name "[16]", at, COMM, false, source                                       \
    }
#define INT_AT(at, name, source)                                                           \
    {                                                                                      \
        "int", name, at, 4, true, source                                                   \
    }
#define WAKE_FIELDS                                                                        \
    {                                                                                      \
        COMM_AT(8, "comm", SUBJECT_COMM), INT_AT(24, "pid", SUBJECT_PID),                  \
            INT_AT(28, "prio", SUBJECT_PRIO), INT_AT(32, "target_cpu", CPU2)               \
    }
#define WAKE_PRINT                                                                         \
    "\"comm=%s pid=%d prio=%d target_cpu=%03d\", REC->comm, REC->pid, REC->prio, "         \
    "REC->target_cpu"

static const Row rows[] = {
    {CP_KERNEL_SWITCH,
     "sched",
     "sched_switch",
     64,
     {COMM_AT(8, "prev_comm", SUBJECT_COMM),
      INT_AT(24, "prev_pid", SUBJECT_PID),
      INT_AT(28, "prev_prio", SUBJECT_PRIO),
      {"long", "prev_state", 32, 8, true, STATE},
      COMM_AT(40, "next_comm", OTHER_COMM),
      INT_AT(56, "next_pid", OTHER_PID),
      INT_AT(60, "next_prio", OTHER_PRIO)},
     "\"prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%s%s ==> next_comm=%s next_pid=%d "
     "next_prio=%d\", REC->prev_comm, REC->prev_pid, REC->prev_prio, "
     "(REC->prev_state & 0xff) ? __print_flags(REC->prev_state & 0xff, \"|\", {1, \"S\"}, "
     "{2, \"D\"}, {4, \"T\"}, {8, \"t\"}, {16, \"X\"}, {32, \"Z\"}, {64, \"P\"}, "
     "{128, \"I\"}) : \"R\", (REC->prev_state & 0x100) ? \"+\" : \"\", REC->next_comm, "
     "REC->next_pid, REC->next_prio"},
    {CP_KERNEL_WAKING, "sched", "sched_waking", 36, WAKE_FIELDS, WAKE_PRINT},
    {CP_KERNEL_WAKEUP, "sched", "sched_wakeup", 36, WAKE_FIELDS, WAKE_PRINT},
    {CP_KERNEL_WAKEUP_NEW, "sched", "sched_wakeup_new", 36, WAKE_FIELDS, WAKE_PRINT},
    {CP_KERNEL_MIGRATE,
     "sched",
     "sched_migrate_task",
     40,
     {COMM_AT(8, "comm", SUBJECT_COMM), INT_AT(24, "pid", SUBJECT_PID),
      INT_AT(28, "prio", SUBJECT_PRIO), INT_AT(32, "orig_cpu", VALUE32),
      INT_AT(36, "dest_cpu", CPU2)},
     "\"comm=%s pid=%d prio=%d orig_cpu=%d dest_cpu=%d\", REC->comm, REC->pid, REC->prio, "
     "REC->orig_cpu, REC->dest_cpu"},
    {CP_KERNEL_RUNTIME,
     "sched",
     "sched_stat_runtime",
     40,
     {COMM_AT(8, "comm", SUBJECT_COMM),
      INT_AT(24, "pid", SUBJECT_PID),
      {"u64", "runtime", 32, 8, false, VALUE64}},
     "\"comm=%s pid=%d runtime=%llu [ns]\", REC->comm, REC->pid, REC->runtime"},
    {CP_KERNEL_FORK,
     "sched",
     "sched_process_fork",
     48,
     {COMM_AT(8, "parent_comm", SUBJECT_COMM), INT_AT(24, "parent_pid", SUBJECT_PID),
      COMM_AT(28, "child_comm", OTHER_COMM), INT_AT(44, "child_pid", OTHER_PID)},
     "\"comm=%s pid=%d child_comm=%s child_pid=%d\", REC->parent_comm, REC->parent_pid, "
     "REC->child_comm, REC->child_pid"},
    {CP_KERNEL_EXIT,
     "sched",
     "sched_process_exit",
     36,
     {COMM_AT(8, "comm", SUBJECT_COMM), INT_AT(24, "pid", SUBJECT_PID),
      INT_AT(28, "prio", SUBJECT_PRIO), INT_AT(32, "group_dead", VALUE32)},
     "\"comm=%s pid=%d prio=%d group_dead=%s\", REC->comm, REC->pid, REC->prio, "
     "REC->group_dead ? \"true\" : \"false\""},
    {CP_KERNEL_PRIORITY,
     "sched",
     "sched_pi_setprio",
     36,
     {COMM_AT(8, "comm", SUBJECT_COMM), INT_AT(24, "pid", SUBJECT_PID),
      INT_AT(28, "oldprio", SUBJECT_PRIO), INT_AT(32, "newprio", VALUE32)},
     "\"comm=%s pid=%d oldprio=%d newprio=%d\", REC->comm, REC->pid, REC->oldprio, "
     "REC->newprio"},
    {CP_KERNEL_RENAME,
     "task",
     "task_rename",
     48,
     {INT_AT(8, "pid", SUBJECT_PID),
      COMM_AT(12, "oldcomm", SUBJECT_COMM),
      COMM_AT(28, "newcomm", TEXT),
      {"short", "oom_score_adj", 44, 2, true, NOTHING}},
     "\"pid=%d oldcomm=%s newcomm=%s oom_score_adj=%hd\", REC->pid, REC->oldcomm, "
     "REC->newcomm, REC->oom_score_adj"},
    {CP_KERNEL_GIL_ASK, "gil", "take_enter", HEAD, {{0}}, "\"()\""},
    {CP_KERNEL_GIL_GOT, "gil", "take_return", HEAD, {{0}}, "\"()\""},
    {CP_KERNEL_GIL_DROP, "gil", "drop_enter", HEAD, {{0}}, "\"()\""},
};

int cp_tracing_row(CpKernelKind kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind == kind) {
            return (int)i;
        }
    }
    return -1;
}

unsigned cp_tracing_n_rows(void)
{
    return G_N_ELEMENTS(rows);
}

static void put32(uint8_t *at, uint32_t value)
{
    uint32_t v = GUINT32_TO_LE(value);
    memcpy(at, &v, sizeof v);
}

static void put64(uint8_t *at, uint64_t value)
{
    uint64_t v = GUINT64_TO_LE(value);
    memcpy(at, &v, sizeof v);
}

static void put_comm(uint8_t *at, const CpKernelTask *t, uint32_t cpu)
{
    if (t->thread == CP_NONE) {
        char name[2 * COMM];
        snprintf(name, sizeof name, "swapper/%u", cpu);
        memcpy(at, name, MIN(strlen(name), COMM - 1));
        return;
    }
    memcpy(at, t->comm, MIN(strlen(t->comm), COMM - 1));
}

static void put_field(uint8_t *at, const CpKernelEvent *e, Source source)
{
    switch (source) {
    case SUBJECT_COMM:
        put_comm(at, &e->subject, e->cpu);
        return;
    case OTHER_COMM:
        put_comm(at, &e->other, e->cpu);
        return;
    case SUBJECT_PID:
        put32(at, (uint32_t)e->subject.pid);
        return;
    case OTHER_PID:
        put32(at, (uint32_t)e->other.pid);
        return;
    case SUBJECT_PRIO:
        put32(at, (uint32_t)e->subject.prio);
        return;
    case OTHER_PRIO:
        put32(at, (uint32_t)e->other.prio);
        return;
    case STATE:
        put64(at, (uint64_t)cp_kernel_state_number(e->state));
        return;
    case CPU2:
        put32(at, e->cpu2);
        return;
    case VALUE32:
        put32(at, (uint32_t)e->value);
        return;
    case VALUE64:
        put64(at, (uint64_t)e->value);
        return;
    case TEXT:
        memcpy(at, e->text, MIN(strlen(e->text), COMM - 1));
        return;
    case NOTHING:
    case FIELD_END:
        break;
    }
}

size_t cp_tracing_event(const CpKernelEvent *e, int row, uint8_t *bytes)
{
    cp_require(row >= 0 && row < (int)G_N_ELEMENTS(rows));
    const Row *r = &rows[row];
    memset(bytes, 0, r->size);
    bytes[0] = (uint8_t)(CP_TRACING_FIRST_ID + row);
    bytes[2] = e->irq ? IN_HARD_INTERRUPT : 0;
    put32(bytes + 4, (uint32_t)e->current.pid);
    for (const Field *f = r->fields; f->source != FIELD_END; f++) {
        put_field(bytes + f->offset, e, f->source);
    }
    return r->size;
}

/* --- the description --- */

void cp_tracing_u16(GByteArray *out, uint16_t value)
{
    uint16_t v = GUINT16_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&v, sizeof v);
}

void cp_tracing_u32(GByteArray *out, uint32_t value)
{
    uint32_t v = GUINT32_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&v, sizeof v);
}

void cp_tracing_u64(GByteArray *out, uint64_t value)
{
    uint64_t v = GUINT64_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&v, sizeof v);
}

/* With the zero that ends it. */
static void put_string(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const uint8_t *)text, (guint)strlen(text) + 1);
}

static void put_counted(GByteArray *out, GString *text)
{
    cp_tracing_u64(out, text->len);
    g_byte_array_append(out, (const uint8_t *)text->str, (guint)text->len);
    g_string_truncate(text, 0);
}

static void add_field(GString *text, const char *type, const char *name, unsigned offset,
                      unsigned size, bool is_signed)
{
    g_string_append_printf(text, "\tfield:%s %s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", type,
                           name, offset, size, is_signed);
}

static void add_format(GString *text, size_t row)
{
    const Row *r = &rows[row];
    g_string_append_printf(text, "name: %s\nID: %zu\nformat:\n", r->name,
                           CP_TRACING_FIRST_ID + row);
    add_field(text, "unsigned short", "common_type", 0, 2, false);
    add_field(text, "unsigned char", "common_flags", 2, 1, false);
    add_field(text, "unsigned char", "common_preempt_count", 3, 1, false);
    add_field(text, "int", "common_pid", 4, 4, true);
    g_string_append_c(text, '\n');
    for (const Field *f = r->fields; f->source != FIELD_END; f++) {
        add_field(text, f->type, f->name, f->offset, f->size, f->is_signed);
    }
    g_string_append_printf(text, "\nprint fmt: %s\n", r->print);
}

/* How the pages of a trace.dat are laid out; perf reads it and needs none. */
static void add_pages(GByteArray *out, GString *text)
{
    put_string(out, "header_page");
    add_field(text, "u64", "timestamp", 0, 8, false);
    add_field(text, "local_t", "commit", 8, 8, true);
    add_field(text, "int", "overwrite", 8, 1, true);
    add_field(text, "char", "data", 16, PAGE - 16, true);
    put_counted(out, text);
    put_string(out, "header_event");
    g_string_append(text, "# compressed entry header\n"
                          "\ttype_len    :    5 bits\n"
                          "\ttime_delta  :   27 bits\n"
                          "\tarray       :   32 bits\n"
                          "\n"
                          "\tpadding     : type == 29\n"
                          "\ttime_extend : type == 30\n"
                          "\ttime_stamp : type == 31\n"
                          "\tdata max type_len  == 28\n");
    put_counted(out, text);
}

static void add_systems(GByteArray *out, GString *text)
{
    static const char *const systems[] = {"sched", "task", "gil"};
    cp_tracing_u32(out, G_N_ELEMENTS(systems));
    for (size_t s = 0; s < G_N_ELEMENTS(systems); s++) {
        uint32_t n = 0;
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
            n += strcmp(rows[i].system, systems[s]) == 0;
        }
        put_string(out, systems[s]);
        cp_tracing_u32(out, n);
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
            if (strcmp(rows[i].system, systems[s]) == 0) {
                add_format(text, i);
                put_counted(out, text);
            }
        }
    }
}

void cp_tracing_describe(GByteArray *out, const char *version, const CpKernelTasks *tasks)
{
    static const uint8_t magic[] = {0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g'};
    static const uint8_t little_endian_long_8[] = {0, 8};
    g_autoptr(GString) text = g_string_new(NULL);
    g_byte_array_append(out, magic, sizeof magic);
    put_string(out, version);
    g_byte_array_append(out, little_endian_long_8, sizeof little_endian_long_8);
    cp_tracing_u32(out, PAGE);
    add_pages(out, text);
    cp_tracing_u32(out, 0); /* formats of the tracer's own events */
    add_systems(out, text);
    cp_tracing_u32(out, 0); /* symbols of the kernel */
    cp_tracing_u32(out, 0); /* its format strings */
    for (uint32_t i = 0; i < tasks->n; i++) {
        g_string_append_printf(text, "%d %s\n", tasks->tasks[i].pid, tasks->tasks[i].comm);
    }
    put_counted(out, text);
}
