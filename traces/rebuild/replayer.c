#include "traces/rebuild/evidence.h"

#include "models/ops.h"

#include <string.h>

/* A workload whose threads read what they do from the streams of pieces while they do it.
 * Its code has one instruction for each kind of piece, with the time in a register, and
 * three for each thread: wake it, start it, wait for its end.  Behind each stands the
 * instruction that reads the next piece. */

enum {
    REG_PLACE = CP_REG_FREE, /* in the stream */
    REG_VALUE,               /* of the piece at hand */
    N_REGS,
};

/* Rows of the targets; those of priorities follow, then three a thread. */
enum { TO_EXIT, TO_RUN, TO_DELAY, TO_WAIT, TO_JOIN_ALL, TO_YIELD, TO_PRIORITIES };
enum { THREAD_WAKE, THREAD_SPAWN, THREAD_JOIN };
enum { PAIR_ANSWER, PAIR_AWAIT, PAIR_TARGETS };

enum { NICES = 40, NICE_LOWEST = -20, RT_PRIOS = 100 };

/* What all runs share. */
typedef struct {
    CpPieces *pieces;         /* reference */
    uint32_t n;               /* declarations */
    uint32_t *stream;         /* by declaration: the thread of the recording */
    uint8_t *round_robin;     /* by declaration: its real-time policy is RR */
    uint32_t *first_target;   /* by thread of the recording: its three */
    uint32_t first_pair;      /* those of the pairs that answer each other */
    uint32_t nice[NICES];     /* target that makes it so */
    uint32_t rt[2][RT_PRIOS]; /* the same, FIFO and RR */
} Source;

/* One run's: what it has at hand of each stream. */
typedef struct {
    const Source *source;
    CpPieceWindow **windows; /* by declaration; NULL: not begun, or at its end */
} Reader;

static void source_free(void *data)
{
    Source *s = data;
    cp_pieces_unref(s->pieces);
    g_free(s->stream);
    g_free(s->round_robin);
    g_free(s->first_target);
    g_free(s);
}

static void *reader_open(const void *source)
{
    Reader *r = g_new0(Reader, 1);
    r->source = source;
    r->windows = g_new0(CpPieceWindow *, (size_t)r->source->n + 1);
    return r;
}

static void reader_close(void *data)
{
    Reader *r = data;
    for (uint32_t i = 0; i < r->source->n; i++) {
        g_free(r->windows[i]);
    }
    g_free(r->windows);
    g_free(r);
}

static uint32_t target_of(const Source *s, uint32_t decl, const CpPiece *piece)
{
    switch ((CpPieceKind)piece->kind) {
    case CP_PIECE_END:
        break;
    case CP_PIECE_RUN:
        return TO_RUN;
    case CP_PIECE_DELAY:
        return TO_DELAY;
    case CP_PIECE_WAIT:
        return TO_WAIT;
    case CP_PIECE_WAKE:
        return s->first_target[piece->thread] + THREAD_WAKE;
    case CP_PIECE_SPAWN:
        return s->first_target[piece->thread] + THREAD_SPAWN;
    case CP_PIECE_JOIN:
        return s->first_target[piece->thread] + THREAD_JOIN;
    case CP_PIECE_JOIN_ALL:
        return TO_JOIN_ALL;
    case CP_PIECE_YIELD:
        return TO_YIELD;
    case CP_PIECE_ANSWER:
        return s->first_pair + piece->thread * PAIR_TARGETS + PAIR_ANSWER;
    case CP_PIECE_AWAIT:
        return s->first_pair + piece->thread * PAIR_TARGETS + PAIR_AWAIT;
    case CP_PIECE_NICE:
        return s->nice[piece->value - NICE_LOWEST];
    case CP_PIECE_RT:
        return s->rt[s->round_robin[decl]][piece->value];
    }
    return TO_EXIT;
}

static bool reader_next(void *data, uint32_t decl, int64_t *place, CpReplayPiece *out,
                        GError **error)
{
    Reader *r = data;
    const Source *s = r->source;
    CpPiece piece;
    if (G_UNLIKELY(r->windows[decl] == NULL)) {
        r->windows[decl] = g_new0(CpPieceWindow, 1);
    }
    if (!cp_pieces_next(s->pieces, s->stream[decl], r->windows[decl], place, &piece,
                        error)) {
        return false;
    }
    if (piece.kind == CP_PIECE_END) {
        g_clear_pointer(&r->windows[decl], g_free);
    }
    *out = (CpReplayPiece){target_of(s, decl, &piece), piece.value};
    return true;
}

/* --- the workload --- */

typedef struct {
    const CpRebuild *rb;
    CpWorkload *w;
    Source *source;
    const GPtrArray *names; /* of the threads, by declaration */
    CpGroup program;        /* of all its threads, if one is asked for */
    CpGroup first_group;    /* of the inferred ones */
    CpCpuMask begun;        /* CPUs on which a thread begins with the run */
} Maker;

/* One more target: the instruction, and the one that goes on to the next piece.  Returns
 * its row. */
static uint32_t add_target(Maker *m, CpInsn insn)
{
    GArray *targets = m->w->replay->targets;
    uint32_t pc = cp_workload_emit(m->w, (CpOp)insn.op, insn.a, insn.b, insn.c, 0);
    g_array_append_val(targets, pc);
    if (insn.op != CP_OP_EXIT) {
        cp_workload_emit(m->w, CP_OP_REPLAY, 0, REG_PLACE, 0, 0);
    }
    return targets->len - 1;
}

static uint32_t add_rt_target(Maker *m, CpSchedPolicy policy, int32_t prio)
{
    CpSchedAttr attr = cp_sched_attr_default();
    attr.policy = policy;
    attr.rt_prio = prio;
    g_array_append_val(m->w->attrs, attr);
    return add_target(m, (CpInsn){CP_OP_SET_SCHED, 0, 0, m->w->attrs->len - 1});
}

static void add_priorities(Maker *m)
{
    bool changes[2] = {false, false}; /* to FIFO, to RR */
    for (uint32_t i = 0; i < m->rb->order->len; i++) {
        const RebuildThread *t = cp_rebuild_kept(m->rb, i);
        changes[cp_rebuild_rt_policy(t) == CP_SCHED_RR] |= t->changes_rt;
    }
    for (int prio = 0; prio < (int)G_N_ELEMENTS(m->rb->prio_seen); prio++) {
        if (!m->rb->prio_seen[prio]) {
            continue;
        }
        if (prio >= 100) {
            uint32_t nice = cp_workload_const(m->w, prio - 120);
            m->source->nice[prio - 100] =
                add_target(m, (CpInsn){CP_OP_SET_NICE, 0, 0, nice});
        }
        for (int i = 0; i < 2 && prio < 100; i++) {
            CpSchedPolicy policy = i == 0 ? CP_SCHED_FIFO : CP_SCHED_RR;
            m->source->rt[i][99 - prio] =
                changes[i] ? add_rt_target(m, policy, 99 - prio) : TO_EXIT;
        }
    }
}

/* What a thread answers another one is counted by a semaphore of the two. */
static void add_pairs(Maker *m)
{
    m->source->first_pair = m->w->replay->targets->len;
    for (guint i = 0; i < m->rb->pairs->len; i++) {
        g_autofree char *name = cp_rebuild_pair_name(m->rb, i, m->names);
        uint32_t obj = cp_workload_obj(m->w, name, CP_OBJ_SEMAPHORE);
        g_array_index(m->w->objs, CpObjDecl, obj).flags |= CP_OBJ_SHARED;
        add_target(m, (CpInsn){CP_OP_SEM_POST, 0, 0, obj});
        add_target(m, (CpInsn){CP_OP_SEM_WAIT, 0, CP_REG_NONE, obj});
    }
}

static void add_targets(Maker *m)
{
    const CpInsn kinds[] = {
        [TO_EXIT] = {CP_OP_EXIT, 0, 0, 0},
        [TO_RUN] = {CP_OP_COMPUTE, CP_ARG_REG, 0, REG_VALUE},
        [TO_DELAY] = {CP_OP_OUTSIDE, CP_ARG_REG, 0, REG_VALUE},
        [TO_WAIT] = {CP_OP_WAIT_WAKE, 0, 0, 0},
        [TO_JOIN_ALL] = {CP_OP_JOIN, 0, CP_REG_NONE, CP_NONE},
        [TO_YIELD] = {CP_OP_YIELD, 0, 0, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        add_target(m, kinds[i]);
    }
    add_priorities(m);
    for (uint32_t i = 0; i < m->rb->order->len; i++) {
        uint32_t id = cp_rebuild_kept(m->rb, i)->facts.id;
        m->source->first_target[id] = add_target(m, (CpInsn){CP_OP_WAKE, 0, 0, i});
        add_target(m, (CpInsn){CP_OP_SPAWN, 0, 0, i});
        add_target(m, (CpInsn){CP_OP_JOIN, 0, CP_REG_NONE, i});
    }
    add_pairs(m);
}

/* Priority at the start; later changes are pieces. */
static CpSchedAttr attr_of(const Maker *m, const RebuildThread *t)
{
    CpSchedAttr attr = cp_sched_attr_default();
    if (t->start_prio >= 100) {
        attr.nice = CLAMP(t->start_prio - 120, -20, 19);
    } else if (t->start_prio >= 0) {
        attr.policy = cp_rebuild_rt_policy(t);
        attr.rt_prio = CLAMP(99 - t->start_prio, 1, 99);
    }
    if (m->rb->options.pin && !t->several_cpus && t->cpu != CP_NONE) {
        CpCpuMask mask = {{0}};
        cp_cpumask_set(&mask, t->cpu);
        attr.cpus = cp_workload_mask(m->w, &mask);
    } else if (cp_rebuild_cpus(m->rb, t) != NULL) {
        attr.cpus = cp_workload_mask(m->w, cp_rebuild_cpus(m->rb, t));
    }
    return attr;
}

/* Where a thread begins: where it did, but for started ones, which are placed, and for
 * those that could run when the recording began beside another on their CPU.  A machine
 * that has room for both would have parted them long before. */
static CpCpu start_cpu(Maker *m, const RebuildThread *t)
{
    if (t->spawned_by != CP_NONE) {
        return m->rb->options.placement ? t->start_cpu : CP_NONE;
    }
    if (t->start > 0 || t->start_cpu >= CP_CPUS_MAX) {
        return t->start_cpu;
    }
    if (cp_cpumask_has(&m->begun, t->start_cpu)) {
        return CP_NONE;
    }
    cp_cpumask_set(&m->begun, t->start_cpu);
    return t->start_cpu;
}

static void add_thread(Maker *m, uint32_t i, CpProcId proc, const char *name)
{
    const CpRebuild *rb = m->rb;
    const RebuildThread *t = cp_rebuild_kept(rb, i);
    uint32_t decl = cp_workload_thread(m->w, proc, name);
    CpThreadDecl row = *cp_thread_decl(m->w, decl);
    bool spawned = t->spawned_by != CP_NONE;
    row.attr = attr_of(m, t);
    row.own_attr = true;
    uint32_t group = rb->infer->threads[t->facts.id].group;
    CpGroup own = rb->options.grouped && !t->foreign ? m->program : row.group;
    row.group = group != CP_NONE ? m->first_group + group : own;
    row.copies = spawned ? 0 : 1;
    row.start = spawned ? 0 : t->start;
    row.start_cpu = start_cpu(m, t);
    row.n_regs = N_REGS;
    row.flags = (spawned ? CP_THREAD_SPAWNED : 0u) |
                (t->foreign ? CP_THREAD_DAEMON | CP_THREAD_LOAD : 0u);
    if (spawned && rb->pids[t->facts.id] != rb->pids[t->spawned_by]) {
        row.flags |= CP_THREAD_FORKS;
    }
    *cp_thread_decl(m->w, decl) = row;
    uint32_t first = cp_workload_const(m->w, cp_pieces_first(rb->pieces, t->facts.id));
    cp_workload_emit(m->w, CP_OP_SET, 0, REG_PLACE, first, 0);
    cp_workload_emit(m->w, CP_OP_REPLAY, 0, REG_PLACE, 0, 0);
    m->source->stream[decl] = t->facts.id;
    m->source->round_robin[decl] = cp_rebuild_rt_policy(t) == CP_SCHED_RR;
}

static void add_groups(Maker *m)
{
    const GArray *groups = m->rb->infer->groups;
    CpGroup parent = 0;
    if (m->rb->options.grouped) {
        const CpGroupDecl decl = {.name = cp_workload_string(m->w, CP_REBUILD_GROUP),
                                  .weight = 100,
                                  .period = 100 * CP_MS,
                                  .cpus = CP_NONE};
        parent = m->program = m->w->groups->len;
        g_array_append_val(m->w->groups, decl);
    }
    m->first_group = m->w->groups->len;
    for (guint i = 0; i < groups->len; i++) {
        const CpInferredGroup *g = &g_array_index(groups, CpInferredGroup, i);
        const CpGroupDecl decl = {.name = cp_workload_string(m->w, g->name),
                                  .parent = parent,
                                  .weight = 100,
                                  .quota = g->quota,
                                  .period = g->period,
                                  .burst = g->burst,
                                  .cpus = CP_NONE};
        g_array_append_val(m->w->groups, decl);
    }
}

/* From `at` on the thread may use the CPUs it may, without `gone`; CP_NONE: all of them. */
static void add_cpus(Maker *m, uint32_t decl, CpTime at, CpCpu gone)
{
    const CpCpuMask *cpus = cp_rebuild_cpus(m->rb, cp_rebuild_kept(m->rb, decl));
    CpCpuMask mask;
    memset(&mask, 0xff, sizeof mask);
    mask = cpus != NULL ? *cpus : mask;
    if (gone != CP_NONE) {
        cp_cpumask_clear(&mask, gone);
    }
    if (cp_cpumask_next(&mask, 0) < m->rb->n_cpus) {
        const CpAtDecl decl_at = {at, CP_AT_CPUS, decl, cp_workload_mask(m->w, &mask), 0};
        g_array_append_val(m->w->ats, decl_at);
    }
}

/* A CPU that goes offline takes no thread any more. */
static void add_offline(Maker *m)
{
    const CpRebuild *rb = m->rb;
    for (guint k = 0; k < rb->infer->offline->len; k++) {
        const CpInferredOffline *off =
            &g_array_index(rb->infer->offline, CpInferredOffline, k);
        for (uint32_t i = 0; i < rb->order->len; i++) {
            const RebuildThread *t = cp_rebuild_kept(rb, i);
            bool later = t->spawned_by != CP_NONE && t->facts.first > off->from;
            add_cpus(m, i, later ? t->facts.first : off->from, off->cpu);
            if (off->to != CP_NEVER) {
                add_cpus(m, i, off->to, CP_NONE);
            }
        }
    }
}

static void add_threads(Maker *m)
{
    const CpRebuild *rb = m->rb;
    CpProcId proc = CP_NONE;
    for (uint32_t i = 0; i < rb->order->len; i++) {
        uint32_t id = cp_rebuild_kept(rb, i)->facts.id;
        if (i == 0 || rb->pids[id] != rb->pids[cp_rebuild_kept(rb, i - 1)->facts.id]) {
            proc = cp_workload_proc(m->w, cp_rebuild_process_name(rb, id), "native");
        }
        add_thread(m, i, proc, g_ptr_array_index(m->names, i));
    }
}

static void add_replay(Maker *m)
{
    const CpRebuild *rb = m->rb;
    Source *s = m->source = g_new0(Source, 1);
    s->pieces = cp_pieces_ref(rb->pieces);
    s->n = rb->order->len;
    s->stream = g_new0(uint32_t, (size_t)s->n + 1);
    s->round_robin = g_new0(uint8_t, (size_t)s->n + 1);
    s->first_target = g_new0(uint32_t, (size_t)rb->n_threads + 1);
    CpReplay *replay = m->w->replay = g_new0(CpReplay, 1);
    *replay = (CpReplay){.targets = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                         .source = s,
                         .hash = cp_pieces_hash(rb->pieces),
                         .free = source_free,
                         .open = reader_open,
                         .close = reader_close,
                         .next = reader_next};
}

CpWorkload *cp_rebuild_workload(const CpRebuild *rb, GError **error)
{
    g_autoptr(GPtrArray) names = cp_rebuild_names(rb, false);
    Maker m = {.rb = rb, .w = cp_workload_new(&cp_ops), .names = names};
    add_replay(&m);
    add_groups(&m);
    add_threads(&m);
    add_offline(&m);
    add_targets(&m);
    g_autofree char *name = g_path_get_basename(rb->source);
    name[strcspn(name, ".")] = 0;
    m.w->name = cp_workload_string(m.w, name);
    m.w->source = cp_workload_string(m.w, rb->source);
    if (!cp_workload_verify(m.w, error)) {
        cp_workload_free(m.w);
        return NULL;
    }
    return m.w;
}
