/* Shortest job first: of those ready, the one with the smallest next burst; nobody is
 * interrupted.
 *
 * How long the next burst will be is known exactly (`sjf.estimate oracle`: optimal, and the
 * reason why no real system does it) or guessed from the past (`exponential`): after a
 * burst of t the guess becomes alpha * t + (1 - alpha) * guess.  Equal bursts: earlier
 * ready, then lower thread number. */
#include "sim/policy-queue.h"

enum { SJF_ESTIMATE, SJF_ALPHA, SJF_FIRST_GUESS };
enum { ORACLE, EXPONENTIAL };
enum { PPM = 1000000 };

static const CpParam sjf_params[] = {
    {.name = "sjf.estimate",
     .type = CP_PARAM_ENUM,
     .def = "oracle",
     .choices = "oracle|exponential",
     .help = "where the length of the next burst comes from"},
    {.name = "sjf.alpha",
     .type = CP_PARAM_SHARE,
     .def = "50%",
     .min = 0,
     .max = PPM,
     .help = "weight of the latest burst in the exponential estimate"},
    {.name = "sjf.first_guess",
     .type = CP_PARAM_TIME,
     .def = "10ms",
     .min = 0,
     .max = 1000 * CP_S,
     .help = "exponential estimate of a thread that has not run yet"},
    {.name = NULL},
};

typedef struct {
    CpNode node;
    CpTime ready; /* tie rule: when it last became ready */
    CpTime guess; /* exponential estimate of the next burst */
    CpTime ran;   /* of the present burst */
} Ent;

static void push(CpRq *rq, CpEnt ent)
{
    const Ent *e = cp_ent_data(rq, ent);
    bool knows = rq->policy->params->v[SJF_ESTIMATE] == ORACLE;
    CpTime burst = knows ? cp_thread_burst_left(rq->sim, ent) : e->guess - e->ran;
    cp_assert(burst >= 0 || !knows); /* a guess may have been too short */
    cp_heap_push(rq, rq->data, (CpRow){burst, e->ready, ent});
}

static void sjf_enqueue(CpRq *rq, CpEnt ent, CpEnqFlags flags)
{
    Ent *e = cp_ent_data(rq, ent);
    e->ready = cp_now(rq->sim);
    if (flags & CP_ENQ_FORK) {
        e->guess = rq->policy->params->v[SJF_FIRST_GUESS];
    }
    push(rq, ent);
}

static bool sjf_dequeue(CpRq *rq, CpEnt ent, CpDeqFlags flags)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(e->ran >= 0 && e->guess >= 0);
    cp_heap_remove(rq, rq->data, ent);
    /* The burst is over: learn from it, if there was one. */
    if ((flags & CP_DEQ_SLEEP) && e->ran > 0) {
        __int128 alpha = rq->policy->params->v[SJF_ALPHA];
        e->guess = (CpTime)((alpha * e->ran + (PPM - alpha) * e->guess) / PPM);
        e->ran = 0;
    }
    return true;
}

static CpEnt sjf_pick(CpRq *rq)
{
    const CpRow *row = cp_heap_first(rq, rq->data);
    return row == NULL ? CP_NONE : row->ent;
}

static void sjf_set_next(CpRq *rq, CpEnt ent)
{
    cp_assert(cp_node(rq, ent)->queued); /* pick leaves it there */
    cp_heap_remove(rq, rq->data, ent);
}

static bool sjf_account(CpRq *rq, CpEnt ent, CpTime delta)
{
    Ent *e = cp_ent_data(rq, ent);
    cp_assert(!e->node.queued && delta > 0); /* its guess is a key there */
    e->ran += delta;
    return false;
}

static CpEnt sjf_next_queued(CpRq *rq, CpEnt after)
{
    return cp_heap_next(rq, rq->data, after);
}

static void sjf_rq_clear(CpRq *rq)
{
    cp_heap_clear(rq->data);
}

static void sjf_audit(CpRq *rq)
{
    const CpHeap *heap = rq->data;
    cp_heap_check(rq, heap);
    for (uint32_t i = 0; i < heap->n; i++) {
        const Ent *e = cp_ent_data(rq, heap->row[i].ent);
        cp_require(heap->row[i].tie == e->ready);
        cp_require(rq->policy->params->v[SJF_ESTIMATE] == ORACLE ||
                   heap->row[i].key == e->guess - e->ran);
    }
}

const CpPolicyClass cp_policy_sjf = {
    .name = "sjf",
    .summary = "shortest job first, known or guessed; never interrupts",
    .params = sjf_params,
    .rq_size = sizeof(CpHeap),
    .ent_size = sizeof(Ent),
    .global = true,
    .conserving = true,
    .rq_clear = sjf_rq_clear,
    .enqueue = sjf_enqueue,
    .dequeue = sjf_dequeue,
    .pick = sjf_pick,
    .set_next = sjf_set_next,
    .put_prev = push,
    .account = sjf_account,
    .next_queued = sjf_next_queued,
    .audit = sjf_audit,
};
