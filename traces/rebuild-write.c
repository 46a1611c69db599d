#include "traces/rebuild-internal.h"

#include "sim/record.h"
#include "traces/diag.h"

#include <string.h>

/* --- folding --- */

enum {
    PERIOD_MAX = 16, /* longest repeated sequence looked for */
    REPEATS_MIN = 3, /* fewer are not worth a loop */
};

/* Pieces worth writing: none taken back, neighbouring runs as one. */
static GArray *compact(const GArray *pieces)
{
    GArray *out = g_array_sized_new(FALSE, FALSE, sizeof(Piece), pieces->len);
    for (guint i = 0; i < pieces->len; i++) {
        Piece p = g_array_index(pieces, Piece, i);
        bool timed = p.kind == PIECE_RUN || p.kind == PIECE_DELAY;
        if (p.kind == PIECE_NONE || (timed && p.value <= 0)) {
            continue;
        }
        if (p.kind == PIECE_WAKE || p.kind == PIECE_WAIT) {
            p.value = 0; /* how long it took does not matter any more */
        }
        p.rule = 0;
        Piece *last = out->len ? &g_array_index(out, Piece, out->len - 1) : NULL;
        if (timed && last != NULL && last->kind == p.kind) {
            last->value += p.value;
        } else {
            g_array_append_val(out, p);
        }
    }
    return out;
}

static bool same_piece(const Piece *a, const Piece *b)
{
    return a->kind == b->kind && a->value == b->value &&
           (a->thread == b->thread || a->kind == PIECE_WAIT);
}

/* How often the n pieces at `at` stand there in a row. */
static uint32_t repeats(const GArray *p, guint at, guint n)
{
    const Piece *piece = (const Piece *)(const void *)p->data;
    guint end = at + n;
    while (end < p->len && same_piece(&piece[end], &piece[end - n])) {
        end++;
    }
    return (end - at) / n;
}

GArray *cp_rebuild_fold(const GArray *pieces)
{
    g_autoptr(GArray) flat = compact(pieces);
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
            FoldedPiece one = {.piece = g_array_index(flat, Piece, i + k)};
            g_array_append_val(out, one);
        }
        i += MAX(best, 1) * times;
    }
    return out;
}

/* --- names --- */

static const RebuildThread *kept_at(const CpRebuild *rb, uint32_t decl)
{
    return &rb->threads[g_array_index(rb->order, uint32_t, decl)];
}

static bool is_name_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* A name as the workload language has them: letters, digits and '_', other characters
 * becoming '_', never beginning with a digit. */
static char *plain_name(const char *name, const char *otherwise)
{
    GString *out = g_string_new(NULL);
    for (const char *p = name; *p != 0; p++) {
        bool good = is_name_char(*p);
        if (good || (out->len > 0 && out->str[out->len - 1] != '_')) {
            g_string_append_c(out, good ? *p : '_');
        }
    }
    while (out->len > 0 && out->str[out->len - 1] == '_') {
        g_string_truncate(out, out->len - 1);
    }
    if (out->len == 0 || g_ascii_isdigit(out->str[0])) {
        g_string_prepend(out, otherwise);
    }
    return g_string_free(out, FALSE);
}

/* Names of the kept threads, by declaration: as recorded, with the tid where several
 * threads have the same one. */
static GPtrArray *thread_names(const CpRebuild *rb, bool plain)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const char *name = g_ptr_array_index(rb->names, kept_at(rb, i)->facts.id);
        char *one = plain ? plain_name(name, "t") : g_strdup(*name ? name : "thread");
        g_ptr_array_add(names, one);
        void *count = g_hash_table_lookup(seen, one);
        g_hash_table_insert(seen, g_strdup(one),
                            GUINT_TO_POINTER(GPOINTER_TO_UINT(count) + 1));
    }
    for (uint32_t i = 0; i < rb->order->len; i++) {
        char *one = g_ptr_array_index(names, i);
        if (GPOINTER_TO_UINT(g_hash_table_lookup(seen, one)) > 1) {
            uint32_t id = kept_at(rb, i)->facts.id;
            char *longer = g_strdup_printf("%s_%" G_GINT64_FORMAT, one, rb->tids[id]);
            /* A pid may have been used twice. */
            if (g_hash_table_contains(seen, longer)) {
                char *last = g_strdup_printf("%s_%u", longer, id);
                g_free(longer);
                longer = last;
            }
            g_hash_table_insert(seen, g_strdup(longer), GUINT_TO_POINTER(1));
            g_ptr_array_index(names, i) = longer;
            g_free(one);
        }
    }
    return names;
}

static const char *process_name(const CpRebuild *rb, uint32_t id)
{
    const char *name = g_ptr_array_index(rb->processes, id);
    return *name ? name : g_ptr_array_index(rb->names, id);
}

/* --- a workload --- */

typedef struct {
    const CpRebuild *rb;
    CpWorkload *w;
} Emitter;

static void emit(Emitter *e, CpOp op, uint8_t a, uint16_t b, uint32_t c)
{
    cp_workload_emit(e->w, op, a, b, c, 0);
}

static uint32_t decl_of(const Emitter *e, uint32_t thread)
{
    return thread == CP_NONE ? CP_NONE : e->rb->threads[thread].facts.decl;
}

/* A real-time thread that lost its CPU although it could run took turns with others. */
static CpSchedPolicy rt_policy(const RebuildThread *t)
{
    return t->facts.involuntary > 0 ? CP_SCHED_RR : CP_SCHED_FIFO;
}

static uint32_t rt_attr(Emitter *e, const RebuildThread *t, int64_t prio)
{
    CpSchedAttr attr = cp_sched_attr_default();
    attr.policy = rt_policy(t);
    attr.rt_prio = (int32_t)prio;
    g_array_append_val(e->w->attrs, attr);
    return e->w->attrs->len - 1;
}

static void emit_piece(Emitter *e, const RebuildThread *t, const Piece *p)
{
    CpWorkload *w = e->w;
    switch ((PieceKind)p->kind) {
    case PIECE_RUN:
        emit(e, CP_OP_COMPUTE, CP_ARG_CONST, 0, cp_workload_const(w, p->value));
        break;
    case PIECE_DELAY:
        emit(e, CP_OP_OUTSIDE, CP_ARG_CONST, 0, cp_workload_const(w, p->value));
        break;
    case PIECE_WAIT:
        emit(e, CP_OP_WAIT_WAKE, 0, 0, 0);
        break;
    case PIECE_WAKE:
        emit(e, CP_OP_WAKE, 0, 0, decl_of(e, p->thread));
        break;
    case PIECE_SPAWN:
        emit(e, CP_OP_SPAWN, 0, 0, decl_of(e, p->thread));
        break;
    case PIECE_JOIN:
        emit(e, CP_OP_JOIN, 0, CP_REG_NONE, decl_of(e, p->thread));
        break;
    case PIECE_NICE:
        emit(e, CP_OP_SET_NICE, 0, 0, cp_workload_const(w, p->value));
        break;
    case PIECE_RT:
        emit(e, CP_OP_SET_SCHED, 0, 0, rt_attr(e, t, p->value));
        break;
    case PIECE_NONE:
        break;
    }
}

static void emit_program(Emitter *e, const RebuildThread *t)
{
    g_autoptr(GArray) folded = cp_rebuild_fold(t->pieces);
    for (guint i = 0; i < folded->len; i++) {
        const FoldedPiece *f = &g_array_index(folded, FoldedPiece, i);
        if (f->times <= 1) {
            emit_piece(e, t, &f->piece);
            continue;
        }
        emit(e, CP_OP_SET, 0, CP_REG_FREE, cp_workload_const(e->w, f->times));
        uint32_t top = cp_workload_pc(e->w);
        for (uint32_t k = 1; k <= f->n; k++) {
            emit_piece(e, t, &f[k].piece);
        }
        emit(e, CP_OP_LOOP, 0, CP_REG_FREE, top);
        i += f->n;
    }
    emit(e, CP_OP_EXIT, 0, 0, 0);
}

/* Priority at the start; later changes are pieces. */
static CpSchedAttr attr_of(const CpRebuild *rb, Emitter *e, const RebuildThread *t)
{
    CpSchedAttr attr = cp_sched_attr_default();
    if (t->start_prio >= 100) {
        attr.nice = CLAMP(t->start_prio - 120, -20, 19);
    } else if (t->start_prio >= 0) {
        attr.policy = rt_policy(t);
        attr.rt_prio = CLAMP(99 - t->start_prio, 1, 99);
    }
    if (rb->options.pin && !t->several_cpus && t->cpu != CP_NONE) {
        CpCpuMask mask = {{0}};
        cp_cpumask_set(&mask, t->cpu);
        attr.cpus = cp_workload_mask(e->w, &mask);
    }
    return attr;
}

static void emit_thread(Emitter *e, uint32_t i, CpProcId proc, const char *name)
{
    const CpRebuild *rb = e->rb;
    const RebuildThread *t = kept_at(rb, i);
    uint32_t decl = cp_workload_thread(e->w, proc, name);
    CpThreadDecl row = *cp_thread_decl(e->w, decl);
    bool spawned = t->spawned_by != CP_NONE;
    row.attr = attr_of(rb, e, t);
    row.own_attr = true;
    row.copies = spawned ? 0 : 1;
    row.start = spawned ? 0 : t->start;
    row.start_cpu = spawned && !rb->options.placement ? CP_NONE : t->start_cpu;
    row.n_regs = CP_REG_FREE + 1;
    row.flags = (spawned ? CP_THREAD_SPAWNED : 0u) | (t->foreign ? CP_THREAD_DAEMON : 0u);
    if (spawned && rb->pids[t->facts.id] != rb->pids[t->spawned_by]) {
        row.flags |= CP_THREAD_FORKS;
    }
    row.entry = cp_workload_pc(e->w);
    *cp_thread_decl(e->w, decl) = row;
    emit_program(e, t);
}

CpWorkload *cp_rebuild_workload(const CpRebuild *rb, GError **error)
{
    Emitter e = {rb, cp_workload_new()};
    g_autoptr(GPtrArray) names = thread_names(rb, false);
    CpProcId proc = CP_NONE;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        uint32_t id = kept_at(rb, i)->facts.id;
        if (i == 0 || rb->pids[id] != rb->pids[kept_at(rb, i - 1)->facts.id]) {
            proc = cp_workload_proc(e.w, process_name(rb, id), "native");
        }
        emit_thread(&e, i, proc, g_ptr_array_index(names, i));
    }
    g_autofree char *name = g_path_get_basename(rb->source);
    name[strcspn(name, ".")] = 0;
    e.w->name = cp_workload_string(e.w, name);
    e.w->source = cp_workload_string(e.w, rb->source);
    if (!cp_workload_verify(e.w, error)) {
        cp_workload_free(e.w);
        return NULL;
    }
    return e.w;
}

/* --- text --- */

/* The largest unit that keeps the number whole. */
static void put_time(GString *out, CpTime ns)
{
    static const struct {
        CpTime unit;
        const char *name;
    } units[] = {{CP_S, "s"}, {CP_MS, "ms"}, {CP_US, "us"}, {1, "ns"}};
    size_t i = 0;
    while (ns % units[i].unit != 0) {
        i++;
    }
    g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", ns / units[i].unit,
                           units[i].name);
}

typedef struct {
    const CpRebuild *rb;
    const GPtrArray *names;
    GString *out;
} Writer;

static const char *name_of(const Writer *w, uint32_t thread)
{
    return g_ptr_array_index(w->names, w->rb->threads[thread].facts.decl);
}

static const char *policy_name(const RebuildThread *t)
{
    return rt_policy(t) == CP_SCHED_RR ? "rr" : "fifo";
}

static void write_piece(Writer *w, const RebuildThread *t, const Piece *p)
{
    GString *out = w->out;
    switch ((PieceKind)p->kind) {
    case PIECE_RUN:
        g_string_append(out, "cpu ");
        put_time(out, p->value);
        break;
    case PIECE_DELAY:
        g_string_append(out, "wait ");
        put_time(out, p->value);
        break;
    case PIECE_WAIT:
        g_string_append_printf(out, "acquire woken_%s", name_of(w, t->facts.id));
        break;
    case PIECE_WAKE:
        g_string_append_printf(out, "release woken_%s", name_of(w, p->thread));
        break;
    case PIECE_SPAWN: {
        bool fork = w->rb->pids[p->thread] != w->rb->pids[t->facts.id];
        const char *name = name_of(w, p->thread);
        g_string_append_printf(out, "spawn %s %s run_%s()", fork ? "process" : "thread",
                               name, name);
        break;
    }
    case PIECE_JOIN:
        g_string_append_printf(out, "join %s",
                               p->thread == CP_NONE ? "all" : name_of(w, p->thread));
        break;
    case PIECE_NICE:
        g_string_append_printf(out, "nice %" G_GINT64_FORMAT, p->value);
        break;
    case PIECE_RT:
        g_string_append_printf(out, "policy %s (prio=%" G_GINT64_FORMAT ")", policy_name(t),
                               p->value);
        break;
    case PIECE_NONE:
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

static void write_body(Writer *w, const RebuildThread *t)
{
    g_autoptr(GArray) folded = cp_rebuild_fold(t->pieces);
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

/* Threads that exist from the start say all they differ in from the default. */
static void write_attrs(Writer *w, const RebuildThread *t)
{
    GString *out = w->out;
    g_string_append(out, " (slack=1ns");
    if (t->start_prio >= 100 && t->start_prio != 120) {
        g_string_append_printf(out, ", nice=%d", CLAMP(t->start_prio - 120, -20, 19));
    } else if (t->start_prio < 100) {
        g_string_append_printf(out, ", policy=%s, prio=%d", policy_name(t),
                               CLAMP(99 - t->start_prio, 1, 99));
    }
    if (t->start > 0) {
        g_string_append(out, ", start=");
        put_time(out, t->start);
    }
    if (w->rb->options.pin && !t->several_cpus && t->cpu != CP_NONE) {
        g_string_append_printf(out, ", cpus=%u", t->cpu);
    }
    g_string_append(out, ")");
}

static bool has_piece(const RebuildThread *t, PieceKind kind)
{
    for (guint i = 0; i < t->pieces->len; i++) {
        if (g_array_index(t->pieces, Piece, i).kind == kind) {
            return true;
        }
    }
    return false;
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
    g_autofree char *plain = plain_name(name, "p");
    g_string_append_printf(w->out, "\nprocess %s_%" G_GINT64_FORMAT " runtime native {\n",
                           plain, pid);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const RebuildThread *t = kept_at(rb, i);
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
    for (uint32_t i = 0; i < rb->order->len; i++) {
        if (has_piece(kept_at(rb, i), PIECE_WAIT)) {
            g_string_append_printf(w->out, "shared semaphore woken_%s (n=0)\n",
                                   (const char *)g_ptr_array_index(w->names, i));
        }
    }
}

char *cp_rebuild_text(const CpRebuild *rb)
{
    g_autoptr(GPtrArray) names = thread_names(rb, true);
    Writer w = {rb, names, g_string_new("# Rebuilt from a recording")};
    write_heading(&w);
    int64_t last = INT64_MIN;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const RebuildThread *t = kept_at(rb, i);
        int64_t pid = rb->pids[t->facts.id];
        if (t->spawned_by == CP_NONE && pid != last) {
            write_process(&w, pid, process_name(rb, t->facts.id));
            last = pid;
        }
    }
    return g_string_free(w.out, FALSE);
}
