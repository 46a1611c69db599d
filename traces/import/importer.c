#include "traces/import/importer.h"

#include "sim/error.h"
#include "lang/diag.h"

#include <string.h>

/* What a foreign trace contradicts itself about, and how that is repaired. */

enum {
    WINDOW = 1 << 15,  /* events that wait for earlier ones */
    PENDING = 1 << 13, /* records that wait for reconstructed ones to be put before them */
    NAME_MAX_BYTES = 255,
    SOME_HEADS = 32, /* switches before we judge whether heads of lines tell who runs */
};

/* Half of what the time of a record can hold. */
#define LEAP (INT64_MAX >> 10)

#define IDLE    CP_NONE
#define UNKNOWN (CP_NONE - 1)

/* An event with pids turned into thread ids; small, because many wait at once. */
typedef struct {
    CpTime time;
    int64_t value;
    uint32_t id, id2; /* subject, other */
    uint32_t current; /* thread, IDLE or UNKNOWN */
    uint16_t cpu, cpu2;
    uint16_t state;
    uint8_t kind; /* CpTraceKind */
    bool irq;     /* in an interrupt */
} Event;

typedef struct {
    const char *name;
    int32_t pid, tgid;
    int32_t prio;       /* latest */
    int32_t first_prio; /* at first sight, or when the part to keep begins */
    uint32_t gil;       /* index + 1 of its process's lock; 0: none yet */
    CpTime wake_time;   /* last wake-up; INT64_MIN: none */
    CpTime gone;        /* when it left its CPU for ever; INT64_MAX: not yet */
    CpTime asked, got;  /* of the interpreter's lock */
    uint16_t wake_cpu;
    uint8_t name_len;
    bool exited, kernel, guessed; /* guessed: the name is a head's, not a payload's */
} Thread;

typedef struct {
    uint32_t current; /* thread, IDLE or UNKNOWN */
    CpTime since;     /* when it came */
    CpTime seen;      /* last event that agreed */
    bool any_switch;
    uint32_t last_next; /* of the last switch in the trace */
    uint32_t doubt;     /* who runs according to heads of lines; UNKNOWN: no doubt */
    uint32_t n_doubts;  /* lines that said so */
    CpTime doubt_start;
    Event last; /* for finding duplicates */
} Cpu;

struct CpImporter {
    CpImportOptions options;
    CpImportReport *report;
    CpImportOrder order;
    CpCprWriter *writer;
    GStringChunk *names;
    GArray *threads; /* Thread */
    uint32_t *map;   /* open addressing: thread + 1, 0 = free; by pid */
    uint32_t map_size, map_used;
    GHashTable *gils; /* tgid -> index + 1 */
    GArray *waiting;  /* Event, in order of time */
    CpTime first;     /* time pushed first */
    CpTime newest;    /* latest time pushed; INT64_MIN: none yet */
    CpTime followed;  /* time of the last event that left the window */
    bool disordered;
    CpRecord *pending;
    size_t n_pending;
    GArray *cpus;          /* Cpu */
    bool begun;            /* base is known */
    bool window_open;      /* the part to keep has begun */
    bool past;             /* and ended */
    CpTime base, from, to; /* source's clock */
    uint64_t heads_right, heads_wrong;
    uint64_t reconstructed; /* records of ours */
};

/* --- threads --- */

static uint32_t map_slot(const CpImporter *im, int32_t pid)
{
    uint32_t i = (uint32_t)pid * 0x9e3779b1u >> 7 & (im->map_size - 1);
    while (im->map[i] != 0 &&
           g_array_index(im->threads, Thread, im->map[i] - 1).pid != pid) {
        i = (i + 1) & (im->map_size - 1);
    }
    return i;
}

static void map_grow(CpImporter *im)
{
    uint32_t *old = im->map, old_size = im->map_size;
    im->map_size *= 2;
    im->map = g_new0(uint32_t, im->map_size);
    for (uint32_t i = 0; i < old_size; i++) {
        if (old[i] != 0) {
            im->map[map_slot(im, g_array_index(im->threads, Thread, old[i] - 1).pid)] =
                old[i];
        }
    }
    g_free(old);
}

/* A new thread takes over the pid from one that ended. */
static uint32_t thread_add(CpImporter *im, int32_t pid)
{
    if (im->map_used * 2 >= im->map_size) {
        map_grow(im);
    }
    Thread t = {.name = "",
                .pid = pid,
                .tgid = -1,
                .prio = CP_PRIO_UNKNOWN,
                .wake_time = INT64_MIN,
                .gone = INT64_MAX};
    uint32_t slot = map_slot(im, pid);
    im->map_used += im->map[slot] == 0;
    g_array_append_val(im->threads, t);
    im->map[slot] = im->threads->len;
    return im->threads->len - 1;
}

/* The thread that had the pid at that time.  A pid that is seen again after its thread left
 * its CPU for ever is another thread's, also where no fork told of it, as in recordings
 * that were joined. */
static uint32_t thread_of(CpImporter *im, int32_t pid, CpTime time)
{
    uint32_t found = im->map[map_slot(im, pid)];
    bool is_its = found != 0 && time <= g_array_index(im->threads, Thread, found - 1).gone;
    return is_its ? found - 1 : thread_add(im, pid);
}

static Thread *thread_at(CpImporter *im, uint32_t id)
{
    return &g_array_index(im->threads, Thread, id);
}

static bool is_placeholder(CpSpan name)
{
    return name.len == 0 || (name.text[0] == '<' && name.text[name.len - 1] == '>') ||
           (name.text[0] == ':' && name.len > 1 &&
            (name.text[1] == '-' || g_ascii_isdigit(name.text[1])));
}

static bool same_name(const Thread *t, CpSpan span)
{
    uint32_t len = MIN(span.len, NAME_MAX_BYTES);
    return t->name_len == len && (len == 0 || memcmp(t->name, span.text, len) == 0);
}

/* Threads of the kernel are known by their names, for want of anything better. */
static bool kernel_name(const char *name)
{
    static const char *const prefixes[] = {
        "kworker/",  "ksoftirqd/", "migration/", "rcu_",      "rcuo",      "rcub/",
        "kthreadd",  "kswapd",     "cpuhp/",     "watchdog/", "jbd2/",     "irq/",
        "kcompactd", "khugepaged", "kblockd",    "kauditd",   "oom_reaper"};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(name, prefixes[i])) {
            return true;
        }
    }
    return false;
}

static void set_name(CpImporter *im, Thread *t, CpSpan name, bool guessed)
{
    t->name = g_string_chunk_insert_len(im->names, name.text,
                                        (gssize)MIN(name.len, NAME_MAX_BYTES));
    t->name_len = (uint8_t)MIN(name.len, NAME_MAX_BYTES);
    t->guessed = guessed;
    t->kernel |= kernel_name(t->name);
}

/* --- putting events in order --- */

static gboolean follow(CpImporter *im, const Event *e, GError **error);

static gboolean follow_first(CpImporter *im, guint n, GError **error)
{
    for (guint i = 0; i < n; i++) {
        if (!follow(im, &g_array_index(im->waiting, Event, i), error)) {
            return FALSE;
        }
    }
    if (n > 0) {
        im->followed = g_array_index(im->waiting, Event, n - 1).time;
        g_array_remove_range(im->waiting, 0, n);
    }
    return TRUE;
}

/* Behind all events that are not later: file order among equal times. */
static void insert_earlier(CpImporter *im, Event e)
{
    if (e.time < im->followed) {
        im->disordered = true;
        im->report->late++;
        e.time = im->followed;
    }
    guint at = im->waiting->len;
    while (at > 0 && g_array_index(im->waiting, Event, at - 1).time > e.time) {
        at--;
    }
    g_array_insert_val(im->waiting, at, e);
}

static gboolean enqueue(CpImporter *im, Event e, GError **error)
{
    if (G_LIKELY(e.time >= im->newest)) {
        im->newest = e.time;
        g_array_append_val(im->waiting, e);
    } else {
        if (im->order == CP_ORDER_ALL) {
            g_array_append_val(im->waiting, e);
        } else {
            insert_earlier(im, e);
        }
    }
    return im->order == CP_ORDER_ALL || im->waiting->len < 2 * WINDOW ||
           follow_first(im, WINDOW, error);
}

static gint by_time(gconstpointer a, gconstpointer b)
{
    CpTime x = ((const Event *)a)->time, y = ((const Event *)b)->time;
    return (x > y) - (x < y);
}

/* --- events as they are read --- */

/* What the event says of a thread beside what happened: its name, its priority. */
static gboolean note_task(CpImporter *im, const CpTraceEvent *e, const CpTraceTask *task,
                          uint32_t *id, GError **error)
{
    if (task->pid <= 0) {
        *id = task->pid == 0 ? IDLE : UNKNOWN;
        return TRUE;
    }
    *id = thread_of(im, task->pid, e->time);
    Thread *t = thread_at(im, *id);
    Event note = {.time = e->time, .id = *id, .cpu = (uint16_t)e->cpu, .current = UNKNOWN};
    if (!same_name(t, task->comm) && !is_placeholder(task->comm)) {
        bool rename = t->name[0] != 0 && !t->guessed;
        set_name(im, t, task->comm, false);
        if (rename) {
            note.kind = CP_TRACE_RENAME;
            note.value = (int64_t)cp_cpr_string(im->writer, t->name);
            if (!enqueue(im, note, error)) {
                return FALSE;
            }
        }
    }
    if (task->prio != t->prio && task->prio != CP_PRIO_UNKNOWN) {
        bool change = t->prio != CP_PRIO_UNKNOWN;
        t->prio = task->prio;
        t->first_prio = change ? t->first_prio : task->prio;
        note.kind = CP_TRACE_PRIORITY;
        note.value = task->prio;
        if (change && !enqueue(im, note, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The head's name is what the tool knew at that moment, maybe a later or a longer one: good
 * only while nothing better is known. */
static uint32_t note_current(CpImporter *im, const CpTraceEvent *e)
{
    if (e->current.pid <= 0) {
        return e->current.pid == 0 ? IDLE : UNKNOWN;
    }
    uint32_t id = thread_of(im, e->current.pid, e->time);
    Thread *t = thread_at(im, id);
    if (t->name[0] == 0 && !is_placeholder(e->current.comm)) {
        set_name(im, t, e->current.comm, true);
    }
    if (e->tgid > 0) {
        t->tgid = e->tgid;
    }
    return id;
}

/* A child with the pid of a thread that ended is another thread. */
static void fresh_child(CpImporter *im, const CpTraceEvent *e)
{
    if (e->other.pid > 0) {
        uint32_t found = im->map[map_slot(im, e->other.pid)];
        if (found == 0 || thread_at(im, found - 1)->exited) {
            thread_add(im, e->other.pid);
        }
    }
}

/* The last switch of a thread says that it is dead; after its exit event it may still wait
 * for a while. */
static void note_gone(CpImporter *im, const Event *e)
{
    char letter = CP_SWITCH_STATE(e->state);
    if (e->kind == CP_TRACE_SWITCH && e->id < UNKNOWN && (letter == 'X' || letter == 'Z')) {
        thread_at(im, e->id)->gone = e->time;
    }
}

gboolean cp_importer_push(CpImporter *im, const CpTraceEvent *e, GError **error)
{
    CpImportReport *r = im->report;
    if (e->kind == CP_TRACE_LOST) {
        Event lost = {.time = im->newest,
                      .value = e->value,
                      .kind = CP_TRACE_LOST,
                      .cpu = (uint16_t)e->cpu,
                      .current = UNKNOWN};
        r->lost += (uint64_t)e->value;
        return im->newest == INT64_MIN || enqueue(im, lost, error);
    }
    if (e->cpu == CP_NONE) {
        r->no_cpu++;
        r->other++;
        return TRUE;
    }
    im->first = im->newest == INT64_MIN ? e->time : im->first;
    if (e->time - im->first > LEAP || im->first - e->time > LEAP) {
        r->leaps++;
        return TRUE;
    }
    r->unsorted += e->time < im->newest;
    r->events += e->kind != CP_TRACE_OTHER;
    r->other += e->kind == CP_TRACE_OTHER;
    Event event = {.time = e->time,
                   .value = e->value,
                   .id = UNKNOWN,
                   .id2 = UNKNOWN,
                   .cpu = (uint16_t)e->cpu,
                   .cpu2 = (uint16_t)e->cpu2,
                   .state = (uint16_t)e->state,
                   .kind = (uint8_t)e->kind,
                   .irq = e->irq};
    event.current = note_current(im, e);
    if (e->kind == CP_TRACE_OTHER) {
        return enqueue(im, event, error);
    }
    if (e->kind == CP_TRACE_FORK) {
        fresh_child(im, e);
    }
    if (!note_task(im, e, &e->subject, &event.id, error)) {
        return FALSE;
    }
    if (e->kind == CP_TRACE_RENAME) {
        return TRUE; /* the new name was noted like any other */
    }
    if (e->kind == CP_TRACE_SWITCH || e->kind == CP_TRACE_FORK) {
        if (!note_task(im, e, &e->other, &event.id2, error)) {
            return FALSE;
        }
    } else if (e->kind == CP_TRACE_EXEC) {
        g_autofree char *file = g_strndup(e->other.comm.text, e->other.comm.len);
        event.value = (int64_t)cp_cpr_string(im->writer, file);
    } else if (e->kind == CP_TRACE_EXIT && event.id < UNKNOWN) {
        thread_at(im, event.id)->exited = true;
    }
    note_gone(im, &event);
    return enqueue(im, event, error);
}

/* --- records --- */

static gboolean flush(CpImporter *im, size_t n, GError **error)
{
    while (n > 0 && n < im->n_pending && cp_record_kind(&im->pending[n]) == CP_REC_MORE) {
        n--;
    }
    if (!cp_cpr_write(im->writer, im->pending, n, error)) {
        return FALSE;
    }
    im->n_pending -= n;
    memmove(im->pending, im->pending + n, im->n_pending * sizeof *im->pending);
    return TRUE;
}

/* There is always room for what one event can cause. */
static gboolean make_room(CpImporter *im, GError **error)
{
    return im->n_pending < 2 * PENDING - 2 * CP_CPUS_MAX || flush(im, PENDING, error);
}

static CpTime own_time(const CpImporter *im, CpTime time)
{
    return MAX(time - im->from, 0);
}

static void put(CpImporter *im, CpTime time, CpRecordKind kind, uint32_t id, uint32_t cpu,
                uint32_t arg)
{
    if (im->window_open) {
        im->pending[im->n_pending++] =
            cp_record_make(own_time(im, time), kind, id, cpu, arg);
    }
}

static void put_more(CpImporter *im, CpTime time, CpRecord head, uint32_t id2,
                     int64_t value)
{
    if (im->window_open) {
        put(im, time, cp_record_kind(&head), head.id, head.cpu, head.arg);
        im->pending[im->n_pending++] = cp_record_make(value, CP_REC_MORE, id2, head.cpu, 0);
    }
}

/* A switch that the trace lacks, at an earlier moment: behind all records that are not
 * later, as far back as records are still here. */
static void put_missing(CpImporter *im, CpTime time, uint32_t id, uint32_t cpu)
{
    im->reconstructed++;
    if (!im->window_open) {
        return;
    }
    CpTime own = own_time(im, time);
    size_t at = im->n_pending;
    for (size_t i = im->n_pending; i-- > 0;) {
        if (cp_record_kind(&im->pending[i]) == CP_REC_MORE) {
            continue;
        }
        if (cp_record_time(&im->pending[i]) <= own) {
            break;
        }
        at = i;
    }
    if (at == 0 && im->n_pending > 0) {
        own = cp_record_time(&im->pending[0]); /* older ones are written already */
    }
    memmove(im->pending + at + 1, im->pending + at,
            (im->n_pending - at) * sizeof *im->pending);
    im->pending[at] =
        cp_record_make(own, CP_REC_SWITCH, id, cpu, '?' | CP_SWITCH_RECONSTRUCTED);
    im->n_pending++;
}

/* --- following the CPUs --- */

static Cpu *cpu_at(CpImporter *im, uint32_t cpu)
{
    for (uint32_t n = im->cpus->len; n <= cpu; n++) {
        Cpu c = {.current = UNKNOWN, .doubt = UNKNOWN};
        CpImportCpu row = {0};
        g_array_append_val(im->cpus, c);
        g_array_append_val(im->report->cpus, row);
    }
    return &g_array_index(im->cpus, Cpu, cpu);
}

static CpImportCpu *row_at(CpImporter *im, uint32_t cpu)
{
    return &g_array_index(im->report->cpus, CpImportCpu, cpu);
}

/* When `id` began to run on a CPU where somebody else was seen last: its run-time report
 * says it, else its wake-up, else nothing does and it is now. */
static CpTime start_of(CpImporter *im, const Cpu *c, const Event *e, uint32_t id)
{
    CpTime start = e->time;
    if (id != IDLE) {
        const Thread *t = thread_at(im, id);
        if (e->kind == CP_TRACE_RUNTIME && e->id == id) {
            start = e->time - e->value;
        } else if (t->wake_cpu == e->cpu && t->wake_time >= c->seen) {
            start = t->wake_time;
        }
    } else {
        start = c->seen;
    }
    return CLAMP(start, c->seen, e->time);
}

/* Somebody else runs here than we thought: a switch is missing. */
static void missing_switch(CpImporter *im, Cpu *c, uint32_t cpu, uint32_t id, CpTime start,
                           CpTime now)
{
    if (c->current == IDLE) {
        im->report->missing_idle++;
    } else {
        im->report->mismatches++;
        row_at(im, cpu)->mismatches++;
        CpRecord gap = cp_record_make(0, CP_REC_GAP, 0, cpu, 1);
        put_more(im, now, gap, 0, now - c->seen);
    }
    put_missing(im, start, id, cpu);
    c->current = id;
    c->since = start;
}

/* Heads of lines name another thread in some traces (perf script without the tid column);
 * then they say nothing. */
static bool heads_are_good(const CpImporter *im)
{
    return im->heads_wrong <= SOME_HEADS / 4 || im->heads_right > 9 * im->heads_wrong;
}

/* The head of a line contradicts what we think: remembered until the next switch, which
 * shows who is right. */
static void doubt(CpImporter *im, Cpu *c, const Event *e, uint32_t id)
{
    if (c->doubt != id) {
        c->doubt = id;
        c->doubt_start = start_of(im, c, e, id);
        c->n_doubts = 0;
    }
    c->n_doubts++;
}

static void first_sight(CpImporter *im, Cpu *c, const Event *e, uint32_t id)
{
    put(im, e->time, CP_REC_SWITCH, id, e->cpu, '?' | CP_SWITCH_RECONSTRUCTED);
    c->current = id;
    c->since = c->seen = e->time;
}

/* A switch says for certain who ran. */
static void check_switch(CpImporter *im, Cpu *c, const Event *e)
{
    im->heads_right += e->current == e->id;
    im->heads_wrong += e->current != e->id && e->current != UNKNOWN;
    if (e->id == UNKNOWN) {
        return;
    }
    if (c->current == UNKNOWN) {
        first_sight(im, c, e, e->id);
    } else if (c->current != e->id) {
        CpTime start = c->doubt == e->id ? c->doubt_start : start_of(im, c, e, e->id);
        missing_switch(im, c, e->cpu, e->id, start, e->time);
    }
    c->doubt = UNKNOWN;
}

static void check_current(CpImporter *im, Cpu *c, const Event *e)
{
    if (e->current == UNKNOWN || !heads_are_good(im)) {
        return;
    }
    if (c->current == UNKNOWN) {
        first_sight(im, c, e, e->current);
    } else if (c->current != e->current) {
        doubt(im, c, e, e->current);
    } else {
        c->doubt = UNKNOWN;
        c->seen = e->time;
    }
}

/* At the end no switch will come; two lines that agree are believed. */
static void settle_doubts(CpImporter *im)
{
    for (guint i = 0; i < im->cpus->len; i++) {
        Cpu *c = &g_array_index(im->cpus, Cpu, i);
        if (c->doubt != UNKNOWN && c->n_doubts > 1) {
            missing_switch(im, c, i, c->doubt, c->doubt_start, im->report->last);
        }
    }
}

static void follow_switch(CpImporter *im, Cpu *c, const Event *e)
{
    CpImportCpu *row = row_at(im, e->cpu);
    im->report->switches++;
    im->report->marked += (e->state & CP_SWITCH_RECONSTRUCTED) != 0;
    if (row->switches++ == 0) {
        row->first = e->time;
    } else {
        *(c->last_next == IDLE ? &row->idle : &row->busy) += e->time - row->last;
    }
    row->last = e->time;
    c->last_next = e->id2;
    if (e->id < UNKNOWN && CP_SWITCH_STATE(e->state) == 'I') {
        thread_at(im, e->id)->kernel = true;
    }
    put(im, e->time, CP_REC_SWITCH, e->id2, e->cpu, e->state);
    c->current = e->id2;
    c->since = c->seen = e->time;
}

static void follow_wake(CpImporter *im, const Event *e)
{
    CpImportReport *r = im->report;
    uint32_t target = e->cpu2 == CP_RECORD_NO_CPU ? e->cpu : e->cpu2;
    Thread *t = thread_at(im, e->id);
    cpu_at(im, target);
    t->wake_time = e->time;
    t->wake_cpu = (uint16_t)target;
    if (e->kind == CP_TRACE_WAKING) {
        r->wakings++;
        /* Sent by an interrupt: it is not the running thread's doing. */
        put(im, e->time, CP_REC_WAKING, e->id, e->cpu,
            target | (e->irq ? CP_WAKING_IRQ : 0));
        return;
    }
    r->wakeups++;
    uint32_t cause =
        e->current == IDLE || e->current == UNKNOWN ? CP_WAKE_OUTSIDE : CP_WAKE_THREAD;
    uint32_t author = target == e->cpu ? 0 : e->cpu + 1u;
    put(im, e->time, e->kind == CP_TRACE_WAKEUP ? CP_REC_WAKEUP : CP_REC_WAKEUP_NEW, e->id,
        target, cause | author << CP_WAKEUP_AUTHOR_SHIFT);
}

/* Index of the lock of the thread's interpreter: one for each process. */
static uint32_t gil_of(CpImporter *im, Thread *t)
{
    if (t->gil == 0) {
        void *process = GINT_TO_POINTER(t->tgid > 0 ? t->tgid : 0);
        t->gil = GPOINTER_TO_UINT(g_hash_table_lookup(im->gils, process));
        if (t->gil == 0) {
            t->gil = g_hash_table_size(im->gils) + 1;
            g_hash_table_insert(im->gils, process, GUINT_TO_POINTER(t->gil));
            g_autofree char *name =
                t->tgid > 0 ? g_strdup_printf("GIL of %d", t->tgid) : g_strdup("GIL");
            cp_cpr_name(im->writer, CP_REC_GIL_GOT, t->gil - 1,
                        cp_cpr_string(im->writer, name));
        }
    }
    return t->gil - 1;
}

static void follow_gil(CpImporter *im, const Event *e)
{
    Thread *t = thread_at(im, e->id);
    CpRecordKind kind = CP_REC_GIL_ASK;
    int64_t value = 0;
    if (e->kind == CP_TRACE_GIL_ASK) {
        t->asked = e->time;
    } else if (e->kind == CP_TRACE_GIL_GOT) {
        kind = CP_REC_GIL_GOT;
        value = t->asked ? e->time - t->asked : 0;
        t->got = e->time;
    } else {
        kind = CP_REC_GIL_DROP;
        value = t->got ? e->time - t->got : 0;
    }
    put_more(im, e->time, cp_record_make(0, kind, gil_of(im, t), e->cpu, 0), e->id, value);
}

/* Kinds that are a head and its continuation, or a plain record. */
static void follow_rest(CpImporter *im, const Event *e)
{
    CpImportReport *r = im->report;
    CpRecord head = cp_record_make(0, CP_REC_MORE, e->id, e->cpu, 0);
    switch ((CpTraceKind)e->kind) {
    case CP_TRACE_MIGRATE:
        r->migrations++;
        cpu_at(im, (uint32_t)MAX(e->value, e->cpu2));
        put(im, e->time, CP_REC_MIGRATE, e->id, (uint32_t)e->value, e->cpu2);
        return;
    case CP_TRACE_EXIT:
        r->exits++;
        put(im, e->time, CP_REC_EXIT, e->id, e->cpu, (uint32_t)e->value);
        return;
    case CP_TRACE_FORK:
        if (e->id2 < UNKNOWN) {
            r->forks++;
            head = cp_record_make(0, CP_REC_FORK, e->id2, e->cpu, 0);
            put_more(im, e->time, head, e->id, 0);
        }
        return;
    case CP_TRACE_EXEC:
        head.at = CP_REC_EXEC;
        put_more(im, e->time, head, (uint32_t)e->value, 0);
        return;
    case CP_TRACE_RENAME:
        r->renames++;
        head.at = CP_REC_RENAME;
        put_more(im, e->time, head, (uint32_t)e->value, 0);
        return;
    case CP_TRACE_RUNTIME:
        head.at = CP_REC_RUNTIME;
        put_more(im, e->time, head, CP_NONE, e->value);
        return;
    case CP_TRACE_PRIORITY:
        head.at = CP_REC_PRIORITY;
        if (!im->window_open && !im->past) {
            thread_at(im, e->id)->first_prio = (int32_t)e->value;
        }
        put_more(im, e->time, head, CP_NONE, e->value);
        return;
    default:
        return;
    }
}

static void follow_lost(CpImporter *im, const Event *e)
{
    if (e->cpu != CP_RECORD_NO_CPU) {
        cpu_at(im, e->cpu);
        row_at(im, e->cpu)->lost += (uint64_t)e->value;
    }
    put_more(im, e->time, cp_record_make(0, CP_REC_GAP, 0, e->cpu, 0), (uint32_t)e->value,
             0);
}

/* --- the part to keep --- */

static void begin(CpImporter *im, const Event *e)
{
    const CpImportOptions *o = &im->options;
    im->begun = true;
    im->base = e->time;
    im->report->first = e->time;
    im->from = MAX(o->source_clock ? o->from : e->time + o->from, e->time);
    im->to = o->to == 0 ? INT64_MAX : o->source_clock ? o->to : e->time + o->to;
}

/* The recording begins with who runs where. */
static void open_window(CpImporter *im)
{
    im->window_open = true;
    for (guint i = 0; i < im->cpus->len; i++) {
        const Cpu *c = &g_array_index(im->cpus, Cpu, i);
        if (c->current != UNKNOWN) {
            put(im, im->from, CP_REC_SWITCH, c->current, i, '?' | CP_SWITCH_RECONSTRUCTED);
        }
    }
}

/* The same event twice in a row on a CPU.  Run-time reports and probes may repeat within a
 * microsecond; switches, wake-ups and the like cannot. */
static bool is_duplicate(const Cpu *c, const Event *e)
{
    return e->kind != CP_TRACE_OTHER && e->kind < CP_TRACE_RUNTIME &&
           e->time == c->last.time && e->kind == c->last.kind && e->id == c->last.id &&
           e->id2 == c->last.id2 && e->value == c->last.value &&
           e->current == c->last.current && e->cpu2 == c->last.cpu2 &&
           e->state == c->last.state;
}

static gboolean follow(CpImporter *im, const Event *e, GError **error)
{
    if (!im->begun) {
        begin(im, e);
    }
    im->report->last = e->time;
    if (!make_room(im, error)) {
        return FALSE;
    }
    if (!im->window_open && !im->past && e->time >= im->from) {
        open_window(im);
    }
    if (e->time > im->to) {
        im->past = true;
        im->window_open = false;
    }
    if (e->kind == CP_TRACE_LOST) {
        follow_lost(im, e);
        return TRUE;
    }
    Cpu *c = cpu_at(im, e->cpu);
    if (is_duplicate(c, e)) {
        im->report->duplicates++;
        return TRUE;
    }
    c->last = *e;
    if (e->kind == CP_TRACE_SWITCH) {
        check_switch(im, c, e);
    } else {
        check_current(im, c, e);
    }
    if (e->kind == CP_TRACE_SWITCH && e->id2 != UNKNOWN) {
        follow_switch(im, c, e);
    } else if (e->kind == CP_TRACE_OTHER || e->id >= UNKNOWN) {
        return TRUE;
    } else if (e->kind >= CP_TRACE_WAKING && e->kind <= CP_TRACE_WAKEUP_NEW) {
        follow_wake(im, e);
    } else if (e->kind >= CP_TRACE_GIL_ASK && e->kind <= CP_TRACE_GIL_DROP) {
        follow_gil(im, e);
    } else {
        follow_rest(im, e);
    }
    return TRUE;
}

/* --- life --- */

CpImporter *cp_importer_new(const char *out_path, CpImportOrder order,
                            const CpImportOptions *options, CpImportReport *report,
                            GError **error)
{
    CpCprWriter *writer = cp_cpr_writer_new(out_path, error);
    if (writer == NULL) {
        return NULL;
    }
    CpImporter *im = g_new0(CpImporter, 1);
    im->options = *options;
    im->report = report;
    im->order = order;
    im->writer = writer;
    im->names = g_string_chunk_new(4096);
    im->threads = g_array_new(FALSE, FALSE, sizeof(Thread));
    im->map_size = 1024;
    im->map = g_new0(uint32_t, im->map_size);
    im->gils = g_hash_table_new(NULL, NULL);
    im->waiting = g_array_sized_new(FALSE, FALSE, sizeof(Event), 2 * WINDOW + 16);
    im->newest = im->followed = INT64_MIN;
    im->pending = g_new(CpRecord, 2 * PENDING);
    im->cpus = g_array_new(FALSE, FALSE, sizeof(Cpu));
    return im;
}

bool cp_importer_disordered(const CpImporter *im)
{
    return im->disordered;
}

gboolean cp_importer_drain(CpImporter *im, GError **error)
{
    if (im->order == CP_ORDER_ALL) {
        /* This sort keeps the order of equal elements. */
        g_array_sort(im->waiting, by_time);
    }
    if (!follow_first(im, im->waiting->len, error)) {
        return FALSE;
    }
    settle_doubts(im);
    if (!flush(im, im->n_pending, error)) {
        return FALSE;
    }
    im->report->n_cpus = im->cpus->len;
    im->report->n_threads = im->threads->len;
    return TRUE;
}

/* A process is called as its first thread is. */
static const char *process_name(CpImporter *im, const Thread *t)
{
    if (t->tgid <= 0) {
        return "";
    }
    uint32_t found = im->map[map_slot(im, t->tgid)];
    return found ? thread_at(im, found - 1)->name : "";
}

static void write_threads(CpImporter *im)
{
    for (guint i = 0; i < im->threads->len; i++) {
        Thread *t = thread_at(im, i);
        CpCprThread row = {
            .name = cp_cpr_string(im->writer, t->name),
            .process = cp_cpr_string(im->writer, process_name(im, t)),
            .pid = t->tgid > 0 ? t->tgid : t->pid,
            .tid = t->pid,
            .prio = t->prio == CP_PRIO_UNKNOWN ? 120 : t->first_prio,
            .flags = t->kernel,
        };
        cp_cpr_thread(im->writer, i, &row);
    }
}

gboolean cp_importer_finish(CpImporter *im, GError **error)
{
    const CpImportReport *r = im->report;
    const char *source = im->options.source ? im->options.source : "";
    uint32_t n_cpus = MAX(r->n_cpus, r->n_cpus_told);
    g_autofree char *machine = g_strdup_printf("%u CPUs, recorded", n_cpus);
    g_autofree char *root =
        im->options.root_pid > 0
            ? g_strdup_printf("root=%" G_GINT64_FORMAT "\n", im->options.root_pid)
            : g_strdup("");
    CpTime end = MIN(r->last, im->to);
    CpCprInfo info = {
        .origin = CP_ORIGIN_RECORDED,
        .n_cpus = n_cpus,
        .end = own_time(im, end),
        .clock_base = im->from,
        .lost = r->lost + r->overwritten,
        .repaired = im->reconstructed + r->marked,
        .machine = cp_cpr_string(im->writer, machine),
        .source = cp_cpr_string(im->writer, source),
        .settings = cp_cpr_string(im->writer, root),
    };
    write_threads(im);
    return cp_cpr_writer_finish(im->writer, &info, error);
}

void cp_importer_free(CpImporter *im)
{
    if (im == NULL) {
        return;
    }
    cp_cpr_writer_free(im->writer);
    g_string_chunk_free(im->names);
    g_array_unref(im->threads);
    g_free(im->map);
    g_hash_table_unref(im->gils);
    g_array_unref(im->waiting);
    g_free(im->pending);
    g_array_unref(im->cpus);
    g_free(im);
}

/* --- report --- */

void cp_import_report_init(CpImportReport *r)
{
    *r = (CpImportReport){.cpus = g_array_new(FALSE, FALSE, sizeof(CpImportCpu))};
}

void cp_import_report_clear(CpImportReport *r)
{
    g_clear_pointer(&r->cpus, g_array_unref);
}

static void report_line(GString *out, uint64_t n, const char *text)
{
    if (n > 0) {
        g_string_append_printf(out, "  %" G_GUINT64_FORMAT " %s\n", n, text);
    }
}

char *cp_import_report_text(const CpImportReport *r)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(
        out,
        "%" G_GUINT64_FORMAT " lines, %" G_GUINT64_FORMAT
        " events of %u threads on %u CPUs in "
        "%.6f s: %" G_GUINT64_FORMAT " switches, %" G_GUINT64_FORMAT " wake-ups\n",
        r->lines, r->events, r->n_threads, r->n_cpus, (double)(r->last - r->first) / 1e9,
        r->switches, MAX(r->wakings, r->wakeups));
    for (guint i = 0; i < r->cpus->len; i++) {
        const CpImportCpu *c = &g_array_index(r->cpus, CpImportCpu, i);
        if (c->switches > 0) {
            double all = (double)(c->busy + c->idle);
            g_string_append_printf(
                out, "  CPU %u: %" G_GUINT64_FORMAT " switches, %.1f %% busy\n", i,
                c->switches, all > 0 ? 100 * (double)c->busy / all : 0);
        }
    }
    report_line(out, r->other, "events of kinds that are not used");
    report_line(out, r->lost, "events lost, says the trace");
    report_line(out, r->overwritten, "events overwritten before the beginning");
    report_line(out, r->marked, "switches reconstructed already in the source");
    report_line(out, r->missing_idle, "switches from idle were missing: put in");
    report_line(out, r->mismatches, "switches from a thread that was not there: repaired");
    report_line(out, r->unsorted, "events out of order: sorted");
    report_line(out, r->late, "events too late to sort: given a later time");
    report_line(out, r->duplicates, "duplicate events: left out");
    report_line(out, r->leaps, "events more than half a year away: left out");
    report_line(out, r->no_cpu, "events without a CPU: left out");
    report_line(out, r->renames, "threads renamed");
    report_line(out, r->broken, "events with an unreadable payload: left out");
    report_line(out, r->unread, "lines that are no trace lines: left out");
    report_line(out, r->long_lines, "lines longer than 1 MiB: left out");
    if (r->first_bad > 0) {
        g_string_append_printf(out, "  first line left out: %" G_GUINT64_FORMAT "\n",
                               r->first_bad);
    }
    if (r->cut) {
        g_string_append(out, "  the last line has no end: the file may be cut\n");
    }
    return g_string_free(out, FALSE);
}
