#include "lang/diag.h"
#include "traces/export/formats.h"
#include "traces/export/kernel.h"
#include "traces/export/proto.h"
#include "traces/thread-names.h"

/* Which packets of a Perfetto trace say what happened. */

/* Numbers of the published schema's fields. */
enum {
    PACKET = 1,

    PACKET_FTRACE = 1,
    PACKET_PROCESS_TREE = 2,
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE = 10,
    PACKET_TRACK_EVENT = 11,
    PACKET_SYSTEM_INFO = 45,
    PACKET_TRACK = 60,

    TREE_PROCESS = 1,
    TREE_THREAD = 2,
    PROCESS_PID = 1,
    PROCESS_CMDLINE = 3,
    THREAD_TID = 1,
    THREAD_NAME = 2,
    THREAD_TGID = 3,

    BUNDLE_CPU = 1,
    BUNDLE_EVENT = 2,
    BUNDLE_LOST = 3,
    BUNDLE_COMPACT = 4,
    COMPACT_NAMES = 5,
    SWITCH_TIMES = 1,
    SWITCH_STATES = 2,
    SWITCH_PIDS = 3,
    SWITCH_PRIOS = 4,
    SWITCH_NAMES = 6,
    WAKING_TIMES = 7,
    WAKING_PIDS = 8,
    WAKING_TARGETS = 9,
    WAKING_PRIOS = 10,
    WAKING_NAMES = 11,
    WAKING_FLAGS = 12,

    EVENT_TIMESTAMP = 1,
    EVENT_PID = 2,
    EVENT_WAKEUP_NEW = 114,
    WAKEUP_COMM = 1,
    WAKEUP_PID = 2,
    WAKEUP_PRIO = 3,
    WAKEUP_SUCCESS = 4,
    WAKEUP_TARGET = 5,

    TRACK_UUID = 1,
    TRACK_NAME = 2,
    TRACK_PARENT = 5,
    TRACK_COUNTER = 8,

    TRACK_EVENT_TYPE = 9,
    TRACK_EVENT_UUID = 11,
    TRACK_EVENT_NAME = 23,
    TRACK_EVENT_VALUE = 30,
    SLICE_BEGIN = 1,
    SLICE_END = 2,
    INSTANT = 3,
    COUNTER = 4,

    SYSTEM_UTSNAME = 1,
    UTSNAME_SYSNAME = 1,
    UTSNAME_RELEASE = 3,
};

enum {
    SEQUENCE = 1,
    BUNDLE_EVENTS = 1024, /* of a CPU before they are written */
    IN_HARD_INTERRUPT = 8,
    /* Tracks beside those of the CPUs: what they show above, its number below. */
    TRACK_SHIFT = 32,
    PACKED = 11, /* arrays of a bundle */
};

typedef enum {
    TRACK_ROOT = 1,
    TRACK_RUNNABLE,
    TRACK_GIL,
    TRACK_LOOP,
    TRACK_QUOTA,
    TRACK_MARKS
} TrackKind;

/* What is not written yet of one CPU. */
typedef struct {
    GByteArray *packed[PACKED + 2]; /* by their field's number */
    GByteArray *events, *names;
    GHashTable *name_numbers;
    uint32_t n, n_names;
    CpTime switched, woke; /* times of the last ones */
    bool lost;
} Bundle;

typedef struct {
    const CpExportJob *job;
    CpStream *out;
    GByteArray *packet, *message, *part;
    Bundle *bundles;
    uint32_t n_cpus;
    GHashTable *tracks; /* uuids of described ones */
    char **names;
    CpTime base;
    int64_t runnable;
} Perfetto;

/* --- packets --- */

static void put_packet(Perfetto *p)
{
    GByteArray *head = p->part;
    g_byte_array_set_size(head, 0);
    cp_proto_number(p->packet, PACKET_SEQUENCE, SEQUENCE);
    cp_proto_varint(head, PACKET << 3 | 2);
    cp_proto_varint(head, p->packet->len);
    cp_stream_bytes(p->out, head->data, head->len);
    cp_stream_bytes(p->out, p->packet->data, p->packet->len);
    g_byte_array_set_size(head, 0);
    g_byte_array_set_size(p->packet, 0);
}

/* Which kernel numbers the states of threads so: one since 4.14. */
static void put_system(Perfetto *p)
{
    cp_proto_text(p->part, UTSNAME_SYSNAME, "Linux");
    cp_proto_text(p->part, UTSNAME_RELEASE, "6.12.0-coreplay");
    cp_proto_message(p->message, SYSTEM_UTSNAME, p->part);
    cp_proto_message(p->packet, PACKET_SYSTEM_INFO, p->message);
    put_packet(p);
}

static void put_processes(Perfetto *p)
{
    CpCpr *cpr = p->job->cpr;
    CpKernelTasks *tasks = cp_kernel_tasks_new(cpr);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    for (uint32_t i = 0; i < tasks->n; i++) {
        const CpKernelTask *t = &tasks->tasks[i];
        if (g_hash_table_add(seen, GINT_TO_POINTER(t->tgid))) {
            const char *process = cp_cpr_text(cpr, cp_cpr_thread_at(cpr, i)->process);
            g_autofree char *clean =
                cp_clean_text(*process != '\0' ? process : t->comm, -1);
            cp_proto_number(p->part, PROCESS_PID, (uint64_t)t->tgid);
            cp_proto_text(p->part, PROCESS_CMDLINE, clean);
            cp_proto_message(p->message, TREE_PROCESS, p->part);
        }
    }
    for (uint32_t i = 0; i < tasks->n; i++) {
        cp_proto_number(p->part, THREAD_TID, (uint64_t)tasks->tasks[i].pid);
        cp_proto_text(p->part, THREAD_NAME, p->names[i]);
        cp_proto_number(p->part, THREAD_TGID, (uint64_t)tasks->tasks[i].tgid);
        cp_proto_message(p->message, TREE_THREAD, p->part);
    }
    cp_kernel_tasks_free(tasks);
    cp_proto_number(p->packet, PACKET_TIMESTAMP, (uint64_t)p->base);
    cp_proto_message(p->packet, PACKET_PROCESS_TREE, p->message);
    put_packet(p);
}

/* --- CPUs --- */

static void flush_bundle(Perfetto *p, uint32_t cpu)
{
    Bundle *b = &p->bundles[cpu];
    if (b->n == 0) {
        return;
    }
    GByteArray *compact = p->part;
    for (unsigned field = 1; field < G_N_ELEMENTS(b->packed); field++) {
        if (b->packed[field] != NULL && b->packed[field]->len > 0) {
            cp_proto_message(compact, field, b->packed[field]);
        }
    }
    g_byte_array_append(compact, b->names->data, b->names->len);
    g_byte_array_set_size(b->names, 0);
    cp_proto_number(p->message, BUNDLE_CPU, cpu);
    if (b->lost) {
        cp_proto_number(p->message, BUNDLE_LOST, 1);
    }
    g_byte_array_append(p->message, b->events->data, b->events->len);
    g_byte_array_set_size(b->events, 0);
    if (compact->len > 0) {
        cp_proto_message(p->message, BUNDLE_COMPACT, compact);
    }
    cp_proto_message(p->packet, PACKET_FTRACE, p->message);
    put_packet(p);
    g_hash_table_remove_all(b->name_numbers);
    b->n = b->n_names = 0;
    b->switched = b->woke = 0;
    b->lost = false;
}

static Bundle *bundle_of(Perfetto *p, uint32_t cpu)
{
    Bundle *b = &p->bundles[cpu];
    if (b->events == NULL) {
        for (unsigned field = 1; field < G_N_ELEMENTS(b->packed); field++) {
            b->packed[field] = field != COMPACT_NAMES ? g_byte_array_new() : NULL;
        }
        b->events = g_byte_array_new();
        b->names = g_byte_array_new();
        b->name_numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    } else if (b->n >= BUNDLE_EVENTS) {
        flush_bundle(p, cpu);
    }
    b->n++;
    return b;
}

static void bundle_clear(Bundle *b)
{
    if (b->events != NULL) {
        for (unsigned field = 1; field < G_N_ELEMENTS(b->packed); field++) {
            if (b->packed[field] != NULL) {
                g_byte_array_unref(b->packed[field]);
            }
        }
        g_byte_array_unref(b->events);
        g_byte_array_unref(b->names);
        g_hash_table_unref(b->name_numbers);
    }
}

/* The number of a name in the bundle's table. */
static uint32_t name_number(Bundle *b, const char *name)
{
    gpointer number;
    if (g_hash_table_lookup_extended(b->name_numbers, name, NULL, &number)) {
        return GPOINTER_TO_UINT(number);
    }
    cp_proto_text(b->names, COMPACT_NAMES, name);
    g_hash_table_insert(b->name_numbers, g_strdup(name), GUINT_TO_POINTER(b->n_names));
    return b->n_names++;
}

static void add_switch(Bundle *b, const CpKernelEvent *e)
{
    cp_proto_varint(b->packed[SWITCH_TIMES], (uint64_t)(e->at - b->switched));
    cp_proto_varint(b->packed[SWITCH_STATES], (uint64_t)cp_kernel_state_number(e->state));
    cp_proto_varint(b->packed[SWITCH_PIDS], (uint64_t)e->other.pid);
    cp_proto_varint(b->packed[SWITCH_PRIOS], (uint64_t)(int64_t)e->other.prio);
    cp_proto_varint(b->packed[SWITCH_NAMES], name_number(b, e->other.comm));
    b->switched = e->at;
}

static void add_waking(Bundle *b, const CpKernelEvent *e)
{
    cp_proto_varint(b->packed[WAKING_TIMES], (uint64_t)(e->at - b->woke));
    cp_proto_varint(b->packed[WAKING_PIDS], (uint64_t)e->subject.pid);
    cp_proto_varint(b->packed[WAKING_TARGETS], e->cpu2);
    cp_proto_varint(b->packed[WAKING_PRIOS], (uint64_t)(int64_t)e->subject.prio);
    cp_proto_varint(b->packed[WAKING_NAMES], name_number(b, e->subject.comm));
    cp_proto_varint(b->packed[WAKING_FLAGS], e->irq ? IN_HARD_INTERRUPT : 0);
    b->woke = e->at;
}

static void add_wakeup_new(Perfetto *p, Bundle *b, const CpKernelEvent *e)
{
    cp_proto_text(p->part, WAKEUP_COMM, e->subject.comm);
    cp_proto_number(p->part, WAKEUP_PID, (uint64_t)e->subject.pid);
    cp_proto_number(p->part, WAKEUP_PRIO, (uint64_t)(int64_t)e->subject.prio);
    cp_proto_number(p->part, WAKEUP_SUCCESS, 1);
    cp_proto_number(p->part, WAKEUP_TARGET, e->cpu2);
    cp_proto_number(p->message, EVENT_TIMESTAMP, (uint64_t)e->at);
    cp_proto_number(p->message, EVENT_PID, (uint64_t)e->current.pid);
    cp_proto_message(p->message, EVENT_WAKEUP_NEW, p->part);
    cp_proto_message(b->events, BUNDLE_EVENT, p->message);
}

static bool on_event(void *data, const CpKernelEvent *e)
{
    Perfetto *p = data;
    if (e->cpu >= p->n_cpus) {
        return true;
    }
    switch (e->kind) {
    case CP_KERNEL_SWITCH:
        add_switch(bundle_of(p, e->cpu), e);
        break;
    case CP_KERNEL_WAKING:
        add_waking(bundle_of(p, e->cpu), e);
        break;
    case CP_KERNEL_WAKEUP_NEW:
        add_wakeup_new(p, bundle_of(p, e->cpu), e);
        break;
    case CP_KERNEL_LOST:
        bundle_of(p, e->cpu)->lost = true;
        break;
    default:
        break;
    }
    return !cp_export_stop(p->job);
}

/* --- tracks of our own --- */

static uint64_t track_of(Perfetto *p, TrackKind kind, uint32_t number, const char *name)
{
    uint64_t uuid = (uint64_t)kind << TRACK_SHIFT | number;
    gint64 *key = g_new(gint64, 1);
    *key = (gint64)uuid;
    if (!g_hash_table_add(p->tracks, key)) {
        return uuid;
    }
    if (kind != TRACK_ROOT) {
        cp_proto_number(p->message, TRACK_PARENT, track_of(p, TRACK_ROOT, 0, "coreplay"));
    }
    cp_proto_number(p->message, TRACK_UUID, uuid);
    cp_proto_text(p->message, TRACK_NAME, name);
    if (kind == TRACK_RUNNABLE) {
        cp_proto_bytes(p->message, TRACK_COUNTER, "", 0);
    }
    cp_proto_message(p->packet, PACKET_TRACK, p->message);
    put_packet(p);
    return uuid;
}

/* Ends the packet with a point on a track; `name` may be NULL. */
static void put_point(Perfetto *p, CpTime at, uint64_t track, unsigned type,
                      const char *name, int64_t value)
{
    cp_proto_number(p->message, TRACK_EVENT_TYPE, type);
    cp_proto_number(p->message, TRACK_EVENT_UUID, track);
    if (name != NULL) {
        cp_proto_text(p->message, TRACK_EVENT_NAME, name);
    }
    if (type == COUNTER) {
        cp_proto_number(p->message, TRACK_EVENT_VALUE, (uint64_t)value);
    }
    cp_proto_number(p->packet, PACKET_TIMESTAMP, (uint64_t)(at + p->base));
    cp_proto_message(p->packet, PACKET_TRACK_EVENT, p->message);
    put_packet(p);
}

static void put_slice(Perfetto *p, CpTime from, CpTime to, uint64_t track, const char *name)
{
    if (from < to) {
        put_point(p, from, track, SLICE_BEGIN, name, 0);
        put_point(p, to, track, SLICE_END, NULL, 0);
    }
}

static const char *thread_name(const Perfetto *p, uint32_t thread)
{
    return thread < cp_cpr_n_threads(p->job->cpr) ? p->names[thread] : "?";
}

/* The name that the recording has for it, else "what number". */
static char *name_of(const Perfetto *p, CpRecordKind domain, uint32_t id, const char *what)
{
    const char *name = cp_cpr_name_at(p->job->cpr, domain, id);
    return *name != '\0' ? cp_clean_text(name, -1) : g_strdup_printf("%s %u", what, id);
}

static void on_each(void *data, const CpTimeline *tl, const CpRecord *r,
                    const CpRecord *more)
{
    (void)r, (void)more;
    Perfetto *p = data;
    if (tl->n_runnable != p->runnable && tl->now >= p->job->from) {
        p->runnable = tl->n_runnable;
        put_point(p, tl->now, track_of(p, TRACK_RUNNABLE, 0, "Threads waiting for a CPU"),
                  COUNTER, NULL, p->runnable);
    }
}

static void on_gil(void *data, const CpLockSpan *span)
{
    Perfetto *p = data;
    if (span->held) {
        g_autofree char *name = name_of(p, CP_REC_GIL_GOT, span->lock, "interpreter");
        g_autofree char *title = g_strconcat("GIL of ", name, NULL);
        put_slice(p, span->from, span->to, track_of(p, TRACK_GIL, span->lock, title),
                  thread_name(p, span->thread));
    }
}

static void on_loop(void *data, const CpLoopSpan *span)
{
    static const char *const states[] = {[CP_LOOP_OWN] = "loop", [CP_LOOP_POLLS] = "polls"};
    Perfetto *p = data;
    g_autofree char *loop = name_of(p, CP_REC_LOOP_READY, span->loop, "loop");
    g_autofree char *title = g_strconcat("Event loop of ", loop, NULL);
    g_autofree char *step = NULL;
    if (span->state == CP_LOOP_STEP) {
        step = name_of(p, CP_REC_TASK_CREATE, CP_RECORD_FUNCTION(span->label), "step");
    }
    put_slice(p, span->from, span->to, track_of(p, TRACK_LOOP, span->loop, title),
              step != NULL ? step : states[span->state]);
}

static void on_throttle(void *data, const CpThrottleSpan *span)
{
    Perfetto *p = data;
    g_autofree char *group = name_of(p, CP_REC_THROTTLE, span->group, "group");
    g_autofree char *title = g_strdup_printf("Quota of %s, CPU %u", group, span->cpu);
    uint32_t number = span->group * p->n_cpus + span->cpu;
    put_slice(p, span->from, span->to, track_of(p, TRACK_QUOTA, number, title),
              "throttled");
}

static void on_mark(void *data, const CpMoment *m)
{
    Perfetto *p = data;
    g_autofree char *name = name_of(p, CP_REC_MARK, m->id, "mark");
    put_point(p, m->at, track_of(p, TRACK_MARKS, 0, "Marks"), INSTANT, name, 0);
}

/* --- the file --- */

static void perfetto_init(Perfetto *p, const CpExportJob *job)
{
    const CpCprInfo *info = cp_cpr_info(job->cpr);
    *p = (Perfetto){
        .job = job,
        .out = job->out,
        .packet = g_byte_array_new(),
        .message = g_byte_array_new(),
        .part = g_byte_array_new(),
        .n_cpus = CLAMP(info->n_cpus, 1, CP_RECORD_NO_CPU),
        .tracks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        .names = cp_thread_names(job->cpr),
        .base = cp_kernel_base(job->cpr),
        .runnable = -1,
    };
    p->bundles = g_new0(Bundle, p->n_cpus);
}

static void perfetto_clear(Perfetto *p)
{
    for (uint32_t i = 0; i < p->n_cpus; i++) {
        bundle_clear(&p->bundles[i]);
    }
    g_free(p->bundles);
    g_byte_array_unref(p->packet);
    g_byte_array_unref(p->message);
    g_byte_array_unref(p->part);
    g_hash_table_unref(p->tracks);
    g_strfreev(p->names);
}

static gboolean write_perfetto(const CpExportJob *job, GError **error)
{
    Perfetto p;
    perfetto_init(&p, job);
    put_system(&p);
    put_processes(&p);
    const CpTimelineHooks hooks = {.each = on_each,
                                   .gil = on_gil,
                                   .loop = on_loop,
                                   .throttle = on_throttle,
                                   .mark = on_mark};
    const CpWalk walk = {.from = job->from, .to = job->to};
    gboolean ok = cp_kernel_walk(job->cpr, job->from, job->to, on_event, &p, error);
    for (uint32_t cpu = 0; cpu < p.n_cpus; cpu++) {
        flush_bundle(&p, cpu);
    }
    ok = ok && cp_walk(job->cpr, &walk, &hooks, &p, error);
    perfetto_clear(&p);
    return ok;
}

const CpExportFormat cp_export_perfetto = {
    .name = "perfetto",
    .endings = ".pftrace .perfetto-trace .perfetto",
    .help = "Perfetto trace: CPUs, states of threads, GIL, event loops, quotas; "
            "ui.perfetto.dev, trace_processor",
    .write = write_perfetto,
};
