#include "traces/import/tracing.h"

#include "sim/error.h"
#include "sim/record.h"
#include "traces/import/text-event.h"

#include <stdlib.h>
#include <string.h>

/* Which field of an event says what. */

enum {
    PART_MAX = 64 << 20, /* bytes of one part of a description */
    SYSTEMS_MAX = 1 << 16,
    STATES = 16,
    IN_INTERRUPT = 0x8 | 0x10, /* common_flags: hard, soft */
};

typedef struct {
    uint32_t offset, size; /* size 0: there is none */
    bool elsewhere;        /* holds place and length of the value */
} Field;

typedef enum {
    F_SUBJECT_COMM,
    F_SUBJECT_PID,
    F_SUBJECT_PRIO,
    F_OTHER_COMM,
    F_OTHER_PID,
    F_OTHER_PRIO,
    F_STATE,
    F_CPU,
    F_VALUE,
    F_SUCCESS,
    F_COUNT
} FieldUse;

typedef struct {
    CpTraceKind kind;
    Field fields[F_COUNT];
    Field pid, flags; /* common ones */
    struct {
        int64_t bit;
        char letter;
    } states[STATES];
    unsigned n_states;
} Format;

struct CpTracing {
    bool big;
    unsigned version;
    GHashTable *formats; /* id -> Format */
    GHashTable *comms;   /* pid -> name */
    Field type;          /* of the id in an event */
    Field commit, data;  /* of a page */
    uint32_t page_size;
};

/* --- which events and fields are used --- */

typedef struct {
    const char *event;
    CpTraceKind kind;
    const char *names[F_COUNT];
    uint32_t needed; /* bits of the uses without which the event says nothing */
} Use;

#define BIT(use) (1u << (use))
#define WAKE_USE(kind)                                                                     \
    kind,                                                                                  \
        {[F_SUBJECT_COMM] = "comm",                                                        \
         [F_SUBJECT_PID] = "pid",                                                          \
         [F_SUBJECT_PRIO] = "prio",                                                        \
         [F_CPU] = "target_cpu",                                                           \
         [F_SUCCESS] = "success"},                                                         \
        BIT(F_SUBJECT_PID)

static const Use uses[] = {
    {"sched_switch",
     CP_TRACE_SWITCH,
     {[F_SUBJECT_COMM] = "prev_comm",
      [F_SUBJECT_PID] = "prev_pid",
      [F_SUBJECT_PRIO] = "prev_prio",
      [F_STATE] = "prev_state",
      [F_OTHER_COMM] = "next_comm",
      [F_OTHER_PID] = "next_pid",
      [F_OTHER_PRIO] = "next_prio"},
     BIT(F_SUBJECT_PID) | BIT(F_OTHER_PID) | BIT(F_STATE)},
    {"sched_waking", WAKE_USE(CP_TRACE_WAKING)},
    {"sched_wakeup", WAKE_USE(CP_TRACE_WAKEUP)},
    {"sched_wakeup_new", WAKE_USE(CP_TRACE_WAKEUP_NEW)},
    {"sched_migrate_task",
     CP_TRACE_MIGRATE,
     {[F_SUBJECT_COMM] = "comm",
      [F_SUBJECT_PID] = "pid",
      [F_SUBJECT_PRIO] = "prio",
      [F_VALUE] = "orig_cpu",
      [F_CPU] = "dest_cpu"},
     BIT(F_SUBJECT_PID) | BIT(F_VALUE) | BIT(F_CPU)},
    {"sched_stat_runtime",
     CP_TRACE_RUNTIME,
     {[F_SUBJECT_COMM] = "comm", [F_SUBJECT_PID] = "pid", [F_VALUE] = "runtime"},
     BIT(F_SUBJECT_PID) | BIT(F_VALUE)},
    {"sched_process_fork",
     CP_TRACE_FORK,
     {[F_SUBJECT_COMM] = "parent_comm",
      [F_SUBJECT_PID] = "parent_pid",
      [F_OTHER_COMM] = "child_comm",
      [F_OTHER_PID] = "child_pid"},
     BIT(F_SUBJECT_PID) | BIT(F_OTHER_PID)},
    {"sched_process_exec",
     CP_TRACE_EXEC,
     {[F_OTHER_COMM] = "filename", [F_SUBJECT_PID] = "pid"},
     BIT(F_SUBJECT_PID)},
    {"sched_process_exit",
     CP_TRACE_EXIT,
     {[F_SUBJECT_COMM] = "comm",
      [F_SUBJECT_PID] = "pid",
      [F_SUBJECT_PRIO] = "prio",
      [F_VALUE] = "group_dead"},
     BIT(F_SUBJECT_PID)},
    {"sched_pi_setprio",
     CP_TRACE_PRIORITY,
     {[F_SUBJECT_COMM] = "comm", [F_SUBJECT_PID] = "pid", [F_VALUE] = "newprio"},
     BIT(F_SUBJECT_PID) | BIT(F_VALUE)},
    {"task_rename",
     CP_TRACE_RENAME,
     {[F_SUBJECT_PID] = "pid", [F_SUBJECT_COMM] = "newcomm"},
     BIT(F_SUBJECT_PID) | BIT(F_SUBJECT_COMM)},
    {"take_enter", CP_TRACE_GIL_ASK, {NULL}, 0},
    {"take_return", CP_TRACE_GIL_GOT, {NULL}, 0},
    {"drop_enter", CP_TRACE_GIL_DROP, {NULL}, 0},
};

/* --- format files --- */

/* The text behind `key` up to the end of the line, within [at, end); NULL: none. */
static const char *find(const char *at, const char *end, const char *key)
{
    const char *found = memmem(at, (size_t)(end - at), key, strlen(key));
    return found != NULL ? found + strlen(key) : NULL;
}

/* "field:char prev_comm[16];	offset:8;	size:16;	signed:0;": the name's span,
 * and the numbers. */
static bool parse_field(const char *line, const char *end, CpSpan *name, Field *field)
{
    const char *decl = find(line, end, "field:");
    const char *offset = find(line, end, "offset:"), *size = find(line, end, "size:");
    const char *stop = decl != NULL ? memchr(decl, ';', (size_t)(end - decl)) : NULL;
    if (stop == NULL || offset == NULL || size == NULL) {
        return false;
    }
    const char *last = stop;
    const char *bracket = memchr(decl, '[', (size_t)(stop - decl));
    field->elsewhere = memmem(decl, (size_t)(stop - decl), "__data_loc", 10) != NULL;
    if (bracket != NULL && !field->elsewhere) {
        last = bracket;
    }
    const char *first = last;
    while (first > decl && first[-1] != ' ' && first[-1] != '*' && first[-1] != ']') {
        first--;
    }
    *name = (CpSpan){first, (uint32_t)(last - first)};
    field->offset = (uint32_t)strtoul(offset, NULL, 10);
    field->size = (uint32_t)strtoul(size, NULL, 10);
    return field->size > 0 && field->offset < 1 << 16 && field->size < 1 << 16;
}

static bool is(CpSpan name, const char *text)
{
    return text != NULL && strlen(text) == name.len &&
           memcmp(text, name.text, name.len) == 0;
}

/* How the kernel prints its states: { 0x01, "S" }, { 2, "D" } ... */
static void parse_states(Format *f, const char *at, const char *end)
{
    while (f->n_states < STATES && (at = memchr(at, '{', (size_t)(end - at))) != NULL) {
        char *behind;
        int64_t bit = strtoll(++at, &behind, 0);
        while (behind < end && (*behind == ' ' || *behind == ',')) {
            behind++;
        }
        if (bit > 0 && behind + 2 < end && behind[0] == '"' && behind[2] == '"') {
            char letter = behind[1] == 'x' ? 'X' : behind[1];
            f->states[f->n_states].bit = bit;
            f->states[f->n_states++].letter = letter;
        }
    }
}

static const Use *find_use(CpSpan event)
{
    for (size_t i = 0; i < G_N_ELEMENTS(uses); i++) {
        if (is(event, uses[i].event)) {
            return &uses[i];
        }
    }
    return NULL;
}

static void take_field(CpTracing *t, Format *f, const Use *use, CpSpan name, Field field)
{
    if (is(name, "common_type")) {
        t->type = field;
    } else if (is(name, "common_pid")) {
        f->pid = field;
    } else if (is(name, "common_flags")) {
        f->flags = field;
    }
    for (size_t i = 0; use != NULL && i < F_COUNT; i++) {
        if (is(name, use->names[i])) {
            f->fields[i] = field;
        }
    }
}

void cp_tracing_add(CpTracing *t, const char *text, size_t n)
{
    const char *end = text + n;
    const char *name = find(text, end, "name: "), *id = find(text, end, "ID: ");
    const char *name_end = name != NULL ? memchr(name, '\n', (size_t)(end - name)) : NULL;
    if (name_end == NULL || id == NULL) {
        return;
    }
    const Use *use = find_use((CpSpan){name, (uint32_t)(name_end - name)});
    Format *f = g_new0(Format, 1);
    f->kind = use != NULL ? use->kind : CP_TRACE_OTHER;
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        CpSpan field_name;
        Field field;
        if (parse_field(line, stop, &field_name, &field)) {
            take_field(t, f, use, field_name, field);
        } else if (f->kind == CP_TRACE_SWITCH && find(line, stop, "print fmt:") != NULL) {
            parse_states(f, line, stop);
        }
        line = stop + 1;
    }
    bool complete = use != NULL;
    for (size_t i = 0; use != NULL && i < F_COUNT; i++) {
        complete = complete && (f->fields[i].size > 0 || (use->needed & BIT(i)) == 0);
    }
    if (!complete) {
        f->kind = CP_TRACE_OTHER;
    }
    gint64 *key = g_new(gint64, 1);
    *key = (gint64)strtoull(id, NULL, 10);
    g_hash_table_replace(t->formats, key, f);
}

/* --- the description --- */

typedef struct {
    CpBytes *bytes;
    uint64_t at;
    bool big, failed;
} Reader;

static const uint8_t *take(Reader *r, size_t n)
{
    const uint8_t *at = r->failed ? NULL : cp_bytes_at(r->bytes, r->at, n);
    r->failed |= at == NULL;
    r->at += n;
    return at;
}

static uint32_t take32(Reader *r)
{
    const uint8_t *at = take(r, 4);
    return at != NULL ? cp_get32(at, r->big) : 0;
}

static uint64_t take64(Reader *r)
{
    const uint8_t *at = take(r, 8);
    return at != NULL ? cp_get64(at, r->big) : 0;
}

/* Passes over a text that ends with a zero. */
static void skip_text(Reader *r)
{
    enum { TEXT_MAX = 4096 };
    for (int i = 0; i < TEXT_MAX; i++) {
        const uint8_t *c = take(r, 1);
        if (c == NULL || *c == 0) {
            return;
        }
    }
    r->failed = true;
}

static void skip(Reader *r, uint64_t n)
{
    r->failed |= n > PART_MAX;
    r->at += r->failed ? 0 : n;
}

/* New: a part of `n` bytes with a zero behind it; NULL: it is not there. */
static char *take_part(Reader *r, uint64_t n)
{
    if (r->failed || n > PART_MAX || n > cp_bytes_size(r->bytes)) {
        r->failed = true;
        return NULL;
    }
    char *part = g_malloc(n + 1);
    for (uint64_t done = 0; done < n && !r->failed;) {
        size_t piece = MIN(n - done, CP_BYTES_WINDOW);
        const uint8_t *at = take(r, piece);
        if (at != NULL) {
            memcpy(part + done, at, piece);
        }
        done += piece;
    }
    part[n] = '\0';
    if (r->failed) {
        g_free(part);
        return NULL;
    }
    return part;
}

static void read_formats(CpTracing *t, Reader *r, uint32_t n)
{
    for (uint32_t i = 0; i < n && !r->failed; i++) {
        uint64_t size = take64(r);
        g_autofree char *text = take_part(r, size);
        if (text != NULL) {
            cp_tracing_add(t, text, size);
        }
    }
}

/* "pid name" lines. */
static void read_comms(CpTracing *t, Reader *r)
{
    uint64_t size = take64(r);
    g_autofree char *text = take_part(r, size);
    for (char *line = text; line != NULL && *line != '\0';) {
        char *stop = strchrnul(line, '\n'), *name;
        bool last = *stop == '\0';
        *stop = '\0';
        long pid = strtol(line, &name, 10);
        if (name > line && *name == ' ' && pid > 0 && pid <= INT32_MAX) {
            g_hash_table_replace(t->comms, GINT_TO_POINTER((int)pid), g_strdup(name + 1));
        }
        line = last ? NULL : stop + 1;
    }
}

/* Magic number, version, byte order, size of a long, size of a page. */
static void read_head(CpTracing *t, Reader *r)
{
    static const uint8_t magic[] = {0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g'};
    const uint8_t *at = take(r, sizeof magic);
    if (at == NULL || memcmp(at, magic, sizeof magic) != 0) {
        r->failed = true;
        return;
    }
    const uint8_t *version = cp_bytes_at(r->bytes, r->at, 2);
    t->version =
        version != NULL && version[0] >= '0' && version[0] <= '9' && version[1] == 0
            ? (unsigned)(version[0] - '0')
            : 0;
    skip_text(r);
    const uint8_t *order = take(r, 2);
    t->big = r->big = order != NULL && order[0] == 1;
    t->page_size = take32(r);
}

/* How a page is laid out, and how an event's head, which is the same everywhere. */
static void read_page(CpTracing *t, Reader *r)
{
    skip_text(r);
    uint64_t size = take64(r);
    g_autofree char *text = take_part(r, size);
    for (char *line = text; line != NULL && *line != '\0';) {
        char *stop = strchrnul(line, '\n');
        CpSpan name;
        Field field;
        if (parse_field(line, stop, &name, &field)) {
            t->commit = is(name, "commit") ? field : t->commit;
            t->data = is(name, "data") ? field : t->data;
        }
        line = *stop != '\0' ? stop + 1 : NULL;
    }
    skip_text(r);
    skip(r, take64(r));
}

static void read_systems(CpTracing *t, Reader *r)
{
    uint32_t n_systems = take32(r);
    r->failed |= n_systems > SYSTEMS_MAX;
    for (uint32_t i = 0; i < n_systems && !r->failed; i++) {
        skip_text(r);
        read_formats(t, r, take32(r));
    }
}

bool cp_tracing_read_page(CpTracing *t, CpBytes *bytes, uint64_t offset)
{
    Reader r = {bytes, offset, t->big, false};
    read_page(t, &r);
    return !r.failed;
}

bool cp_tracing_read_events(CpTracing *t, CpBytes *bytes, uint64_t offset)
{
    Reader r = {bytes, offset, t->big, false};
    read_systems(t, &r);
    return !r.failed;
}

bool cp_tracing_read_comms(CpTracing *t, CpBytes *bytes, uint64_t offset)
{
    Reader r = {bytes, offset, t->big, false};
    read_comms(t, &r);
    return !r.failed;
}

static void read_description(CpTracing *t, Reader *r)
{
    read_head(t, r);
    if (t->version >= 7) {
        return; /* its parts stand in sections, which the caller knows */
    }
    read_page(t, r);
    read_formats(t, r, take32(r));
    read_systems(t, r);
    skip(r, take32(r)); /* symbols */
    skip(r, take32(r)); /* format strings */
    read_comms(t, r);
}

CpTracing *cp_tracing_new(CpBytes *bytes, uint64_t offset, uint64_t *end, GError **error)
{
    CpTracing *t = g_new0(CpTracing, 1);
    t->formats = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    t->comms = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    t->type = (Field){0, 2, false};
    t->commit = (Field){8, 8, false};
    t->data = (Field){16, 4080, false};
    t->page_size = 4096;
    Reader r = {.bytes = bytes, .at = offset};
    read_description(t, &r);
    if (r.failed) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: the description of its events is damaged or cut at byte "
                    "%" G_GUINT64_FORMAT "; record again",
                    cp_bytes_name(bytes), r.at);
        cp_tracing_free(t);
        return NULL;
    }
    *end = r.at;
    return t;
}

void cp_tracing_free(CpTracing *t)
{
    if (t != NULL) {
        g_hash_table_unref(t->formats);
        g_hash_table_unref(t->comms);
        g_free(t);
    }
}

bool cp_tracing_big_endian(const CpTracing *t)
{
    return t->big;
}

unsigned cp_tracing_version(const CpTracing *t)
{
    return t->version;
}

void cp_tracing_page(const CpTracing *t, uint32_t *commit_size, uint32_t *data)
{
    *commit_size = t->commit.size == 4 ? 4 : 8;
    *data = t->data.offset;
}

uint32_t cp_tracing_page_size(const CpTracing *t)
{
    return t->page_size;
}

CpSpan cp_tracing_comm(const CpTracing *t, int32_t pid)
{
    const char *name = g_hash_table_lookup(t->comms, GINT_TO_POINTER(pid));
    return (CpSpan){name, name != NULL ? (uint32_t)strlen(name) : 0};
}

/* --- events --- */

static const Format *format_of(const CpTracing *t, uint64_t id)
{
    gint64 key = (gint64)id;
    return g_hash_table_lookup(t->formats, &key);
}

bool cp_tracing_knows(const CpTracing *t, uint64_t id)
{
    const Format *f = format_of(t, id);
    return f != NULL && f->kind != CP_TRACE_OTHER;
}

static bool get_number(const CpTracing *t, Field f, const uint8_t *bytes, size_t n,
                       int64_t *value)
{
    if (f.size == 0 || f.offset + f.size > n) {
        return false;
    }
    const uint8_t *at = bytes + f.offset;
    switch (f.size) {
    case 1:
        *value = *at;
        return true;
    case 2:
        *value = (int16_t)cp_get16(at, t->big);
        return true;
    case 4:
        *value = (int32_t)cp_get32(at, t->big);
        return true;
    case 8:
        *value = (int64_t)cp_get64(at, t->big);
        return true;
    default:
        return false;
    }
}

static CpSpan get_text(const CpTracing *t, Field f, const uint8_t *bytes, size_t n)
{
    uint32_t offset = f.offset, size = f.size;
    if (f.elsewhere && f.size == 4 && f.offset + 4 <= n) {
        uint32_t place = cp_get32(bytes + f.offset, t->big);
        offset = place & 0xffff;
        size = place >> 16;
    }
    if (size == 0 || offset + size > n) {
        return (CpSpan){NULL, 0};
    }
    const char *text = (const char *)bytes + offset;
    return (CpSpan){text, (uint32_t)strnlen(text, size)};
}

uint64_t cp_tracing_id(const CpTracing *t, const uint8_t *bytes, size_t n)
{
    int64_t id = 0;
    get_number(t, t->type, bytes, n, &id);
    return (uint64_t)id & 0xffff;
}

static uint32_t state_of(const Format *f, int64_t v)
{
    if (v == 0 || f->n_states == 0) {
        return cp_text_state_of_number(v);
    }
    for (unsigned i = 0; i < f->n_states; i++) {
        if (v & f->states[i].bit) {
            return (uint32_t)f->states[i].letter;
        }
    }
    return 'R' | CP_SWITCH_PREEMPTED;
}

/* pid, prio and name of one of the two threads of an event. */
static bool get_task(const CpTracing *t, const Format *f, const uint8_t *bytes, size_t n,
                     unsigned comm, CpTraceTask *task)
{
    int64_t v;
    task->comm = get_text(t, f->fields[comm], bytes, n);
    if (get_number(t, f->fields[comm + 1], bytes, n, &v)) {
        task->pid = (int32_t)v;
    } else if (f->fields[comm + 1].size > 0) {
        return false;
    }
    if (get_number(t, f->fields[comm + 2], bytes, n, &v)) {
        task->prio = (int32_t)v;
    }
    return true;
}

bool cp_tracing_decode(const CpTracing *t, uint64_t id, const uint8_t *bytes, size_t n,
                       CpTraceEvent *e)
{
    const Format *f = format_of(t, id);
    int64_t v;
    e->kind = CP_TRACE_OTHER;
    if (f == NULL) {
        return true;
    }
    if (get_number(t, f->pid, bytes, n, &v)) {
        e->current.pid = (int32_t)v;
    }
    e->irq = get_number(t, f->flags, bytes, n, &v) && (v & IN_INTERRUPT) != 0;
    if (f->kind == CP_TRACE_OTHER) {
        return true;
    }
    if (!get_task(t, f, bytes, n, F_SUBJECT_COMM, &e->subject) ||
        !get_task(t, f, bytes, n, F_OTHER_COMM, &e->other)) {
        return false;
    }
    if (f->fields[F_STATE].size > 0) {
        if (!get_number(t, f->fields[F_STATE], bytes, n, &v)) {
            return false;
        }
        e->state = state_of(f, v);
    }
    if (f->fields[F_VALUE].size > 0 &&
        !get_number(t, f->fields[F_VALUE], bytes, n, &e->value)) {
        return false;
    }
    e->cpu2 = e->cpu;
    if (get_number(t, f->fields[F_CPU], bytes, n, &v)) {
        e->cpu2 = v >= 0 && v < CP_CPUS_MAX ? (uint32_t)v : CP_NONE;
    }
    e->kind = f->kind;
    if (get_number(t, f->fields[F_SUCCESS], bytes, n, &v) && v == 0) {
        e->kind = CP_TRACE_OTHER; /* it was awake already */
    }
    return f->kind != CP_TRACE_RUNTIME || e->value >= 0;
}
