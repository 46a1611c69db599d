#include "cli/gantt.h"

#include "cli/fold.h"
#include "plots/lanes.h"
#include "plots/scale.h"
#include "traces/thread-names.h"
#include "traces/walk.h"

#include <stdio.h>
#include <string.h>

/* Which letter stands in a column. */

enum {
    WIDTH_MIN = 40,
    WIDTH_MAX = 200,
    NAME_COLUMNS = 16, /* columns of a row's name */
    ROWS_MAX = 24,     /* threads with a row */
    CPU_ROWS_MAX = 64, /* CPUs with a row */
    LETTERS = 62,
    COLOURS = 6,
    SEEN = 20, /* a part of a column that a run must take to be seen */
};

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char cpu_letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* What a thread does when it does not run, behind the CPUs it may run on. */
enum { RUNS_ELSEWHERE, READY, ON_GIL, WAITS, N_OTHER };

typedef struct {
    CpCpr *cpr;
    const CpGanttLook *look;
    char **names;
    uint32_t n_cpus, n_cpu_slots, n_threads;
    uint32_t *slot_of; /* [thread]: its letter; LETTERS: has none */
    CpTime *ran;       /* [thread] */
    CpTime from, to;
    unsigned label, columns;
    CpBins cpus, threads;
    GString *out;
} Gantt;

/* --- reading --- */

static void on_cpu(void *data, const CpCpuSpan *span)
{
    Gantt *g = data;
    if (span->thread < g->n_threads) {
        g->ran[span->thread] += span->to - span->from;
        if (span->cpu < g->cpus.n_lanes) {
            cp_bins_add(&g->cpus, span->cpu, span->thread, g->slot_of[span->thread],
                        span->from, span->to);
        }
    }
}

static void on_span(void *data, const CpSpan *span)
{
    Gantt *g = data;
    uint32_t row = span->thread < g->n_threads ? g->slot_of[span->thread] : CP_NONE;
    if (row >= g->threads.n_lanes || span->from >= span->to) {
        return;
    }
    bool on_gil = span->state == CP_SEEN_BLOCKED && span->why == CP_BLOCK_RUNTIME &&
                  span->on != CP_REC_LOOP_READY;
    uint32_t slot = g->n_cpu_slots + (span->state == CP_SEEN_RUNNABLE ? READY
                                      : on_gil                        ? ON_GIL
                                                                      : WAITS);
    if (span->state == CP_SEEN_RUNNING) {
        slot = span->cpu < g->n_cpu_slots ? span->cpu : g->n_cpu_slots + RUNS_ELSEWHERE;
    }
    cp_bins_add(&g->threads, row, span->thread, slot, span->from, span->to);
}

/* Everything is gathered in columns, however long it took. */
static void init_bins(const Gantt *g, CpBins *bins, uint32_t n_lanes, uint32_t n_slots)
{
    CpBinsShape shape = {.from = g->from,
                         .to = g->to,
                         .n_cpus = MAX(n_lanes, 1),
                         .cpus_per_lane = 1,
                         .n_bins = g->columns,
                         .n_slots = n_slots,
                         .long_ns = INT64_MAX};
    cp_bins_init(bins, &shape);
}

/* --- writing --- */

static void put_colour(const Gantt *g, uint32_t number)
{
    if (g->look->colour) {
        g_string_append_printf(g->out, "\033[3%um", 1 + number % COLOURS);
    }
}

static void end_colour(const Gantt *g)
{
    if (g->look->colour) {
        g_string_append(g->out, "\033[0m");
    }
}

/* A row's name, as wide as all of them. */
static void put_label(const Gantt *g, const char *name)
{
    glong n = g_utf8_strlen(name, -1);
    long room = (long)g->label - 1;
    if (n > room) {
        const char *end = g_utf8_offset_to_pointer(name, room - 1);
        g_string_append_len(g->out, name, end - name);
        g_string_append(g->out, g->look->ascii ? "~" : "…");
        n = room;
    } else {
        g_string_append(g->out, name);
    }
    g_string_append_printf(g->out, "%*s", (int)(g->label - (unsigned)n), "");
}

/* The slot that took most of a column, and whether it was nothing most of the time. */
static uint32_t slot_at(const CpBins *bins, uint32_t lane, uint32_t column)
{
    const CpTime *ns = cp_bins_at(bins, lane, column);
    CpTime width = cp_bins_edge(bins, column + 1) - cp_bins_edge(bins, column), sum = 0;
    uint32_t best = 0;
    for (uint32_t slot = 0; slot < bins->shape.n_slots; slot++) {
        sum += ns[slot];
        best = ns[slot] > ns[best] ? slot : best;
    }
    return sum == 0 || width - sum > ns[best] ? CP_NONE : best;
}

/* Whether a thread ran at all in a column. */
static bool ran_at(const Gantt *g, uint32_t row, uint32_t column)
{
    const CpTime *ns = cp_bins_at(&g->threads, row, column);
    CpTime ran = 0;
    for (uint32_t slot = 0; slot <= g->n_cpu_slots + RUNS_ELSEWHERE; slot++) {
        ran += ns[slot];
    }
    return ran >
           (cp_bins_edge(&g->threads, column + 1) - cp_bins_edge(&g->threads, column)) /
               SEEN;
}

static void put_cpu_row(const Gantt *g, uint32_t cpu)
{
    char name[24];
    snprintf(name, sizeof name, "CPU %u", cpu);
    put_label(g, name);
    for (uint32_t column = 0; column < g->columns; column++) {
        uint32_t slot = slot_at(&g->cpus, cpu, column);
        if (slot == CP_NONE) {
            g_string_append(g->out, g->look->ascii ? "." : "·");
            continue;
        }
        put_colour(g, slot);
        g_string_append_c(g->out, slot < LETTERS ? letters[slot] : '*');
        end_colour(g);
    }
    g_string_append_c(g->out, '\n');
}

static void put_thread_row(const Gantt *g, uint32_t thread)
{
    uint32_t row = g->slot_of[thread];
    g_autofree char *name = g_strdup_printf("%c %s", letters[row], g->names[thread]);
    put_label(g, name);
    for (uint32_t column = 0; column < g->columns; column++) {
        uint32_t slot = slot_at(&g->threads, row, column);
        if (slot == CP_NONE) {
            g_string_append_c(g->out, ' ');
        } else if (slot >= g->n_cpu_slots + READY && ran_at(g, row, column)) {
            g_string_append_c(g->out, ',');
        } else if (slot == g->n_cpu_slots + ON_GIL) {
            g_string_append_c(g->out, ':');
        } else if (slot < g->n_cpu_slots) {
            put_colour(g, row);
            g_string_append_c(g->out, cpu_letters[slot]);
            end_colour(g);
        } else if (slot == g->n_cpu_slots + RUNS_ELSEWHERE) {
            g_string_append_c(g->out, '#');
        } else if (slot == g->n_cpu_slots + READY) {
            g_string_append(g->out, g->look->ascii ? "-" : "░");
        } else {
            g_string_append(g->out, g->look->ascii ? "." : "·");
        }
    }
    while (g->out->len > 0 && g->out->str[g->out->len - 1] == ' ') {
        g_string_truncate(g->out, g->out->len - 1);
    }
    g_string_append_c(g->out, '\n');
}

/* Marks of the time axis with their labels above. */
static void put_scale(const Gantt *g)
{
    enum { LABEL_ROOM = 9 };
    CpTicks ticks;
    cp_ticks_time(&ticks, g->from, g->to, MAX(g->columns / LABEL_ROOM, 1));
    g_autofree char *row = g_strnfill(g->columns, '-');
    GString *above = g_string_new(NULL);
    for (unsigned i = 0; i < ticks.n; i++) {
        double share = (double)(ticks.tick[i].value - g->from) / (double)(g->to - g->from);
        unsigned at = MIN((unsigned)(share * g->columns), g->columns - 1);
        row[at] = '|';
        if (above->len <= at && at + strlen(ticks.tick[i].text) <= g->columns) {
            g_string_append_printf(above, "%*s%s", (int)(at - above->len), "",
                                   ticks.tick[i].text);
            g_string_append_c(above, ' ');
        }
    }
    /* "time [ms]" of the axis: its unit stands once, before the labels. */
    put_label(g, ticks.title);
    g_string_append(g->out, g_strchomp(above->str));
    g_string_append_c(g->out, '\n');
    put_label(g, "");
    g_string_append(g->out, row);
    g_string_append_c(g->out, '\n');
    g_string_free(above, TRUE);
}

static void put_key(const Gantt *g, uint32_t n_rows)
{
    bool ascii = g->look->ascii;
    g_autofree char *key = g_strdup_printf(
        "CPUs: the thread by its letter, %s idle. Threads: the CPU it runs on, %s waits "
        "for "
        "one, : waits for the GIL, %s waits for something else, \",\" ran a little.",
        ascii ? "." : "·", ascii ? "-" : "░", ascii ? "." : "·");
    cp_fold_words(g->out, key, 0, g->look->width);
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n_threads; i++) {
        n += g->ran[i] > 0;
    }
    if (n > n_rows) {
        g_string_append_printf(g->out,
                               "%u more threads have no row; * is one without a letter.\n",
                               n - n_rows);
    }
}

/* Letters in order of numbers; rows for the first of them. */
static uint32_t give_letters(Gantt *g)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n_threads; i++) {
        g->slot_of[i] = MIN(i, LETTERS);
        n += i < ROWS_MAX;
    }
    unsigned widest = 9;
    for (uint32_t i = 0; i < n; i++) {
        widest = MAX(widest, (unsigned)g_utf8_strlen(g->names[i], -1) + 2);
    }
    g->label = MIN(widest, NAME_COLUMNS) + 1;
    return n;
}

char *cp_gantt_text(CpCpr *cpr, const CpGanttLook *look, GError **error)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    Gantt g = {.cpr = cpr,
               .look = look,
               .names = cp_thread_names(cpr),
               .n_cpus = MAX(info->n_cpus, 1),
               .n_threads = cp_cpr_n_threads(cpr),
               .from = info->start,
               .to = MAX(info->end, info->start + 1),
               .out = g_string_new(NULL)};
    g.slot_of = g_new(uint32_t, MAX(g.n_threads, 1));
    g.ran = g_new0(CpTime, MAX(g.n_threads, 1));
    g.n_cpu_slots = MIN(g.n_cpus, (uint32_t)strlen(cpu_letters));
    uint32_t n_rows = give_letters(&g);
    uint32_t n_cpu_rows = MIN(g.n_cpus, CPU_ROWS_MAX);
    g.columns = CLAMP(look->width, WIDTH_MIN, WIDTH_MAX) - g.label;
    init_bins(&g, &g.cpus, n_cpu_rows, LETTERS + 1);
    init_bins(&g, &g.threads, n_rows, g.n_cpu_slots + N_OTHER);
    const CpTimelineHooks hooks = {.cpu = on_cpu, .span = on_span};
    const CpWalk all = {0};
    gboolean ok = cp_walk(cpr, &all, &hooks, &g, error);
    if (ok) {
        put_scale(&g);
        for (uint32_t cpu = 0; cpu < n_cpu_rows; cpu++) {
            put_cpu_row(&g, cpu);
        }
        g_string_append_c(g.out, '\n');
        for (uint32_t i = 0; i < n_rows; i++) {
            put_thread_row(&g, i);
        }
        put_key(&g, n_rows);
    }
    cp_bins_clear(&g.cpus);
    cp_bins_clear(&g.threads);
    g_strfreev(g.names);
    g_free(g.slot_of);
    g_free(g.ran);
    char *text = g_string_free(g.out, !ok);
    return ok ? text : NULL;
}
