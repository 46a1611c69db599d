#include "traces/import/text-event.h"

#include "sim/record.h"
#include "traces/import/input.h"

#include <string.h>

/* What one line of scheduler event text says. */

/* The literals below contain no line end, so comparing them may look beyond the
 * end of the line (there is room) without ever matching there. */
#define STARTS(p, literal) (memcmp((p), (literal), sizeof(literal) - 1) == 0)

enum {
    COMM_MAX = 15,   /* longest name the kernel prints in a payload */
    LOOK_AHEAD = 48, /* a name that looks like a head ends before this */
    HEAD_MAX = 512,  /* no head of a line is longer, so a long line costs no more */
};

typedef struct {
    const char *at, *end;
} Cursor;

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline void skip_blanks(Cursor *c)
{
    while (is_blank(*c->at)) {
        c->at++;
    }
}

static inline bool take(Cursor *c, const char *literal, size_t n)
{
    if (memcmp(c->at, literal, n) != 0) {
        return false;
    }
    c->at += n;
    return true;
}
#define TAKE(c, literal) take((c), (literal), sizeof(literal) - 1)

/* At most 18 digits, so that no value overflows. */
static inline bool take_number(Cursor *c, int64_t *value)
{
    const char *p = c->at;
    bool minus = *p == '-';
    p += minus;
    const char *first = p;
    uint64_t v = 0;
    while (is_digit(*p)) {
        v = v * 10 + (uint64_t)(*p++ - '0');
        if (p - first > 18) {
            return false;
        }
    }
    if (p == first) {
        return false;
    }
    c->at = p;
    *value = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static inline bool take_int(Cursor *c, int32_t *value)
{
    int64_t v;
    if (!take_number(c, &v) || v < INT32_MIN || v > INT32_MAX) {
        return false;
    }
    *value = (int32_t)v;
    return true;
}

static inline bool take_cpu(Cursor *c, uint32_t *cpu)
{
    int64_t v;
    if (!take_number(c, &v) || v < 0 || v >= CP_CPUS_MAX) {
        return false;
    }
    *cpu = (uint32_t)v;
    return true;
}

/* A name may contain anything, also what looks like the next key: the last
 * place where the key fits a kernel name decides; for longer names of other
 * tools the first one. */
static inline bool take_name(Cursor *c, const char *key, size_t n, CpSpan *name)
{
    for (size_t len = COMM_MAX + 1; len-- > 0;) {
        if (c->at[len] == ' ' && memcmp(c->at + len, key, n) == 0 && c->at + len < c->end) {
            *name = (CpSpan){c->at, (uint32_t)len};
            c->at += len + n;
            return true;
        }
    }
    const char *found =
        c->at < c->end ? memmem(c->at, (size_t)(c->end - c->at), key, n) : NULL;
    if (found == NULL) {
        return false;
    }
    *name = (CpSpan){c->at, (uint32_t)(found - c->at)};
    c->at = found + n;
    return true;
}
#define TAKE_NAME(c, key, name) take_name((c), (key), sizeof(key) - 1, (name))

/* --- state of the thread switched from --- */

/* Kernels number the preempted state differently; whatever lone high bit it is,
 * the thread can still run.  16, 32 and 64 are the dead states of old and new
 * kernels. */
uint32_t cp_text_state_of_number(int64_t v)
{
    if (v == 0) {
        return 'R';
    }
    if (v >= 256 && (v & (v - 1)) == 0) {
        return 'R' | CP_SWITCH_PREEMPTED;
    }
    static const struct {
        int64_t bit;
        char letter;
    } letters[] = {{2, 'D'}, {1, 'S'}, {4, 'T'}, {8, 't'}, {112, 'X'}, {128, 'I'}};
    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++) {
        if (v & letters[i].bit) {
            return (uint32_t)letters[i].letter;
        }
    }
    return 'S';
}

static bool take_state(Cursor *c, CpTraceEvent *e)
{
    uint32_t *state = &e->state;
    e->state_is_number = is_digit(*c->at);
    if (is_digit(*c->at)) {
        int64_t v;
        bool good = take_number(c, &v);
        *state = good ? cp_text_state_of_number(v) : 0;
        return good;
    }
    char letter = *c->at;
    if (letter <= ' ' || letter > '~') {
        return false;
    }
    letter = letter == 'x' ? 'X' : letter;
    *state = (uint32_t)letter;
    if (c->at[1] == '+') {
        *state |= CP_SWITCH_PREEMPTED;
    }
    /* "D|W" and the like: the first letter says where the thread waits. */
    while (*c->at > ' ' && *c->at != ')') {
        c->at++;
    }
    return true;
}

/* --- payloads --- */

/* A priority that is not known is written "-" in repaired recordings. */
static bool take_prio(Cursor *c, int32_t *prio)
{
    if (*c->at == '-' && !is_digit(c->at[1])) {
        c->at++;
        *prio = CP_PRIO_UNKNOWN;
        return true;
    }
    return take_int(c, prio);
}

/* NuttX has no priorities in its events. */
static bool take_prio_key(Cursor *c, const char *key, int32_t *prio)
{
    return !take(c, key, strlen(key)) || take_prio(c, prio);
}

static bool switch_keys(Cursor *c, CpTraceEvent *e)
{
    if (!TAKE_NAME(c, " prev_pid=", &e->subject.comm) || !take_int(c, &e->subject.pid) ||
        !take_prio_key(c, " prev_prio=", &e->subject.prio) || !TAKE(c, " prev_state=") ||
        !take_state(c, e)) {
        return false;
    }
    if (!TAKE(c, " ==> next_comm=") && !TAKE(c, " next_comm=")) {
        return false;
    }
    if (!TAKE_NAME(c, " next_pid=", &e->other.comm) || !take_int(c, &e->other.pid) ||
        !take_prio_key(c, " next_prio=", &e->other.prio)) {
        return false;
    }
    if (STARTS(c->at, " reconstructed=1")) {
        e->state |= CP_SWITCH_RECONSTRUCTED;
    }
    return true;
}

/* "name:pid [prio]", ending before `end`; the cursor is put behind it.  The
 * last bracket that closes a number decides, as names may hold brackets too. */
static bool short_task(Cursor *c, const char *end, CpTraceTask *task)
{
    const char *open = NULL;
    for (const char *p = end; p > c->at; p--) {
        if (p[0] == '[' && p[-1] == ' ' && (is_digit(p[1]) || p[1] == '-')) {
            open = p;
            break;
        }
    }
    if (open == NULL) {
        return false;
    }
    const char *digits = open - 1;
    while (digits > c->at && is_digit(digits[-1])) {
        digits--;
    }
    Cursor pid = {digits, end}, prio = {open + 1, end};
    if (digits == c->at || digits[-1] != ':' || !take_int(&pid, &task->pid) ||
        !take_int(&prio, &task->prio) || *prio.at != ']') {
        return false;
    }
    task->comm = (CpSpan){c->at, (uint32_t)(digits - 1 - c->at)};
    c->at = prio.at + 1;
    return true;
}

/* trace-cmd's "A:1 [120] S ==> B:2 [120]"; before 2.6.35 "task A:1 [120] (S)
 * ==> ...". */
static bool switch_short(Cursor *c, CpTraceEvent *e)
{
    TAKE(c, "task ");
    const char *arrow = memmem(c->at, (size_t)(c->end - c->at), " ==> ", 5);
    /* A name may hold an arrow: the one behind "] STATE" is meant. */
    while (arrow != NULL) {
        Cursor left = {c->at, arrow}, right = {arrow + 5, c->end};
        if (short_task(&left, arrow, &e->subject)) {
            skip_blanks(&left);
            left.at += *left.at == '(';
            if (left.at < arrow && take_state(&left, e) && left.at >= arrow - 1 &&
                short_task(&right, c->end, &e->other)) {
                return true;
            }
        }
        arrow = memmem(arrow + 1, (size_t)(c->end - arrow - 1), " ==> ", 5);
    }
    return false;
}

static bool parse_switch(Cursor *c, CpTraceEvent *e)
{
    return TAKE(c, "prev_comm=") ? switch_keys(c, e) : switch_short(c, e);
}

/* "success=0": the thread was awake already, nothing happened. */
static void no_wakeup(CpTraceEvent *e)
{
    e->kind = CP_TRACE_OTHER;
}

static bool wake_keys(Cursor *c, CpTraceEvent *e)
{
    if (!TAKE_NAME(c, " pid=", &e->subject.comm) || !take_int(c, &e->subject.pid) ||
        !take_prio_key(c, " prio=", &e->subject.prio)) {
        return false;
    }
    if (STARTS(c->at, " success=0")) {
        no_wakeup(e);
    }
    if (STARTS(c->at, " success=")) {
        c->at += sizeof " success=0" - 1;
    }
    e->cpu2 = e->cpu;
    return !TAKE(c, " target_cpu=") || (TAKE(c, "CPU:"), take_cpu(c, &e->cpu2));
}

/* "A:1 [120] success=1 CPU:003", in old traces "task A:1 [120] success=1
 * [003]". */
static bool wake_short(Cursor *c, CpTraceEvent *e)
{
    TAKE(c, "task ");
    const char *end = memmem(c->at, (size_t)(c->end - c->at), "] success=", 10);
    const char *cpu = memmem(c->at, (size_t)(c->end - c->at), "] CPU:", 6);
    end = end ? end : cpu;
    if (!short_task(c, end ? end : c->end, &e->subject)) {
        return false;
    }
    skip_blanks(c);
    if (STARTS(c->at, "success=")) {
        if (c->at[8] == '0') {
            no_wakeup(e);
        }
        c->at += 9;
        skip_blanks(c);
    }
    e->cpu2 = e->cpu;
    return !(TAKE(c, "CPU:") || TAKE(c, "[")) || take_cpu(c, &e->cpu2);
}

static bool parse_wake(Cursor *c, CpTraceEvent *e)
{
    return TAKE(c, "comm=") ? wake_keys(c, e) : wake_short(c, e);
}

static bool parse_migrate(Cursor *c, CpTraceEvent *e)
{
    uint32_t from;
    if (!TAKE(c, "comm=") || !TAKE_NAME(c, " pid=", &e->subject.comm) ||
        !take_int(c, &e->subject.pid) || !TAKE(c, " prio=") ||
        !take_prio(c, &e->subject.prio) || !TAKE(c, " orig_cpu=") || !take_cpu(c, &from) ||
        !TAKE(c, " dest_cpu=") || !take_cpu(c, &e->cpu2)) {
        return false;
    }
    e->value = from;
    return true;
}

/* trace-cmd report -R has the names that the event's fields have. */
static bool parse_fork(Cursor *c, CpTraceEvent *e)
{
    bool parent = TAKE(c, "comm=") ? TAKE_NAME(c, " pid=", &e->subject.comm)
                                   : TAKE(c, "parent_comm=") &&
                                         TAKE_NAME(c, " parent_pid=", &e->subject.comm);
    return parent && take_int(c, &e->subject.pid) && TAKE(c, " child_comm=") &&
           TAKE_NAME(c, " child_pid=", &e->other.comm) && take_int(c, &e->other.pid);
}

static bool parse_exec(Cursor *c, CpTraceEvent *e)
{
    return TAKE(c, "filename=") && TAKE_NAME(c, " pid=", &e->other.comm) &&
           take_int(c, &e->subject.pid);
}

static bool parse_exit(Cursor *c, CpTraceEvent *e)
{
    if (!TAKE(c, "comm=") || !TAKE_NAME(c, " pid=", &e->subject.comm) ||
        !take_int(c, &e->subject.pid)) {
        return false;
    }
    if (TAKE(c, " prio=") && !take_prio(c, &e->subject.prio)) {
        return false;
    }
    e->value = STARTS(c->at, " group_dead=true");
    return true;
}

static bool parse_runtime(Cursor *c, CpTraceEvent *e)
{
    return TAKE(c, "comm=") && TAKE_NAME(c, " pid=", &e->subject.comm) &&
           take_int(c, &e->subject.pid) && TAKE(c, " runtime=") &&
           take_number(c, &e->value) && e->value >= 0;
}

static bool parse_prio(Cursor *c, CpTraceEvent *e)
{
    int32_t old;
    return TAKE(c, "comm=") && TAKE_NAME(c, " pid=", &e->subject.comm) &&
           take_int(c, &e->subject.pid) && TAKE(c, " oldprio=") && take_prio(c, &old) &&
           TAKE(c, " newprio=") && take_number(c, &e->value);
}

static bool parse_rename(Cursor *c, CpTraceEvent *e)
{
    CpSpan old;
    if (!TAKE(c, "pid=") || !take_int(c, &e->subject.pid) || !TAKE(c, " oldcomm=") ||
        !TAKE_NAME(c, " newcomm=", &old)) {
        return false;
    }
    const char *end = memmem(c->at, (size_t)(c->end - c->at), " oom_score_adj=", 15);
    end = end ? end : c->end;
    e->subject.comm = (CpSpan){c->at, (uint32_t)(end - c->at)};
    return true;
}

static bool parse_nothing(Cursor *c, CpTraceEvent *e)
{
    e->subject = e->current;
    return c->at != NULL;
}

/* --- event names --- */

typedef struct {
    const char *name;
    size_t len;
    CpTraceKind kind;
    bool (*parse)(Cursor *c, CpTraceEvent *e);
} EventName;

#define NAME(name) name, sizeof(name) - 1

/* Frequent ones first. */
static const EventName event_names[] = {
    {NAME("sched_switch"), CP_TRACE_SWITCH, parse_switch},
    {NAME("sched_stat_runtime"), CP_TRACE_RUNTIME, parse_runtime},
    {NAME("sched_wakeup"), CP_TRACE_WAKEUP, parse_wake},
    {NAME("sched_waking"), CP_TRACE_WAKING, parse_wake},
    {NAME("sched_migrate_task"), CP_TRACE_MIGRATE, parse_migrate},
    {NAME("sched_wakeup_new"), CP_TRACE_WAKEUP_NEW, parse_wake},
    {NAME("sched_process_fork"), CP_TRACE_FORK, parse_fork},
    {NAME("sched_process_exec"), CP_TRACE_EXEC, parse_exec},
    {NAME("sched_process_exit"), CP_TRACE_EXIT, parse_exit},
    {NAME("sched_pi_setprio"), CP_TRACE_PRIORITY, parse_prio},
    {NAME("task_rename"), CP_TRACE_RENAME, parse_rename},
    {NAME("take_enter"), CP_TRACE_GIL_ASK, parse_nothing},
    {NAME("take_return"), CP_TRACE_GIL_GOT, parse_nothing},
    {NAME("drop_enter"), CP_TRACE_GIL_DROP, parse_nothing},
};

static const EventName *find_name(const char *name, size_t len)
{
    for (size_t i = 0; i < G_N_ELEMENTS(event_names); i++) {
        if (event_names[i].len == len && memcmp(event_names[i].name, name, len) == 0) {
            return &event_names[i];
        }
    }
    return NULL;
}

/* User-written text: whatever it looks like, it is no head of a line. */
static bool is_print(CpSpan name)
{
    static const char *const prints[] = {"print", "bprint", "bputs", "tracing_mark_write",
                                         "user_stack"};
    for (size_t i = 0; i < G_N_ELEMENTS(prints); i++) {
        if (strlen(prints[i]) == name.len && memcmp(prints[i], name.text, name.len) == 0) {
            return true;
        }
    }
    return false;
}

/* --- the head of a line --- */

/* Digits that end at `end`, going no further left than `start`. */
static const char *digits_before(const char *start, const char *end)
{
    const char *p = end;
    while (p > start && is_digit(p[-1])) {
        p--;
    }
    return p;
}

static const char *blanks_before(const char *start, const char *end)
{
    const char *p = end;
    while (p > start && is_blank(p[-1])) {
        p--;
    }
    return p;
}

/* "SECONDS.FRACTION" ending at `colon`; returns its first byte or NULL. */
static const char *parse_time(const char *start, const char *colon, CpTime *time)
{
    const char *fraction = digits_before(start, colon);
    if (fraction == colon || fraction - start < 2 || fraction[-1] != '.') {
        return NULL;
    }
    const char *seconds = digits_before(start, fraction - 1);
    size_t n = (size_t)(fraction - 1 - seconds);
    if (n == 0 || n > 10 || (seconds > start && !is_blank(seconds[-1]))) {
        return NULL;
    }
    uint64_t s = 0, f = 0;
    for (const char *p = seconds; p < fraction - 1; p++) {
        s = s * 10 + (uint64_t)(*p - '0');
    }
    const char *p = fraction;
    for (unsigned i = 0; i < 9; i++) {
        f = f * 10 + (p < colon ? (uint64_t)(*p++ - '0') : 0);
    }
    if (s > (uint64_t)(INT64_MAX / CP_S) - 1) {
        return NULL;
    }
    *time = (CpTime)(s * CP_S + f);
    return seconds;
}

/* "123456us" with a mark behind it: the latency format; `end` becomes the end
 * of the digits. */
static const char *parse_latency_time(const char *start, const char *colon, CpTime *time)
{
    const char *end = colon;
    if (end - start > 3 && strchr(" +!#*@$", end[-1]) != NULL && end[-1] != 0) {
        end--;
    }
    if (end - start < 4 || end[-1] != 's' || end[-2] != 'u') {
        return NULL;
    }
    const char *digits = digits_before(start, end - 2);
    if (digits == end - 2 || end - digits > 17 || digits == start ||
        !is_blank(digits[-1])) {
        return NULL;
    }
    CpTime us = 0;
    for (const char *p = digits; p < end - 2; p++) {
        us = us * 10 + (*p - '0');
    }
    *time = us * CP_US;
    return digits;
}

/* A count without a fraction: the clock is no time. */
static const char *parse_integer_time(const char *start, const char *colon, CpTime *time)
{
    const char *digits = digits_before(start, colon);
    if (digits == colon || digits == start || !is_blank(digits[-1])) {
        return NULL;
    }
    *time = 1;
    return digits;
}

static int32_t number_between(const char *from, const char *to)
{
    int64_t v = 0;
    for (; from < to; from++) {
        v = v * 10 + (*from - '0');
        if (v > INT32_MAX) {
            return -1;
        }
    }
    return (int32_t)v;
}

/* Who ran: "name-pid", "name-pid (tgid)", "name tid" or "name pid/tid", ending
 * at `end`. */
static bool parse_task(const char *start, const char *end, CpTraceEvent *e)
{
    end = blanks_before(start, end);
    if (end > start && end[-1] == ')') {
        const char *open = end - 1;
        while (open > start && *open != '(') {
            open--;
        }
        const char *digits = digits_before(start, end - 1);
        if (blanks_before(start, digits) == open + 1 && digits < end - 1) {
            e->tgid = number_between(digits, end - 1);
        }
        end = blanks_before(start, open);
    }
    const char *pid = digits_before(start, end);
    if (pid == end) {
        return false;
    }
    e->current.pid = number_between(pid, end);
    const char *name = pid;
    if (pid > start && pid[-1] == '/') {
        name = digits_before(start, pid - 1);
        e->tgid = name < pid - 1 ? number_between(name, pid - 1) : -1;
    } else if (pid > start && pid[-1] == '-') {
        name = pid - 1;
        /* perf prints -1 for a thread it lost track of. */
        if (e->current.pid == 1 && (name == start || is_blank(name[-1]))) {
            e->current.pid = -1;
        }
    } else if (pid > start && !is_blank(pid[-1])) {
        return false;
    }
    name = blanks_before(start, name);
    while (start < name && is_blank(*start)) {
        start++;
    }
    e->current.comm = (CpSpan){start, (uint32_t)(name - start)};
    return true;
}

/* Flags of the kernel: irqs-off, need-resched, interrupt, preempt depth and
 * maybe more. */
static bool are_flags(const char *from, const char *to)
{
    bool good = to - from >= 4 && to - from <= 6;
    for (const char *p = from; good && p < to; p++) {
        good = *p != 0 && strchr(".dXDBbnNpLlRhHsSzZ0123456789#", *p) != NULL;
    }
    return good;
}

static void note_irq(CpTraceEvent *e, const char *from, const char *to)
{
    /* The third flag: hard interrupt, soft interrupt, both, NMI. */
    e->irq = to - from >= 4 && strchr("hsHzZ", from[2]) != NULL && from[2] != 0;
}

static void set_cpu(CpTraceEvent *e, int64_t cpu)
{
    e->cpu_above = cpu >= CP_CPUS_MAX;
    e->cpu = e->cpu_above ? CP_NONE : (uint32_t)cpu;
}

/* "2024-12-01 12:00:00.123456", perf's time of day, before `end`: its start,
 * else end. */
static const char *before_day(const char *start, const char *end)
{
    const char *p = digits_before(start, end);
    if (end - p < 3 || p - start < 20 || p[-1] != '.' || p[-4] != ':' || p[-7] != ':') {
        return end;
    }
    return p[-10] == ' ' && p[-13] == '-' && p - start > 20 ? p - 20 : end;
}

/* The latency format's "1d..2." behind the thread: CPU and flags; their start
 * or NULL. */
static const char *latency_columns(const char *flags, const char *end, CpTraceEvent *e)
{
    const char *p = flags;
    int64_t cpu = 0;
    while (p < end && is_digit(*p) && p - flags < 6) {
        cpu = cpu * 10 + (*p++ - '0');
    }
    if (p == flags || p == end || is_digit(*p) || !are_flags(p, end)) {
        return NULL;
    }
    set_cpu(e, cpu);
    note_irq(e, p, end);
    return flags;
}

/* All that stands left of the time. */
static bool parse_head(const char *start, const char *time, CpTraceEvent *e)
{
    const char *end = blanks_before(start, time);
    end = blanks_before(start, before_day(start, end));
    if (end > start && end[-1] != ']') {
        /* Four or five flags, or no CPU column at all. */
        const char *flags = end;
        while (flags > start && !is_blank(flags[-1])) {
            flags--;
        }
        const char *before = blanks_before(start, flags);
        if (before == start || before[-1] != ']' || end - flags > 8) {
            const char *columns = latency_columns(flags, end, e);
            return parse_task(start, columns != NULL ? columns : end, e);
        }
        note_irq(e, flags, end);
        end = before;
    }
    if (end == start) {
        return false;
    }
    const char *digits = digits_before(start, end - 1);
    if (digits == end - 1 || digits == start || digits[-1] != '[') {
        return false;
    }
    int32_t cpu = number_between(digits, end - 1);
    if (cpu < 0) {
        return false;
    }
    set_cpu(e, cpu);
    return parse_task(start, digits - 1, e);
}

/* "u", "kpp": where perf was to count. */
static bool are_modifiers(const char *from, const char *to)
{
    bool good = to > from && to - from <= 6;
    for (const char *p = from; good && p < to; p++) {
        good = strchr("ukhpPSDIGHWe", *p) != NULL;
    }
    return good;
}

/* The event's name behind the time; the cursor is put at the payload. */
static bool parse_name(Cursor *c, CpSpan *name)
{
    skip_blanks(c);
    const char *start = c->at, *p = start;
    while (is_digit(*p)) {
        p++;
    }
    if (p > start && is_blank(*p)) {
        /* perf's period column */
        c->at = p;
        skip_blanks(c);
        start = p = c->at;
    }
    const char *colon = NULL, *before = NULL; /* the name before the last one */
    for (; p < c->end && !is_blank(*p); p++) {
        if (*p == ':' && p + 1 < c->end && !is_blank(p[1])) {
            before = start;
            start = p + 1;
        }
        colon = *p == ':' ? p : colon;
    }
    if (colon == NULL || colon != p - 1 || colon <= start) {
        return false;
    }
    const char *end = colon;
    if (before != NULL && are_modifiers(start, colon)) {
        end = start - 1;
        start = before;
    }
    *name = (CpSpan){start, (uint32_t)(end - start)};
    c->at = p;
    skip_blanks(c);
    return true;
}

/* --- lines that are no events --- */

/* "CPU:3 [LOST 1042 EVENTS]" of the kernel; "[LOST EVENTS]" where it does not
 * know how many. */
static bool parse_lost(const char *line, size_t len, CpTraceEvent *e)
{
    const char *lost = memmem(line, len, "[LOST ", 6);
    const char *cpu = lost ? memmem(line, (size_t)(lost - line), "CPU:", 4) : NULL;
    if (cpu == NULL) {
        return false;
    }
    Cursor c = {lost + 6, line + len}, n = {cpu + 4, line + len};
    skip_blanks(&n);
    e->kind = CP_TRACE_LOST;
    e->value = -1;
    if (!take_cpu(&n, &e->cpu)) {
        return false;
    }
    return STARTS(c.at, "EVENT") || (take_number(&c, &e->value) && STARTS(c.at, " EVENT"));
}

static CpTextKind no_event(const char *line, size_t len, CpTraceEvent *e)
{
    Cursor c = {line, line + len};
    skip_blanks(&c);
    static const char *const headers[] = {
        "#",
        "version = ",
        "cpus=",
        "TRACE:",
        "capturing trace",
        "Dumping ftrace buffer",
        "(ftrace buffer empty)",
        "-----",
        "<html",
        "<pre",
        "</pre",
    };
    bool is_header = c.at >= c.end;
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
        is_header = is_header || (strlen(headers[i]) <= (size_t)(c.end - c.at) &&
                                  memcmp(c.at, headers[i], strlen(headers[i])) == 0);
    }
    if (is_header) {
        return CP_TEXT_HEADER;
    }
    if (STARTS(c.at, "</script>")) {
        return CP_TEXT_END;
    }
    return parse_lost(line, len, e) ? CP_TEXT_EVENT : CP_TEXT_UNKNOWN;
}

/* perf script --show-lost-events: "... PERF_RECORD_LOST lost 12". */
static bool perf_lost(const Cursor *c, CpTraceEvent *e)
{
    const char *p = c->at;
    while (is_blank(*p)) {
        p++;
    }
    if (!STARTS(p, "PERF_RECORD_LOST")) {
        return false;
    }
    const char *lost = memmem(p, (size_t)(c->end - p), " lost ", 6);
    Cursor n = {lost ? lost + 6 : c->end, c->end};
    e->kind = CP_TRACE_LOST;
    if (!take_number(&n, &e->value) || e->value < 0) {
        e->value = -1;
    }
    return true;
}

void cp_text_heading(const char *line, size_t len, uint32_t *n_cpus, uint64_t *overwritten)
{
    const char *cpus = memmem(line, len, "#P:", 3);
    const char *entries = memmem(line, len, "entries-written: ", 17);
    const char *latency = memmem(line, len, "us, #", 5);
    int64_t v, written;
    *n_cpus = 0;
    *overwritten = 0;
    Cursor c = {cpus ? cpus + 3 : line, line + len};
    if (cpus != NULL || TAKE(&c, "cpus=")) {
        *n_cpus = take_number(&c, &v) && v > 0 && v <= CP_CPUS_MAX ? (uint32_t)v : 0;
    }
    c.at = entries ? entries + 17 : latency ? latency + 5 : line;
    if ((entries != NULL || latency != NULL) && take_number(&c, &v) && TAKE(&c, "/") &&
        take_number(&c, &written) && v >= 0 && written > v) {
        *overwritten = (uint64_t)(written - v);
    }
}

static void event_init(CpTraceEvent *e)
{
    e->kind = CP_TRACE_OTHER;
    e->cpu = e->cpu2 = CP_NONE;
    e->tgid = -1;
    e->state = 0;
    e->value = 0;
    e->irq = e->state_is_number = e->cpu_above = false;
    e->current = (CpTraceTask){-1, CP_PRIO_UNKNOWN, {NULL, 0}};
    e->subject = e->other = e->current;
}

/* What stands behind the colon of a time stamp. */
typedef struct {
    Cursor payload;
    const EventName *known; /* NULL: an event we have no use for */
    bool text;              /* its payload is free text */
    bool no_event;          /* a line of a trace, but none of an event */
} Found;

/* Tries the colon as the end of a time stamp. */
static bool try_colon(const char *line, const char *end, const char *colon, CpTraceEvent *e,
                      Found *found)
{
    event_init(e);
    const char *time = parse_time(line, colon, &e->time);
    time = time ? time : parse_latency_time(line, colon, &e->time);
    if (time == NULL || !parse_head(line, time, e)) {
        return false;
    }
    Cursor c = {colon + 1, end};
    CpSpan name;
    *found = (Found){.payload = c};
    if (parse_name(&c, &name)) {
        found->known = find_name(name.text, name.len);
        found->text = found->known == NULL && is_print(name);
        found->payload = c;
        return true;
    }
    /* Something happened there, such as a call of a function. */
    found->no_event = !perf_lost(&c, e);
    return !found->no_event || e->cpu != CP_NONE;
}

/* Finds the head of the line.  A thread may be called like the head of a line:
 * if the event is not one we know, a colon shortly behind may be the right one.
 */
static bool find_head(const char *line, const char *end, CpTraceEvent *e, Found *found)
{
    const char *stop = MIN(end, line + HEAD_MAX);
    bool any = false;
    for (const char *p = line; p < stop;) {
        const char *colon = memchr(p, ':', (size_t)(stop - p));
        if (colon == NULL) {
            break;
        }
        p = colon + 1;
        if (colon - line < 2 ||
            !(is_digit(colon[-1]) || colon[-1] == 's' || colon[-2] == 's')) {
            continue;
        }
        if (!any) {
            any = try_colon(line, end, colon, e, found);
            if (any && (found->known != NULL || found->text)) {
                break;
            }
            stop = any ? MIN(stop, colon + LOOK_AHEAD) : stop;
            continue;
        }
        CpTraceEvent later;
        Found other;
        if (try_colon(line, end, colon, &later, &other) && other.known != NULL) {
            *e = later;
            *found = other;
            break;
        }
    }
    return any;
}

/* Whether the line would be an event if its clock were a time. */
static bool has_integer_time(const char *line, const char *end)
{
    const char *stop = MIN(end, line + HEAD_MAX);
    for (const char *p = line; p < stop && (p = memchr(p, ':', (size_t)(stop - p))) != NULL;
         p++) {
        CpTraceEvent e;
        event_init(&e);
        Cursor c = {p + 1, end};
        CpSpan name;
        const char *time = parse_integer_time(line, p, &e.time);
        if (time != NULL && parse_head(line, time, &e) && e.cpu != CP_NONE &&
            parse_name(&c, &name)) {
            return find_name(name.text, name.len) != NULL;
        }
    }
    return false;
}

/* "<4>[  812.100003][   C1] " and what a log writes before it, when the kernel
 * dumped its buffer there. */
static const char *behind_console(const char *line, const char *end)
{
    size_t near = MIN((size_t)(end - line), (size_t)96);
    const char *log = memmem(line, near, " kernel: ", 9);
    const char *p = log != NULL ? log + 9 : line;
    if (*p == '<' && is_digit(p[1]) && (p[2] == '>' || p[3] == '>')) {
        p += p[2] == '>' ? 3 : 4;
    }
    const char *found = log != NULL || p > line ? p : NULL;
    for (int i = 0; i < 2 && p < end && *p == '['; i++) {
        const char *close = memchr(p, ']', MIN((size_t)(end - p), (size_t)40));
        const char *inside = p + 1;
        while (close != NULL && inside < close &&
               (is_digit(*inside) || strchr(". CT", *inside) != NULL)) {
            inside++;
        }
        if (close == NULL || inside != close || close[1] == ':') {
            break;
        }
        p = found = close + 1;
    }
    return found != NULL ? found : line;
}

CpTextKind cp_text_event(const char *line, size_t len, CpTraceEvent *event)
{
    const char *end = line + len;
    line = behind_console(line, end);
    len = (size_t)(end - line);
    if (len >= 3 && memcmp(end - 3, "\\n\\", 3) == 0) {
        end -= 3; /* a line of the string in an old systrace page */
    }
    Found found;
    if (*line == '#' || !find_head(line, end, event, &found)) {
        bool integer = *line != '#' && has_integer_time(line, end);
        event_init(event);
        return integer ? CP_TEXT_INTEGER : no_event(line, (size_t)(end - line), event);
    }
    if (found.no_event) {
        return CP_TEXT_HEADER;
    }
    if (found.known == NULL) {
        /* systrace ends with a clock line stamped 0.0 that is no event. */
        return event->time > 0 || event->kind == CP_TRACE_LOST ? CP_TEXT_EVENT
                                                               : CP_TEXT_HEADER;
    }
    event->kind = found.known->kind;
    if (!found.known->parse(&found.payload, event) || found.payload.at > end) {
        event->kind = CP_TRACE_OTHER;
        return CP_TEXT_BROKEN;
    }
    return CP_TEXT_EVENT;
}
