#include "traces/rebuild/evidence.h"

#include "sim/error.h"
#include "lang/diag.h"
#include "lang/parse.h"

#include <string.h>

/* --- folding --- */

enum {
    PERIOD_MAX = 16, /* longest repeated sequence looked for */
    REPEATS_MIN = 3, /* fewer are not worth a loop */
};

static bool same_piece(const CpPiece *a, const CpPiece *b)
{
    return a->kind == b->kind && a->value == b->value &&
           (a->thread == b->thread || a->kind == CP_PIECE_WAIT);
}

/* How often the n pieces at `at` stand there in a row. */
static uint32_t repeats(const GArray *p, guint at, guint n)
{
    const CpPiece *piece = (const CpPiece *)(const void *)p->data;
    guint end = at + n;
    while (end < p->len && same_piece(&piece[end], &piece[end - n])) {
        end++;
    }
    return (end - at) / n;
}

GArray *cp_rebuild_fold(const GArray *flat)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(FoldedPiece));
    for (guint i = 0; i < flat->len;) {
        guint best = 0, saved = 0;
        for (guint n = 1; n <= PERIOD_MAX && i + n * REPEATS_MIN <= flat->len; n++) {
            uint32_t times = repeats(flat, i, n);
            if (times >= REPEATS_MIN && (times - 1) * n > saved) {
                best = n;
                saved = (times - 1) * n;
            }
        }
        uint32_t times = best ? saved / best + 1 : 1;
        if (best > 0) {
            FoldedPiece loop = {.times = times, .n = best};
            g_array_append_val(out, loop);
        }
        for (guint k = 0; k < MAX(best, 1); k++) {
            FoldedPiece one = {.piece = g_array_index(flat, CpPiece, i + k)};
            g_array_append_val(out, one);
        }
        i += MAX(best, 1) * times;
    }
    return out;
}

/* --- text --- */

static void put_time(GString *out, CpTime ns)
{
    g_autofree char *text = cp_format_time(ns);
    g_string_append(out, text);
}

typedef struct {
    const CpRebuild *rb;
    const GPtrArray *names;
    GString *out;
    GError *error; /* the first one */
} Writer;

static const char *name_of(const Writer *w, uint32_t thread)
{
    return g_ptr_array_index(w->names, w->rb->threads[thread].facts.decl);
}

static void write_piece(Writer *w, const RebuildThread *t, const CpPiece *p)
{
    GString *out = w->out;
    switch ((CpPieceKind)p->kind) {
    case CP_PIECE_RUN:
        g_string_append(out, "cpu ");
        put_time(out, p->value);
        break;
    case CP_PIECE_DELAY:
        g_string_append(out, "wait ");
        put_time(out, p->value);
        break;
    case CP_PIECE_WAIT:
        g_string_append_printf(out, "acquire woken_%s", name_of(w, t->facts.id));
        break;
    case CP_PIECE_WAKE:
        g_string_append_printf(out, "release woken_%s", name_of(w, p->thread));
        break;
    case CP_PIECE_ANSWER:
    case CP_PIECE_AWAIT: {
        g_autofree char *name = cp_rebuild_pair_name(w->rb, p->thread, w->names);
        g_string_append_printf(out, "%s %s",
                               p->kind == CP_PIECE_AWAIT ? "acquire" : "release", name);
        break;
    }
    case CP_PIECE_SPAWN: {
        bool fork = w->rb->pids[p->thread] != w->rb->pids[t->facts.id];
        const char *name = name_of(w, p->thread);
        g_string_append_printf(out, "spawn %s %s run_%s()", fork ? "process" : "thread",
                               name, name);
        break;
    }
    case CP_PIECE_JOIN:
        g_string_append_printf(out, "join %s", name_of(w, p->thread));
        break;
    case CP_PIECE_JOIN_ALL:
        g_string_append(out, "join all");
        break;
    case CP_PIECE_YIELD:
        g_string_append(out, "yield");
        break;
    case CP_PIECE_NICE:
        g_string_append_printf(out, "nice %" G_GINT64_FORMAT, p->value);
        break;
    case CP_PIECE_RT:
        g_string_append_printf(out, "policy %s (prio=%" G_GINT64_FORMAT ")",
                               cp_sched_name(cp_rebuild_rt_policy(t)), p->value);
        break;
    case CP_PIECE_END:
        break;
    }
}

static void write_loop(Writer *w, const RebuildThread *t, const FoldedPiece *f)
{
    g_string_append_printf(w->out, "repeat %u { ", f->times);
    for (uint32_t k = 1; k <= f->n; k++) {
        write_piece(w, t, &f[k].piece);
        g_string_append(w->out, k < f->n ? "; " : " }");
    }
}

/* The thread's pieces: new array of CpPiece; NULL: they cannot be read. */
static GArray *read_pieces(const CpRebuild *rb, uint32_t id, GError **error)
{
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(CpPiece));
    CpPieceWindow window = {0};
    int64_t place = cp_pieces_first(rb->pieces, id);
    for (;;) {
        CpPiece piece;
        if (!cp_pieces_next(rb->pieces, id, &window, &place, &piece, error)) {
            return NULL;
        }
        if (piece.kind == CP_PIECE_END) {
            return g_steal_pointer(&out);
        }
        g_array_append_val(out, piece);
    }
}

static void write_body(Writer *w, const RebuildThread *t)
{
    bool goes_on = w->error == NULL && w->out->len <= CP_PARSE_BYTES_MAX;
    g_autoptr(GArray) flat = goes_on ? read_pieces(w->rb, t->facts.id, &w->error) : NULL;
    if (flat == NULL) {
        return;
    }
    g_autoptr(GArray) folded = cp_rebuild_fold(flat);
    g_string_append(w->out, " {\n");
    for (guint i = 0; i < folded->len; i++) {
        const FoldedPiece *f = &g_array_index(folded, FoldedPiece, i);
        g_string_append(w->out, "    ");
        if (f->times > 1) {
            write_loop(w, t, f);
            i += f->n;
        } else {
            write_piece(w, t, &f->piece);
        }
        g_string_append_c(w->out, '\n');
    }
    g_string_append(w->out, "  }\n");
}

static void write_cpus(GString *out, const CpCpuMask *mask)
{
    const char *comma = "";
    for (CpCpu c = cp_cpumask_next(mask, 0); c < CP_CPUS_MAX;) {
        g_string_append_printf(out, "%s%u", comma, c);
        comma = ",";
        c = c + 1 < CP_CPUS_MAX ? cp_cpumask_next(mask, c + 1) : CP_CPUS_MAX;
    }
}

static void write_groups(Writer *w)
{
    const GArray *groups = w->rb->infer->groups;
    for (guint i = 0; i < groups->len; i++) {
        const CpInferredGroup *g = &g_array_index(groups, CpInferredGroup, i);
        g_string_append_printf(w->out, "cgroup %s { period ", g->name);
        put_time(w->out, g->period);
        g_string_append(w->out, "; quota ");
        put_time(w->out, g->quota);
        if (g->burst > 0) {
            g_string_append(w->out, "; burst ");
            put_time(w->out, g->burst);
        }
        g_string_append(w->out, " }\n");
    }
}

/* Threads that exist from the start say all they differ in from the default. */
static void write_attrs(Writer *w, const RebuildThread *t)
{
    GString *out = w->out;
    g_string_append(out, " (slack=1ns");
    if (t->start_prio >= 100 && t->start_prio != 120) {
        g_string_append_printf(out, ", nice=%d", CLAMP(t->start_prio - 120, -20, 19));
    } else if (t->start_prio < 100) {
        g_string_append_printf(out, ", policy=%s, prio=%d",
                               cp_sched_name(cp_rebuild_rt_policy(t)),
                               CLAMP(99 - t->start_prio, 1, 99));
    }
    if (t->start > 0) {
        g_string_append(out, ", start=");
        put_time(out, t->start);
    }
    if (w->rb->options.pin && !t->several_cpus && t->cpu != CP_NONE) {
        g_string_append_printf(out, ", cpus=%u", t->cpu);
    } else if (cp_rebuild_cpus(w->rb, t) != NULL) {
        g_string_append(out, ", cpus=");
        write_cpus(out, cp_rebuild_cpus(w->rb, t));
    }
    g_string_append(out, ")");
}

/* Who begins the chain of starts that leads to the thread: its task is declared there. */
static uint32_t first_of(const CpRebuild *rb, uint32_t id)
{
    while (rb->threads[id].spawned_by != CP_NONE) {
        id = rb->threads[id].spawned_by;
    }
    return id;
}

/* The process in whose block the thread is written. */
static int64_t home_of(const CpRebuild *rb, const RebuildThread *t)
{
    return rb->pids[first_of(rb, t->facts.id)];
}

static void write_process(Writer *w, int64_t pid, const char *name)
{
    const CpRebuild *rb = w->rb;
    g_autofree char *plain = cp_rebuild_plain_name(name, "p");
    g_string_append_printf(w->out, "\nprocess %s_%" G_GINT64_FORMAT " runtime native {\n",
                           plain, pid);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const RebuildThread *t = cp_rebuild_kept(rb, i);
        const char *thread = g_ptr_array_index(w->names, i);
        if (home_of(rb, t) != pid) {
            continue;
        }
        if (t->spawned_by != CP_NONE) {
            g_string_append_printf(w->out, "  task run_%s()", thread);
        } else {
            g_string_append_printf(w->out, "  thread %s", thread);
            write_attrs(w, t);
            g_string_append(w->out, t->foreign ? " daemon" : "");
            uint32_t group = rb->infer->threads[t->facts.id].group;
            if (group != CP_NONE) {
                g_string_append_printf(
                    w->out, " in %s",
                    g_array_index(rb->infer->groups, CpInferredGroup, group).name);
            }
        }
        write_body(w, t);
    }
    g_string_append(w->out, "}\n");
}

static void write_heading(Writer *w)
{
    const CpRebuild *rb = w->rb;
    if (rb->source[0] != 0) {
        g_autofree char *source = cp_clean_text(rb->source, -1);
        g_string_append_printf(w->out, " (%s)", source);
    }
    g_string_append_printf(
        w->out,
        ".\n# `cpu` and `wait` are measured times; `acquire woken_X` is a "
        "wait of X that\n# another thread ended, there with `release`.  "
        "Measured CPU time contains what\n# the kernel's work cost, so nothing is added "
        "for "
        "it.\nrun { costs ideal }\nmachine { cores %u }\n\n",
        rb->n_cpus);
    for (const char *const *text = cp_rebuild_said(rb); *text != NULL; text++) {
        g_autofree char *clean = cp_clean_text(*text, -1);
        g_string_append_printf(w->out, "# %s\n", clean);
    }
    write_groups(w);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        if (cp_rebuild_kept(rb, i)->waits > 0) {
            g_string_append_printf(w->out, "shared semaphore woken_%s (n=0)\n",
                                   (const char *)g_ptr_array_index(w->names, i));
        }
    }
    for (guint i = 0; i < rb->pairs->len; i++) {
        if (g_array_index(rb->pairs, RebuildPair, i).n > 0) {
            g_autofree char *name = cp_rebuild_pair_name(rb, i, w->names);
            g_string_append_printf(w->out, "shared semaphore %s (n=0)\n", name);
        }
    }
}

char *cp_rebuild_text(const CpRebuild *rb, GError **error)
{
    g_autoptr(GPtrArray) names = cp_rebuild_names(rb, true);
    Writer w = {rb, names, g_string_new("# Rebuilt from a recording"), NULL};
    write_heading(&w);
    int64_t last = INT64_MIN;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const RebuildThread *t = cp_rebuild_kept(rb, i);
        int64_t pid = rb->pids[t->facts.id];
        if (t->spawned_by == CP_NONE && pid != last) {
            write_process(&w, pid, cp_rebuild_process_name(rb, t->facts.id));
            last = pid;
        }
    }
    if (w.error == NULL && w.out->len > CP_PARSE_BYTES_MAX) {
        g_set_error(&w.error, CP_ERROR, CP_ERROR_INPUT,
                    "the workload would be a text of more than %d MiB, which is the most "
                    "that is read; keep it a recording, `coreplay run` takes those of any "
                    "length, or cut a part with --from and --to",
                    CP_PARSE_BYTES_MAX >> 20);
    }
    if (w.error != NULL) {
        g_propagate_error(error, w.error);
        g_string_free(w.out, TRUE);
        return NULL;
    }
    return g_string_free(w.out, FALSE);
}
