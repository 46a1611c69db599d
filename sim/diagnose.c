#include "sim/diagnose.h"

#include "sim/flow.h"
#include "sim/object.h"
#include "sim/recorder.h"
#include "sim/thread.h"

/* What the simulated program did wrong: a result, not an error. */

enum { DIAGNOSES_MAX = 1000 };

void cp_diagnosis_free(void *data)
{
    CpDiagnosis *d = data;
    g_free(d->text);
    g_array_unref(d->threads);
    g_free(d);
}

void cp_diagnose(CpSim *sim, const char *kind, const CpTid *threads, uint32_t n,
                 const char *format, ...)
{
    cp_require(n == 0 || threads != NULL);
    if (sim->diagnoses->len >= DIAGNOSES_MAX) {
        return;
    }
    CpDiagnosis *d = g_new0(CpDiagnosis, 1);
    va_list args;
    va_start(args, format);
    d->kind = kind;
    d->at = sim->now;
    d->text = g_strdup_vprintf(format, args);
    va_end(args);
    d->threads = g_array_new(FALSE, FALSE, sizeof(CpTid));
    if (n > 0) {
        g_array_append_vals(d->threads, threads, n);
    }
    g_ptr_array_add(sim->diagnoses, d);
    cp_record_wide(sim, CP_REC_DIAGNOSIS, sim->diagnoses->len - 1, CP_RECORD_NO_CPU, 0,
                   n > 0 ? threads[0] : CP_NONE, 0);
}

static bool waits_on_object(const CpThread *t)
{
    return t->state == CP_THREAD_BLOCKED &&
           (t->block == CP_BLOCK_LOCK || t->block == CP_BLOCK_COND ||
            t->block == CP_BLOCK_QUEUE || t->block == CP_BLOCK_IO);
}

/* Waits without leaving its CPU. */
static bool is_spinning(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    return (t->state == CP_THREAD_RUNNING || t->state == CP_THREAD_RUNNABLE) &&
           sim->rare[tid].spin_since_plus1 > 0;
}

static const char *object_name(const CpSim *sim, CpObjId obj)
{
    cp_assert(obj < sim->w->objs->len);
    return cp_workload_text(sim->w, cp_obj_decl(sim->w, obj)->name);
}

static char *waited_for(const CpSim *sim, CpTid tid)
{
    const CpThread *t = cp_thread(sim, tid);
    uint32_t object = sim->cold[tid].object;
    if (is_spinning(sim, tid)) {
        object = sim->code[cp_flow_of(sim, tid)->pc].c;
        return g_strdup_printf("%s, spinning", object_name(sim, object));
    }
    if (waits_on_object(t) && object != CP_NONE) {
        return g_strdup(object_name(sim, object));
    }
    switch ((CpBlock)t->block) {
    case CP_BLOCK_JOIN:
        return object == CP_NONE
                   ? g_strdup("its threads to end")
                   : g_strdup_printf(
                         "%s to end",
                         cp_workload_text(sim->w, cp_thread_decl(sim->w, object)->name));
    case CP_BLOCK_OUTSIDE:
        return g_strdup("an event from outside");
    case CP_BLOCK_RUNTIME:
        return g_strdup("its runtime");
    default:
        return g_strdup("nothing");
    }
}

static char *held(const CpSim *sim, CpTid tid)
{
    GString *text = g_string_new(NULL);
    for (uint32_t i = 0; i < sim->w->objs->len; i++) {
        if (sim->objs[i].owner == tid) {
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                                   object_name(sim, i));
        }
    }
    return g_string_free(text, FALSE);
}

/* "barista-1  holds counter  waits for till  (cafe.cpw:18)" */
static void describe(const CpSim *sim, CpTid tid, GString *out)
{
    g_autofree char *name = cp_sim_thread_name(sim, tid);
    g_autofree char *waits = waited_for(sim, tid);
    g_autofree char *holds = held(sim, tid);
    uint32_t pc = cp_flow_of(sim, tid)->pc;
    uint32_t line = pc < sim->w->line->len ? g_array_index(sim->w->line, uint32_t, pc) : 0;
    g_string_append_printf(out, "%s%s", out->len > 0 ? "\n" : "", name);
    if (holds[0] != '\0') {
        g_string_append_printf(out, "  holds %s", holds);
    }
    g_string_append_printf(out, "  waits for %s", waits);
    if (line > 0) {
        g_string_append_printf(out, "  (%s:%u)", cp_workload_text(sim->w, sim->w->source),
                               line);
    }
}

/* Somebody waits for a message that may come from an arrival stream: a thread, or a
 * coroutine whose loop waits for it. */
static bool somebody_serves(const CpSim *sim)
{
    for (uint32_t id = 0; id < sim->tables.flow.n; id++) {
        const CpInsn *insn = &sim->code[sim->flows[id].pc];
        const CpOpInfo *info = cp_op_info(sim->w, insn->op);
        if (info->objects == CP_ON_STREAM && info->flags & CP_OPF_RELEASE &&
            sim->objs[insn->c].n == 0) {
            return true;
        }
    }
    return false;
}

bool cp_load_is_over(const CpSim *sim)
{
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        const CpThread *t = cp_thread(sim, tid);
        if (t->state != CP_THREAD_BLOCKED || t->flags & CP_TF_DAEMON) {
            continue;
        }
        bool waits_for_load =
            t->block == CP_BLOCK_JOIN || t->block == CP_BLOCK_RUNTIME ||
            (t->block == CP_BLOCK_QUEUE && sim->cold[tid].object != CP_NONE &&
             sim->objs[sim->cold[tid].object].n == 0);
        if (!waits_for_load) {
            return false;
        }
    }
    return sim->w->arrivals->len > 0 && somebody_serves(sim);
}

/* Nothing can happen any more, yet threads live. */
void cp_diagnose_deadlock(CpSim *sim)
{
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(CpTid));
    GString *text = g_string_new(NULL);
    for (CpTid tid = 0; tid < sim->tables.thread.n; tid++) {
        const CpThread *t = cp_thread(sim, tid);
        bool waits = t->state == CP_THREAD_BLOCKED || is_spinning(sim, tid);
        if (waits && !(t->flags & CP_TF_DAEMON)) {
            g_array_append_val(threads, tid);
            if (threads->len <= 20) {
                describe(sim, tid, text);
            }
        }
    }
    if (threads->len > 20) {
        g_string_append_printf(text, "\nand %u more", threads->len - 20);
    }
    sim->now = MAX(sim->last_useful, sim->counted_from); /* metrics begin there */
    cp_diagnose(sim, "deadlock", (const CpTid *)(void *)threads->data, threads->len, "%s",
                text->str);
    g_string_free(text, TRUE);
}

/* The thread has just blocked on a lock: does the chain of owners lead back to it?  A lock
 * that others than its owner release says nothing. */
void cp_diagnose_cycle(CpSim *sim, CpTid tid)
{
    CpTid chain[64];
    uint32_t n = 0;
    CpTid at = tid;
    cp_assert(cp_thread(sim, tid)->state == CP_THREAD_BLOCKED);
    cp_assert(cp_thread(sim, tid)->block == CP_BLOCK_LOCK);
    while (n < G_N_ELEMENTS(chain)) {
        const CpThread *t = cp_thread(sim, at);
        uint32_t object = sim->cold[at].object;
        chain[n++] = at;
        if (t->state != CP_THREAD_BLOCKED && at != tid) {
            return;
        }
        if (t->block != CP_BLOCK_LOCK || object == CP_NONE ||
            sim->objs[object].owner == CP_NONE || sim->objs[object].flags & CP_OBJ_HANDED) {
            return;
        }
        at = sim->objs[object].owner;
        if (at == tid) {
            GString *text = g_string_new(NULL);
            for (uint32_t i = 0; i < n; i++) {
                describe(sim, chain[i], text);
            }
            cp_diagnose(sim, "lock cycle", chain, n, "%s", text->str);
            g_string_free(text, TRUE);
            return;
        }
    }
}
