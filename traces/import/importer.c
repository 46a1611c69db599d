#include "traces/import/importer.h"

#include "traces/root.h"
#include "sim/error.h"
#include "lang/diag.h"
#include "traces/import/judge.h"

#include <string.h>

/* What a foreign trace contradicts itself about, and how that is repaired. */

enum {
    WINDOW = 1 << 15,  /* events that wait for earlier ones */
    PENDING = 1 << 15, /* records that wait for reconstructed ones to be put before them */
    NAME_MAX_BYTES = 255,
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
    int32_t pid;
    int32_t prio;       /* latest */
    int32_t first_prio; /* at first sight, or when the part to keep begins */
    int32_t tgid;       /* as heads of lines say, -1: not known */
    uint32_t gil;       /* index + 1 of its process's lock; 0: none yet */
    uint32_t row;       /* 1 + its number in the recording; 0: no record names it */
    uint32_t parent;    /* 1 + thread that started it; 0: not seen */
    CpTime wake_time;   /* last wake-up; INT64_MIN: none */
    CpTime gone;        /* when it left its CPU for ever; INT64_MAX: not yet */
    CpTime asked, got;  /* of the interpreter's lock */
    uint16_t wake_cpu;
    uint8_t name_len;
    bool exited, kernel;
    bool guessed; /* the name is a head's, not a payload's */
    bool named;   /* by a payload */
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
    CpTime unknown;   /* since the last switch nobody knows who ran, so long */
    CpTime last_time; /* of an event; INT64_MIN: none yet */
    bool lossy;       /* events were lost since then */
    Event last;       /* for finding duplicates */
} Cpu;

struct CpImporter {
    CpImportOptions options;
    CpImportReport *report;
    CpImportOrder order;
    CpCprWriter *writer;
    GStringChunk *names;
    GArray *threads; /* Thread */
    GArray *rows;    /* uint32_t: thread by its number in the recording */
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
    /* Counted when pushed, so that the first event followed is judged by many. */
    uint64_t heads_right, heads_wrong; /* switches whose head names who left */
    CpStatesSeen states;
    uint8_t *has_proof;     /* by CPU: 1, a switch or a run-time report was pushed */
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

static void set_name(CpImporter *im, Thread *t, CpSpan name, bool guessed)
{
    t->name = g_string_chunk_insert_len(im->names, name.text,
                                        (gssize)MIN(name.len, NAME_MAX_BYTES));
    t->name_len = (uint8_t)MIN(name.len, NAME_MAX_BYTES);
    t->guessed = guessed;
    t->kernel |= cp_kernel_thread_name(t->name);
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

static Cpu *cpu_at(CpImporter *im, uint32_t cpu)
{
    for (uint32_t n = im->cpus->len; n <= cpu; n++) {
        Cpu c = {.current = UNKNOWN, .doubt = UNKNOWN, .last_time = INT64_MIN};
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
    t->named = true;
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

/* Something was lost before the first event. */
static gboolean note_early_loss(CpImporter *im, const CpTraceEvent *e)
{
    if (e->cpu < CP_CPUS_MAX) {
        cpu_at(im, e->cpu)->lossy = true;
        row_at(im, e->cpu)->lost += (uint64_t)MAX(e->value, 0);
    }
    return TRUE;
}

/* Probes say nothing but where they were: it is the running thread's doing. */
static bool is_gil(unsigned kind)
{
    return kind >= CP_TRACE_GIL_ASK && kind <= CP_TRACE_GIL_DROP;
}

/* What the event says for judging the source as a whole. */
static void note_proof(CpImporter *im, const CpTraceEvent *e)
{
    if (e->cpu < CP_CPUS_MAX &&
        (e->kind == CP_TRACE_SWITCH || e->kind == CP_TRACE_RUNTIME)) {
        im->has_proof[e->cpu] = 1;
    }
    if (e->kind != CP_TRACE_SWITCH) {
        return;
    }
    if (e->subject.pid > 0 && e->current.pid > 0) {
        im->heads_right += e->current.pid == e->subject.pid;
        im->heads_wrong += e->current.pid != e->subject.pid;
    }
    cp_states_note(&im->states, e);
}

gboolean cp_importer_push(CpImporter *im, const CpTraceEvent *e, GError **error)
{
    CpImportReport *r = im->report;
    if (e->kind == CP_TRACE_LOST) {
        Event lost = {.time = im->newest,
                      .value = MAX(e->value, 0),
                      .kind = CP_TRACE_LOST,
                      .cpu = (uint16_t)e->cpu,
                      .current = UNKNOWN};
        r->lost += (uint64_t)MAX(e->value, 0);
        r->lost_uncounted += e->value < 0;
        return im->newest == INT64_MIN ? note_early_loss(im, e) : enqueue(im, lost, error);
    }
    if (e->cpu == CP_NONE) {
        r->no_cpu++;
        r->cpu_above += e->cpu_above;
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
    note_proof(im, e);
    event.current = note_current(im, e);
    if (is_gil(e->kind)) {
        event.id = event.current;
    }
    if (e->kind == CP_TRACE_OTHER || is_gil(e->kind)) {
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

/* The number of a thread in the recording: given when the first record names it, so that
 * threads nothing is said of do not appear. */
static uint32_t number_of(CpImporter *im, uint32_t id)
{
    if (id >= UNKNOWN) {
        return id;
    }
    Thread *t = thread_at(im, id);
    if (t->row == 0) {
        g_array_append_val(im->rows, id);
        t->row = im->rows->len;
    }
    return t->row - 1;
}

static void put_raw(CpImporter *im, CpRecord record, CpTime time)
{
    record.at = cp_record_make(own_time(im, time), cp_record_kind(&record), 0, 0, 0).at;
    im->pending[im->n_pending++] = record;
}

static void put(CpImporter *im, CpTime time, CpRecordKind kind, uint32_t id, uint32_t cpu,
                uint32_t arg)
{
    if (im->window_open) {
        put_raw(im, cp_record_make(0, kind, number_of(im, id), cpu, arg), time);
    }
}

static void put_more(CpImporter *im, CpTime time, CpRecord head, uint32_t id2,
                     int64_t value)
{
    if (im->window_open) {
        put_raw(im, head, time);
        im->pending[im->n_pending++] = cp_record_make(value, CP_REC_MORE, id2, head.cpu, 0);
    }
}

/* A switch that the trace lacks, at an earlier moment: behind all records that are not
 * later, as far back as records are still here. */
static void put_missing(CpImporter *im, CpTime time, uint32_t id, uint32_t cpu)
{
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
    im->pending[at] = cp_record_make(own, CP_REC_SWITCH, number_of(im, id), cpu,
                                     '?' | CP_SWITCH_RECONSTRUCTED);
    im->n_pending++;
}

/* --- following the CPUs --- */

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

/* Somebody else runs here than we thought: a switch is missing.  Between the last sign of
 * the one and the first of the other nobody is known to have run. */
static void missing_switch(CpImporter *im, Cpu *c, uint32_t cpu, uint32_t id, CpTime start,
                           CpTime now)
{
    im->reconstructed++;
    if (c->current == IDLE) {
        im->report->missing_idle++;
    } else {
        im->report->mismatches++;
        row_at(im, cpu)->mismatches++;
        CpRecord gap = cp_record_make(0, CP_REC_GAP, 0, cpu, 1);
        put_more(im, now, gap, 0, now - c->seen);
        if (c->seen < start) {
            put_missing(im, c->seen, UNKNOWN, cpu);
            c->unknown += start - c->seen;
        }
    }
    put_missing(im, start, id, cpu);
    c->current = id;
    c->since = start;
}

static bool heads_are_good(const CpImporter *im)
{
    return cp_heads_are_good(im->heads_right, im->heads_wrong);
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
    put_missing(im, c->doubt == id ? c->doubt_start : e->time, id, e->cpu);
    c->current = id;
    c->since = c->seen = e->time;
}

/* A switch says for certain who ran. */
static void check_switch(CpImporter *im, Cpu *c, const Event *e)
{
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

/* Where neither a switch nor a run-time report is told of a CPU, who is named now and then
 * by heads of lines may have been there for a moment only. */
static void check_current(CpImporter *im, Cpu *c, const Event *e)
{
    if (e->kind == CP_TRACE_RUNTIME && e->id == c->current) {
        c->seen = e->time;
    }
    if (e->current == UNKNOWN || !heads_are_good(im)) {
        return;
    }
    if (c->current == UNKNOWN) {
        if (im->has_proof[e->cpu]) {
            first_sight(im, c, e, e->current);
        } else {
            c->doubt_start = c->doubt == e->current ? c->doubt_start : e->time;
            c->doubt = e->current;
        }
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
        if (c->current != UNKNOWN && c->doubt != UNKNOWN && c->n_doubts > 1) {
            missing_switch(im, c, i, c->doubt, c->doubt_start, im->report->last);
        }
    }
}

/* Where the trace leaves out who ran for much of the time, the thread switched to last is
 * not known to have gone on to the end. */
static void settle_ends(CpImporter *im)
{
    for (guint i = 0; i < im->cpus->len; i++) {
        Cpu *c = &g_array_index(im->cpus, Cpu, i);
        CpImportCpu *row = row_at(im, i);
        CpTime known = row->busy + row->idle;
        if (c->current < UNKNOWN && row->unknown > known / 10 &&
            c->seen < im->report->last) {
            put_missing(im, c->seen, UNKNOWN, i);
            row->unknown += im->report->last - c->seen;
            c->current = UNKNOWN;
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
        *(c->last_next == IDLE ? &row->idle : &row->busy) +=
            e->time - row->last - c->unknown;
        row->unknown += c->unknown;
    }
    c->unknown = 0;
    row->last = e->time;
    c->last_next = e->id2;
    uint32_t state = cp_state_of(e->state, im->report->shifted);
    im->report->odd_states += strchr("RSDTtXPIWKN?", CP_SWITCH_STATE(state)) == NULL;
    if (e->id < UNKNOWN && CP_SWITCH_STATE(state) == 'I') {
        thread_at(im, e->id)->kernel = true;
    }
    put(im, e->time, CP_REC_SWITCH, e->id2, e->cpu, state);
    c->current = e->id2;
    c->since = c->seen = e->time;
}

static void follow_wake(CpImporter *im, const Cpu *c, const Event *e)
{
    CpImportReport *r = im->report;
    uint32_t target = e->cpu2 == CP_RECORD_NO_CPU ? e->cpu : e->cpu2;
    Thread *t = thread_at(im, e->id);
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
    uint32_t who = heads_are_good(im) ? e->current : c->current;
    uint32_t cause = who == IDLE || who == UNKNOWN ? CP_WAKE_OUTSIDE : CP_WAKE_THREAD;
    uint32_t author = target == e->cpu ? 0 : e->cpu + 1u;
    put(im, e->time, e->kind == CP_TRACE_WAKEUP ? CP_REC_WAKEUP : CP_REC_WAKEUP_NEW, e->id,
        target, cause | author << CP_WAKEUP_AUTHOR_SHIFT);
}

/* The process of a thread, known by heads of lines only; 0: not known. */
static int32_t tgid_of(const CpImporter *im, const Thread *t)
{
    return heads_are_good(im) ? MAX(t->tgid, 0) : 0;
}

/* Index of the lock of the thread's interpreter: one for each process. */
static uint32_t gil_of(CpImporter *im, Thread *t)
{
    if (t->gil == 0) {
        int32_t tgid = tgid_of(im, t);
        void *process = GINT_TO_POINTER(tgid);
        t->gil = GPOINTER_TO_UINT(g_hash_table_lookup(im->gils, process));
        if (t->gil == 0) {
            t->gil = g_hash_table_size(im->gils) + 1;
            g_hash_table_insert(im->gils, process, GUINT_TO_POINTER(t->gil));
            g_autofree char *name =
                tgid > 0 ? g_strdup_printf("GIL of %d", tgid) : g_strdup("GIL");
            cp_cpr_name(im->writer, CP_REC_GIL_GOT, t->gil - 1,
                        cp_cpr_string(im->writer, name));
        }
    }
    return t->gil - 1;
}

static void follow_gil(CpImporter *im, const Cpu *c, const Event *e)
{
    uint32_t id = heads_are_good(im) ? e->id : c->current;
    if (id >= UNKNOWN) {
        return;
    }
    Thread *t = thread_at(im, id);
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
    uint32_t gil = gil_of(im, t);
    if (im->window_open) {
        put_more(im, e->time, cp_record_make(0, kind, gil, e->cpu, 0), number_of(im, id),
                 value);
    }
}

/* Kinds that are a head and its continuation, or a plain record. */
static void follow_rest(CpImporter *im, const Event *e)
{
    CpImportReport *r = im->report;
    CpRecord head = cp_record_make(0, CP_REC_MORE, 0, e->cpu, 0);
    if (im->window_open) {
        head.id = number_of(im, e->id);
    }
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
            thread_at(im, e->id2)->kernel |= thread_at(im, e->id)->pid == CP_KTHREADD;
            thread_at(im, e->id2)->parent = e->id + 1;
            uint32_t parent = head.id;
            head = cp_record_make(0, CP_REC_FORK, 0, e->cpu, 0);
            if (im->window_open) {
                head.id = number_of(im, e->id2);
            }
            put_more(im, e->time, head, parent, 0);
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
        cpu_at(im, e->cpu)->lossy = true;
        row_at(im, e->cpu)->lost += (uint64_t)e->value;
    } else {
        for (guint i = 0; i < im->cpus->len; i++) {
            g_array_index(im->cpus, Cpu, i).lossy = true;
        }
    }
    put_more(im, e->time, cp_record_make(0, CP_REC_GAP, 0, e->cpu, 0), (uint32_t)e->value,
             0);
}

/* --- the part to keep --- */

static void begin(CpImporter *im, const Event *e)
{
    const CpImportOptions *o = &im->options;
    im->begun = true;
    im->report->shifted = cp_states_are_shifted(&im->states);
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

/* How much of the CPU's time lies around a loss. */
static void note_time(CpImporter *im, Cpu *c, const Event *e)
{
    CpImportCpu *row = row_at(im, e->cpu);
    if (c->last_time == INT64_MIN) {
        row->begin = e->time;
    }
    if (c->lossy) {
        row->lossy += e->time - (c->last_time == INT64_MIN ? im->base : c->last_time);
        c->lossy = false;
    }
    row->end = c->last_time = e->time;
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
    note_time(im, c, e);
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
    } else if (is_gil(e->kind)) {
        follow_gil(im, c, e);
    } else if (e->kind == CP_TRACE_OTHER || e->id >= UNKNOWN) {
        return TRUE;
    } else if (e->kind >= CP_TRACE_WAKING && e->kind <= CP_TRACE_WAKEUP_NEW) {
        cpu_at(im, e->cpu2 == CP_RECORD_NO_CPU ? e->cpu : e->cpu2);
        follow_wake(im, cpu_at(im, e->cpu), e);
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
    im->rows = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    im->has_proof = g_new0(uint8_t, CP_CPUS_MAX);
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
    settle_ends(im);
    if (!flush(im, im->n_pending, error)) {
        return FALSE;
    }
    im->report->n_cpus = im->cpus->len;
    im->report->heads_differ = heads_are_good(im) ? 0 : im->heads_wrong;
    for (guint i = 0; i < im->threads->len; i++) {
        const Thread *t = thread_at(im, i);
        im->report->n_threads += t->named || t->row > 0;
    }
    return TRUE;
}

/* A process is called as its first thread is. */
static const char *process_name(CpImporter *im, const Thread *t)
{
    int32_t tgid = tgid_of(im, t);
    uint32_t found = tgid > 0 ? im->map[map_slot(im, tgid)] : 0;
    return found ? thread_at(im, found - 1)->name : "";
}

static void write_threads(CpImporter *im)
{
    for (guint i = 0; i < im->rows->len; i++) {
        Thread *t = thread_at(im, g_array_index(im->rows, uint32_t, i));
        int32_t tgid = tgid_of(im, t);
        CpCprThread row = {
            .name = cp_cpr_string(im->writer, t->name),
            .process = cp_cpr_string(im->writer, process_name(im, t)),
            .pid = tgid > 0 ? tgid : t->pid,
            .tid = t->pid,
            .prio = t->prio == CP_PRIO_UNKNOWN ? 120 : t->first_prio,
            .flags = t->kernel,
        };
        cp_cpr_thread(im->writer, i, &row);
    }
}

/* The pid of the program that is meant; 0: none was named. */
static gboolean find_root(CpImporter *im, int64_t *pid, GError **error)
{
    *pid = 0;
    if (im->options.root == NULL) {
        return TRUE;
    }
    g_autofree CpRootThread *rows = g_new0(CpRootThread, im->rows->len + 1);
    for (guint i = 0; i < im->rows->len; i++) {
        const Thread *t = thread_at(im, g_array_index(im->rows, uint32_t, i));
        int32_t tgid = tgid_of(im, t);
        uint32_t parent = t->parent > 0 ? thread_at(im, t->parent - 1)->row : 0;
        rows[i] = (CpRootThread){.name = t->name,
                                 .process = process_name(im, t),
                                 .pid = tgid > 0 ? tgid : t->pid,
                                 .tid = t->pid,
                                 .parent = parent > 0 ? parent - 1 : CP_NONE};
    }
    gboolean found = cp_root_find(rows, im->rows->len, im->options.root, pid, error);
    if (!found && im->options.source != NULL) {
        g_prefix_error(error, "%s: ", im->options.source);
    }
    return found;
}

/* What the recording keeps of the reading: "key=value\n", see traces/facts.h. */
static char *facts_of(const CpImporter *im, int64_t root)
{
    GString *out = g_string_new(NULL);
    if (root > 0) {
        g_string_append_printf(out, "root=%" G_GINT64_FORMAT "\n", root);
    }
    g_auto(GStrv) warnings = cp_import_report_warnings(im->report);
    for (char **w = warnings; *w != NULL; w++) {
        g_string_append_printf(out, "warning=%s\n", *w);
    }
    return g_string_free(out, FALSE);
}

gboolean cp_importer_finish(CpImporter *im, GError **error)
{
    const CpImportReport *r = im->report;
    const char *source = im->options.source ? im->options.source : "";
    uint32_t n_cpus = MAX(r->n_cpus, r->n_cpus_told);
    g_autofree char *machine = g_strdup_printf("%u CPUs, recorded", n_cpus);
    int64_t root;
    if (!find_root(im, &root, error)) {
        return FALSE;
    }
    g_autofree char *facts = facts_of(im, root);
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
        .settings = cp_cpr_string(im->writer, facts),
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
    g_array_unref(im->rows);
    g_free(im->has_proof);
    g_hash_table_unref(im->gils);
    g_array_unref(im->waiting);
    g_free(im->pending);
    g_array_unref(im->cpus);
    g_free(im);
}
