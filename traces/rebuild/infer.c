#include "traces/rebuild/infer-work.h"

#include "sim/units.h"

#include <string.h>

/* What fits the waits of a recording that no busy CPU explains: quotas, CPUs that were
 * taken away, CPUs nothing is told of. */

enum {
    SPANS_MAX = 1 << 20, /* waits and idle times looked at */
    FITS_MIN = 2,        /* ends of waits before they make a period */
};

/* A shorter time on an idle CPU is its way out of idle, one beside it the balancing's
 * delay. */
#define IDLE_MIN CP_MS

/* Members of one group while its period is looked for. */
typedef struct {
    int64_t pid;
    uint32_t group; /* CP_NONE: none fits */
    GArray *ends;   /* CpTime: ends of waits on an idle CPU, in order */
    CpTime waited;
    CpTime first; /* end of the first one */
    CpTime period;
    GArray *used; /* CpTime: CPU time in the period before each end */
} Process;

static Process *process_at(const InferWork *w, guint i)
{
    return &g_array_index(w->processes, Process, i);
}

static Process *process_of(const InferWork *w, int64_t pid)
{
    for (guint i = 0; i < w->processes->len; i++) {
        if (process_at(w, i)->pid == pid) {
            return process_at(w, i);
        }
    }
    return NULL;
}

void cp_infer_say(const InferWork *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(w->out->said, g_strdup_vprintf(format, args));
    va_end(args);
}

/* --- reading --- */

static void add_cpu(void *data, const CpCpuSpan *s)
{
    InferWork *w = data;
    if (s->cpu >= w->n_cpus || s->thread == CP_UNKNOWN) {
        return;
    }
    w->recorded[s->cpu] = true;
    if (s->thread != CP_NONE) {
        w->before[s->cpu] = s->thread;
    } else if (s->to - s->from >= IDLE_MIN && w->n_idle < SPANS_MAX) {
        InferSpan idle = {.who = w->before[s->cpu],
                          .cpu = s->cpu,
                          .from = s->from,
                          .to = s->to,
                          .last = s->to >= w->to};
        g_array_append_val(w->idle[s->cpu], idle);
        w->n_idle++;
    }
}

static void add_span(void *data, const CpSpan *s)
{
    InferWork *w = data;
    if (s->thread >= w->n_threads || s->cpu >= w->n_cpus) {
        return;
    }
    InferThread *t = &w->threads[s->thread];
    if (s->state == CP_SEEN_RUNNING && s->to > s->from) {
        cp_cpumask_set(&t->ran, s->cpu);
    } else if (s->state == CP_SEEN_RUNNABLE && s->end == CP_END_RUNS) {
        t->waited += s->to - s->from;
        if (s->to - s->from >= CP_INFER_OWN_MIN && w->waits->len < SPANS_MAX &&
            !w->info[s->thread].kernel) {
            InferSpan wait = {
                .who = s->thread, .cpu = s->cpu, .from = s->from, .to = s->to};
            g_array_append_val(w->waits, wait);
        }
    }
}

/* First idle time of the CPU that ends after `from`. */
static guint first_idle(GArray *idle, CpTime from)
{
    guint low = 0, high = idle->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (cp_infer_span(idle, middle)->to <= from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

CpTime cp_infer_overlap(GArray *idle, const InferSpan *wait, CpTime *until)
{
    CpTime sum = 0;
    for (guint i = first_idle(idle, wait->from);
         i < idle->len && cp_infer_span(idle, i)->from < wait->to; i++) {
        const InferSpan *s = cp_infer_span(idle, i);
        *until = MIN(s->to, wait->to);
        sum += *until - MAX(s->from, wait->from);
    }
    return sum;
}

static bool is_throttled(const InferSpan *wait)
{
    return wait->idle >= CP_INFER_OWN_MIN && wait->idle * 2 >= wait->to - wait->from;
}

/* --- quota --- */

static gint by_value(gconstpointer a, gconstpointer b)
{
    CpTime x = *(const CpTime *)a, y = *(const CpTime *)b;
    return (x > y) - (x < y);
}

static void add_end(InferWork *w, const InferSpan *wait)
{
    int64_t pid = w->info[wait->who].pid;
    Process *p = process_of(w, pid);
    if (p == NULL) {
        Process made = {.pid = pid,
                        .group = CP_NONE,
                        .ends = g_array_new(FALSE, FALSE, sizeof(CpTime)),
                        .used = g_array_new(FALSE, TRUE, sizeof(CpTime))};
        g_array_append_val(w->processes, made);
        p = process_at(w, w->processes->len - 1);
    }
    g_array_append_val(p->ends, wait->until);
    p->waited += wait->idle;
    w->threads[wait->who].throttles++;
}

/* Ends that lie together are one: the threads of a group go on at the same moment. */
static void merge_ends(Process *p)
{
    g_array_sort(p->ends, by_value);
    guint n = 0;
    for (guint i = 0; i < p->ends->len; i++) {
        CpTime end = g_array_index(p->ends, CpTime, i);
        if (n == 0 || end - g_array_index(p->ends, CpTime, n - 1) > CP_MS) {
            g_array_index(p->ends, CpTime, n++) = end;
        }
    }
    g_array_set_size(p->ends, n);
}

static CpTime end_at(const Process *p, guint i)
{
    return g_array_index(p->ends, CpTime, i);
}

/* Whether nearly all ends are whole periods apart, and some follow each other. */
static bool fits(const Process *p, CpTime period)
{
    CpTime slack = MAX(period / 50, 200 * CP_US);
    guint good = 0, next = 0;
    for (guint i = 1; i < p->ends->len; i++) {
        CpTime step = end_at(p, i) - end_at(p, i - 1);
        CpTime rest = step % period;
        good += MIN(rest, period - rest) <= slack && step > slack;
        next += ABS(step - period) <= slack;
    }
    return next > 0 && good * 10 >= (p->ends->len - 1) * 9;
}

static CpTime median(GArray *values)
{
    g_array_sort(values, by_value);
    return g_array_index(values, CpTime, values->len / 2);
}

/* The longest usual period that fits, else the usual distance of the ends. */
static CpTime find_period(const Process *p)
{
    static const int usual_ms[] = {1000, 500, 400, 300, 250, 200, 150, 100, 80,
                                   60,   50,  40,  30,  25,  20,  10,  5};
    if (p->ends->len < FITS_MIN) {
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(usual_ms); i++) {
        if (fits(p, usual_ms[i] * CP_MS)) {
            return usual_ms[i] * CP_MS;
        }
    }
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(CpTime));
    for (guint i = 1; i < p->ends->len; i++) {
        CpTime step = end_at(p, i) - end_at(p, i - 1);
        g_array_append_val(steps, step);
    }
    CpTime usual = median(steps);
    return steps->len >= 3 && fits(p, usual) ? usual : 0;
}

/* CPU time that members used in the period before each end. */
static void add_use(void *data, const CpSpan *s)
{
    InferWork *w = data;
    Process *p = s->thread < w->n_threads && s->state == CP_SEEN_RUNNING
                     ? process_of(w, w->info[s->thread].pid)
                     : NULL;
    if (p == NULL || p->period == 0 || w->info[s->thread].kernel) {
        return;
    }
    guint low = 0, high = p->ends->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (end_at(p, middle) <= s->from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (guint i = low; i < p->ends->len && end_at(p, i) - p->period < s->to; i++) {
        CpTime from = MAX(s->from, end_at(p, i) - p->period);
        CpTime to = MIN(s->to, end_at(p, i));
        g_array_index(p->used, CpTime, i) += MAX(to - from, 0);
    }
}

/* After a period that was used up nothing is left over: the next one shows the budget.
 * Others show what may be saved. */
static void budget(const Process *p, CpInferredGroup *g)
{
    g_autoptr(GArray) full = g_array_new(FALSE, FALSE, sizeof(CpTime));
    CpTime most = 0;
    for (guint i = 0; i < p->used->len; i++) {
        CpTime used = g_array_index(p->used, CpTime, i);
        bool follows = i > 0 && end_at(p, i) - end_at(p, i - 1) < p->period * 11 / 10;
        if (follows) {
            g_array_append_val(full, used);
        }
        most = MAX(most, used);
    }
    g->quota = full->len > 0 ? median(full) : most;
    bool saves = most > g->quota + g->quota / 10 + 5 * CP_MS;
    g->burst = saves ? MIN(most - g->quota, g->quota) : 0;
}

static void say_quota(const InferWork *w, const Process *p, const CpInferredGroup *g,
                      const char *who)
{
    g_autofree char *waited = cp_format_time_human(p->waited);
    g_autofree char *period = cp_format_time_human(g->period);
    g_autofree char *quota = cp_format_time_human(g->quota);
    g_autofree char *burst = cp_format_time_human(g->burst);
    cp_infer_say(
        w,
        "quota inferred for %s: runnable for %s while its own CPU was idle, %u times "
        "until the same moment of a period: budget %s in %s%s%s; -s cgroup.%s.quota=none "
        "takes it away",
        who, waited, p->ends->len, quota, period, g->burst > 0 ? ", burst " : "",
        g->burst > 0 ? burst : "", g->name);
}

/* "process 600 ('job')" */
static char *process_text(const InferWork *w, int64_t pid)
{
    const char *name = "";
    for (uint32_t i = 0; i < w->n_threads; i++) {
        if (w->info[i].pid == pid && w->threads[i].throttles > 0) {
            name = w->info[i].name;
            break;
        }
    }
    return g_strdup_printf("process %" G_GINT64_FORMAT " ('%s')", pid, name);
}

/* Another process whose ends are the same moments is in the same group. */
static const Process *companion(const InferWork *w, guint index)
{
    const Process *p = process_at(w, index);
    for (guint i = 0; i < index; i++) {
        const Process *other = process_at(w, i);
        guint same = 0;
        for (guint k = 0, m = 0; k < p->ends->len; k++) {
            while (m < other->ends->len && end_at(other, m) < end_at(p, k) - CP_MS) {
                m++;
            }
            same += m < other->ends->len && end_at(other, m) <= end_at(p, k) + CP_MS;
        }
        if (other->group != CP_NONE && same * 5 >= p->ends->len * 4) {
            return other;
        }
    }
    return NULL;
}

static void make_group(InferWork *w, guint index, GPtrArray *texts)
{
    Process *p = process_at(w, index);
    const Process *with = companion(w, index);
    g_autofree char *who = process_text(w, p->pid);
    if (with != NULL) {
        CpInferredGroup *g = &g_array_index(w->out->groups, CpInferredGroup, with->group);
        CpInferredGroup own;
        budget(p, &own);
        p->group = with->group;
        g->quota += own.quota;
        g_autofree char *all = cp_format_time_human(g->quota);
        cp_infer_say(w,
                     "%s goes on at the same moments: in the same group, with %s for all",
                     who, all);
        return;
    }
    CpInferredGroup g = {.name = g_strdup_printf("quota_%" G_GINT64_FORMAT, p->pid),
                         .period = p->period};
    budget(p, &g);
    if (g.quota < CP_MS / 10) {
        g_free(g.name);
        return;
    }
    p->group = w->out->groups->len;
    g_array_append_val(w->out->groups, g);
    g_ptr_array_add(texts, g_steal_pointer(&who));
}

static gboolean infer_quota(InferWork *w, CpCpr *cpr, const CpWalk *part, GError **error)
{
    static const CpTimelineHooks hooks = {.span = add_use};
    for (guint i = 0; i < w->waits->len; i++) {
        if (is_throttled(cp_infer_span(w->waits, i))) {
            add_end(w, cp_infer_span(w->waits, i));
        }
    }
    bool any = false;
    for (guint i = 0; i < w->processes->len; i++) {
        Process *p = process_at(w, i);
        merge_ends(p);
        p->period = find_period(p);
        p->first = end_at(p, 0);
        g_array_set_size(p->used, p->ends->len);
        any |= p->period > 0;
    }
    if (!any) {
        return TRUE;
    }
    if (!cp_walk(cpr, part, &hooks, w, error)) {
        return FALSE;
    }
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < w->processes->len; i++) {
        guint before = texts->len;
        if (process_at(w, i)->period > 0) {
            make_group(w, i, texts);
        }
        if (texts->len > before) {
            const Process *p = process_at(w, i);
            say_quota(w, p, &g_array_index(w->out->groups, CpInferredGroup, p->group),
                      g_ptr_array_index(texts, before));
        }
    }
    for (uint32_t i = 0; i < w->n_threads; i++) {
        const Process *p = w->info[i].kernel ? NULL : process_of(w, w->info[i].pid);
        w->out->threads[i].group = p != NULL ? p->group : CP_NONE;
    }
    return TRUE;
}

/* --- CPUs that were taken away --- */

/* The thread that moves all others off a CPU before it stops. */
static bool stops_cpus(const InferWork *w, uint32_t thread)
{
    const char *name = thread < w->n_threads ? w->info[thread].name : "";
    return g_str_has_prefix(name, "migration/") || g_str_has_prefix(name, "cpuhp/") ||
           g_str_has_prefix(name, "stopper/");
}

/* Waits during an idle time of a CPU that the waiting thread had used before. */
static CpTime missed(const InferWork *w, const InferSpan *idle)
{
    CpTime sum = 0;
    for (guint i = 0; i < w->waits->len; i++) {
        const InferSpan *wait = cp_infer_span(w->waits, i);
        if (wait->cpu != idle->cpu &&
            cp_cpumask_has(&w->threads[wait->who].ran, idle->cpu)) {
            CpTime from = MAX(wait->from, idle->from), to = MIN(wait->to, idle->to);
            sum += MAX(to - from, 0);
        }
    }
    return sum;
}

static void infer_offline(InferWork *w)
{
    for (CpCpu c = 0; c < w->n_cpus; c++) {
        for (guint i = 0; i < w->idle[c]->len; i++) {
            InferSpan *s = cp_infer_span(w->idle[c], i);
            bool stopped = stops_cpus(w, s->who);
            if (s->to - s->from < CP_INFER_TICK || (!stopped && !s->last)) {
                continue;
            }
            CpTime sum = missed(w, s);
            if (sum < (stopped ? CP_INFER_OWN_MIN : (s->to - s->from) / 2)) {
                continue;
            }
            CpInferredOffline off = {c, s->from - w->from,
                                     s->last ? CP_NEVER : s->to - w->from};
            g_autofree char *at = cp_format_time_human(off.from);
            g_autofree char *waited = cp_format_time_human(sum);
            cp_infer_say(
                w,
                "CPU %u taken to be offline from %s on%s: nothing ran there%s while "
                "threads that had used it waited %s for others; on another number of cores "
                "all CPUs stay",
                c, at, s->last ? "" : " for a while",
                stopped ? " after its threads had been moved away" : "", waited);
            g_array_append_val(w->out->offline, off);
            g_array_remove_index(w->idle[c], i--);
        }
    }
}

/* --- CPUs nothing is told of --- */

char *cp_infer_cpus_text(const CpCpuMask *mask)
{
    GString *out = g_string_new(cp_cpumask_count(mask) > 1 ? "CPUs " : "CPU ");
    bool first = true;
    for (CpCpu c = cp_cpumask_next(mask, 0); c < CP_CPUS_MAX;) {
        CpCpu last = c;
        while (last + 1 < CP_CPUS_MAX && cp_cpumask_has(mask, last + 1)) {
            last++;
        }
        g_string_append_printf(out, last > c ? "%s%u-%u" : "%s%u", first ? "" : ",", c,
                               last);
        first = false;
        c = last + 1 < CP_CPUS_MAX ? cp_cpumask_next(mask, last + 1) : CP_CPUS_MAX;
    }
    return g_string_free(out, FALSE);
}

void cp_infer_limit(InferWork *w, uint32_t thread, const CpCpuMask *mask)
{
    w->out->threads[thread].limited = true;
    w->out->threads[thread].cpus = *mask;
}

static void infer_recorded(InferWork *w)
{
    CpCpuMask known = {{0}};
    for (CpCpu c = 0; c < w->n_cpus; c++) {
        if (w->recorded[c]) {
            cp_cpumask_set(&known, c);
        }
    }
    CpTime waited = 0;
    for (guint i = 0; i < w->waits->len; i++) {
        const InferSpan *wait = cp_infer_span(w->waits, i);
        const CpInferredThread *t = &w->out->threads[wait->who];
        bool open = !t->limited && t->group == CP_NONE && !is_throttled(wait);
        waited +=
            open && wait->to - wait->from >= CP_INFER_OWN_MIN ? wait->to - wait->from : 0;
    }
    uint32_t n = cp_cpumask_count(&known);
    if (n == 0 || n >= w->n_cpus || waited < CP_INFER_TICK) {
        return;
    }
    for (uint32_t i = 0; i < w->n_threads; i++) {
        if (!w->out->threads[i].limited) {
            cp_infer_limit(w, i, &known);
        }
    }
    g_autofree char *text = cp_infer_cpus_text(&known);
    g_autofree char *time = cp_format_time_human(waited);
    cp_infer_say(
        w,
        "only %s of %u %s recorded: threads waited %s there, nothing is known of the other "
        "CPUs: kept to %s; -s thread.NAME.cpus=0-%u takes it away",
        text, w->n_cpus, n > 1 ? "were" : "was", time, text, w->n_cpus - 1);
}

/* --- what nothing explains --- */

static void refuse(InferWork *w)
{
    CpTime odd = 0, all = 0, worst = 0;
    uint32_t who = CP_NONE;
    CpCpu where = 0;
    for (uint32_t i = 0; i < w->n_threads; i++) {
        const InferThread *t = &w->threads[i];
        CpTime most = 0;
        all += w->info[i].kernel ? 0 : t->waited;
        for (CpCpu c = 0; t->beside != NULL && c < w->n_cpus; c++) {
            if (!w->out->threads[i].limited && t->beside[c].all > most) {
                most = t->beside[c].all;
                where = most > worst ? c : where;
            }
        }
        odd += most;
        who = most > worst ? i : who;
        worst = MAX(worst, most);
    }
    if (odd < 2 * CP_INFER_TICK || odd * 5 < all) {
        return;
    }
    g_autofree char *time = cp_format_time_human(odd);
    g_autofree char *of = cp_format_time_human(all);
    g_autofree char *one = cp_format_time_human(worst);
    w->out->refusal = g_strdup_printf(
        "threads could run but did not while a CPU was idle for %s of the %s they waited "
        "('%s' %s beside CPU %u, which it used too), and neither a quota with a period, "
        "nor "
        "affinity, nor a CPU that went offline fits: something that is not in the "
        "recording "
        "held them back, so what they would do on another machine is not known",
        time, of, w->info[who].name, one, where);
}

/* --- life --- */

static void work_clear(InferWork *w)
{
    for (CpCpu c = 0; c < w->n_cpus; c++) {
        g_array_unref(w->idle[c]);
    }
    for (uint32_t i = 0; i < w->n_threads; i++) {
        g_free(w->threads[i].beside);
    }
    for (guint i = 0; i < w->processes->len; i++) {
        g_array_unref(process_at(w, i)->ends);
        g_array_unref(process_at(w, i)->used);
    }
    g_array_unref(w->processes);
    g_array_unref(w->waits);
    g_free(w->idle);
    g_free(w->threads);
    g_free(w->recorded);
    g_free(w->before);
}

static void work_init(InferWork *w)
{
    w->threads = g_new0(InferThread, (size_t)w->n_threads + 1);
    for (uint32_t i = 0; i < w->n_threads; i++) {
        w->threads[i].parent = CP_NONE;
    }
    w->idle = g_new0(GArray *, (size_t)w->n_cpus + 1);
    for (CpCpu c = 0; c < w->n_cpus; c++) {
        w->idle[c] = g_array_new(FALSE, FALSE, sizeof(InferSpan));
    }
    w->waits = g_array_new(FALSE, FALSE, sizeof(InferSpan));
    w->recorded = g_new0(bool, w->n_cpus + 1);
    w->before = g_new(uint32_t, w->n_cpus + 1);
    memset(w->before, 0xff, (w->n_cpus + 1) * sizeof *w->before);
    w->processes = g_array_new(FALSE, FALSE, sizeof(Process));
}

static void free_group(void *group)
{
    g_free(((CpInferredGroup *)group)->name);
}

static CpInfer *alloc(uint32_t n_threads)
{
    CpInfer *out = g_new0(CpInfer, 1);
    out->threads = g_new0(CpInferredThread, (size_t)n_threads + 1);
    for (uint32_t i = 0; i < n_threads; i++) {
        out->threads[i].group = CP_NONE;
    }
    out->groups = g_array_new(FALSE, FALSE, sizeof(CpInferredGroup));
    g_array_set_clear_func(out->groups, free_group);
    out->offline = g_array_new(FALSE, FALSE, sizeof(CpInferredOffline));
    out->said = g_ptr_array_new_with_free_func(g_free);
    return out;
}

CpInfer *cp_infer_new(CpCpr *cpr, const CpInferThread *threads, CpTime from, CpTime to,
                      GError **error)
{
    static const CpTimelineHooks hooks = {.span = add_span, .cpu = add_cpu};
    uint32_t n_threads = cp_cpr_n_threads(cpr);
    CpInfer *out = alloc(n_threads);
    const CpCprInfo *info = cp_cpr_info(cpr);
    if (info->origin == CP_ORIGIN_SIMULATED) {
        return out; /* a simulated thread has nothing that the records do not say */
    }
    InferWork w = {.out = out,
                   .info = threads,
                   .n_threads = n_threads,
                   .n_cpus = CLAMP(info->n_cpus, 1, CP_CPUS_MAX),
                   .from = from,
                   .to = to};
    const CpWalk part = {.from = from, .to = to};
    work_init(&w);
    gboolean ok = cp_walk(cpr, &part, &hooks, &w, error);
    for (guint i = 0; ok && i < w.waits->len; i++) {
        InferSpan *wait = cp_infer_span(w.waits, i);
        wait->idle = cp_infer_overlap(w.idle[wait->cpu], wait, &wait->until);
    }
    ok = ok && infer_quota(&w, cpr, &part, error);
    if (ok) {
        infer_offline(&w);
        ok = cp_infer_affinity(&w, cpr, &part, error);
    }
    if (ok) {
        infer_recorded(&w);
        refuse(&w);
    }
    work_clear(&w);
    if (!ok) {
        cp_infer_free(out);
        return NULL;
    }
    return out;
}

void cp_infer_free(CpInfer *infer)
{
    if (infer == NULL) {
        return;
    }
    g_free(infer->threads);
    g_array_unref(infer->groups);
    g_array_unref(infer->offline);
    g_ptr_array_unref(infer->said);
    g_free(infer->refusal);
    g_free(infer);
}
