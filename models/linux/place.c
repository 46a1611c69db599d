#include "models/linux/balance.h"

#include "sim/assert.h"

/* Where a waking or new fair thread goes. */

typedef struct {
    CpSim *sim;
    const CpPolicy *policy;
    CpTid tid;
    bool anywhere;         /* it may run on every CPU */
    const CpCpuMask *idle; /* CPUs with nothing to do */
    uint64_t weight;       /* of the wakee */
} Place;

static CpBalanceRq *state_of(const Place *p, CpCpu cpu)
{
    return cp_policy_rq(p->policy, cpu)->data;
}

static uint64_t load_of(const Place *p, CpCpu cpu)
{
    return state_of(p, cpu)->load;
}

static inline bool is_idle(const Place *p, CpCpu cpu)
{
    return cp_cpumask_has(p->idle, cpu);
}

static inline bool may(const Place *p, CpCpu cpu)
{
    return p->anywhere || cp_thread_allowed(p->sim, p->tid, cpu);
}

static bool share_llc(const Place *p, CpCpu a, CpCpu b)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    return m->cpu[a].llc == m->cpu[b].llc;
}

/* Waker's CPU or previous CPU; mirrors fair.c:wake_affine. */
static CpCpu wake_affine(const Place *p, CpCpu this, CpCpu prev, CpWakeFlags flags)
{
    bool sync = flags & CP_WAKE_SYNC;
    cp_assert(this != prev && may(p, this) && may(p, prev)); /* a choice of two */
    if (is_idle(p, this) && share_llc(p, this, prev)) {
        return is_idle(p, prev) ? prev : this;
    }
    if (sync && cp_cpu_nr(p->sim, this) == 1) {
        return this;
    }
    if (is_idle(p, prev)) {
        return prev;
    }
    const CpMachine *m = cp_sim_machine(p->sim);
    uint64_t here = load_of(p, this), there = load_of(p, prev);
    uint64_t waker = sync && cp_cpu_curr(p->sim, this) != CP_NONE ? 1024 : 0;
    if (sync && waker > here) {
        return this;
    }
    cp_assert(here >= waker); /* below nothing a load would be huge */
    uint64_t a = (here - waker + p->weight) * 100 * m->cpu[prev].capacity;
    uint64_t b = there * (100 + (CP_IMBALANCE_PCT - 100) / 2) * m->cpu[this].capacity +
                 (sync ? 1 : 0);
    return a < b ? this : prev;
}

/* With SMT a core with all its CPUs idle is better than an idle sibling. */
static bool core_idle(const Place *p, CpCpu cpu)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    const CpCpuMask *mask = &m->core_cpus[m->cpu[cpu].core];
    for (CpCpu c = cp_cpumask_next(mask, 0); c != CP_NONE;
         c = cp_cpumask_next(mask, c + 1)) {
        if (!is_idle(p, c)) {
            return false;
        }
    }
    return true;
}

/* The idle CPU of `near`'s last-level cache at or after `from`, wrapping past the last CPU;
 * CP_NONE when `near` itself has been passed. */
static CpCpu next_idle(const Place *p, CpCpu near, CpCpu from)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    const CpCpuMask *llc = &m->llc_cpus[m->cpu[near].llc], *idle = cp_idle_mask(p->sim);
    uint32_t words = (m->n_cpus + 63) / 64;
    bool wrapped = from <= near;
    cp_assert(from <= m->n_cpus); /* the one after the last at most */
    for (uint32_t n = 0; n <= words; n++) {
        uint32_t w = from / 64;
        uint64_t bits = 0;
        if (w < words) {
            bits = llc->bits[w] & idle->bits[w] & (~(uint64_t)0 << (from % 64));
        }
        if (bits != 0) {
            CpCpu cpu = w * 64 + (CpCpu)__builtin_ctzll(bits);
            cp_assert(is_idle(p, cpu) && share_llc(p, cpu, near));
            return wrapped && cpu > near ? CP_NONE : cpu;
        }
        from = (w + 1) * 64;
        if (w + 1 >= words) {
            if (wrapped) {
                return CP_NONE;
            }
            from = 0;
            wrapped = true;
        }
    }
    return CP_NONE;
}

/* How many CPUs of a cache are worth looking at for an idle one: the busier all of them
 * are, the fewer, above 85 % none (SIS_UTIL); mirrors fair.c:update_idle_cpu_scan. */
static uint32_t scan_limit(const Place *p, CpCpu target)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    const CpCpuMask *llc = &m->llc_cpus[m->cpu[target].llc];
    CpBalanceRq *b = state_of(p, target);
    if (cp_now(p->sim) < b->scan_until) {
        return b->scan;
    }
    uint64_t n = 0, sum = 0;
    for (CpCpu c = cp_cpumask_next(llc, 0); c != CP_NONE; c = cp_cpumask_next(llc, c + 1)) {
        sum += cp_cpu_util(p->sim, c);
        n++;
    }
    cp_assert(n > 0);     /* the target is in its own cache */
    uint64_t x = sum / n; /* of 1024 */
    cp_assert(x <= 1024);
    uint64_t cut = x * x * CP_IMBALANCE_PCT * CP_IMBALANCE_PCT / 10000 / 1024;
    b->scan = cut >= 1024 ? 0 : (uint32_t)(n * (1024 - cut) / 1024);
    b->scan_until = cp_now(p->sim) + (CpTime)n * CP_MS;
    return b->scan;
}

/* Mirrors fair.c:select_idle_sibling. */
static CpCpu select_idle_sibling(const Place *p, CpCpu prev, CpCpu target)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    bool smt = m->smt > 1;
    cp_assert(may(p, prev)); /* the way out */
    if (may(p, target) && is_idle(p, target) && (!smt || core_idle(p, target))) {
        return target;
    }
    if (prev != target && may(p, prev) && share_llc(p, prev, target) && is_idle(p, prev) &&
        (!smt || core_idle(p, prev))) {
        return prev;
    }
    CpCpu found = CP_NONE;
    uint32_t limit = smt ? m->n_cpus : scan_limit(p, target);
    for (CpCpu cpu = next_idle(p, target, target + 1); cpu != CP_NONE;
         cpu = next_idle(p, target, cpu + 1)) {
        if ((cpu + m->n_cpus - target) % m->n_cpus > limit) {
            break;
        }
        if (may(p, cpu) && (!smt || core_idle(p, cpu))) {
            return cpu;
        }
        found = found == CP_NONE && may(p, cpu) ? cpu : found;
        if (cpu == target) {
            break;
        }
    }
    return found != CP_NONE ? found : may(p, target) ? target : prev;
}

/* --- fork placement --- */

/* The memory node with the fewest runnable threads per CPU; the local one wins ties. */
static uint32_t idlest_node(const Place *p, CpCpu near)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    uint32_t local = m->cpu[near].node, best = local;
    uint64_t least = UINT64_MAX;
    for (uint32_t k = 0; m->n_nodes > 1 && k < m->n_nodes; k++) {
        uint32_t node = (local + k) % m->n_nodes;
        uint64_t nr = 0, cpus = 0;
        for (CpCpu c = cp_cpumask_next(&m->node_cpus[node], 0); c != CP_NONE;
             c = cp_cpumask_next(&m->node_cpus[node], c + 1)) {
            if (may(p, c)) {
                nr += cp_cpu_nr(p->sim, c);
                cpus++;
            }
        }
        if (cpus > 0 && nr * 1024 / cpus < least) {
            least = nr * 1024 / cpus;
            best = node;
        }
    }
    return best;
}

/* The threads of a CPU have wanted more than it has for some time; young ones hardly count.
 * Mirrors fair.c:group_is_overloaded for a group of one CPU. */
static bool is_overloaded(const Place *p, CpCpu cpu)
{
    CpRq *rq = (CpRq *)(uintptr_t)cp_policy_rq(p->policy, cpu); /* only walked */
    CpTid curr = cp_cpu_curr(p->sim, cpu);
    uint64_t sum = curr != CP_NONE ? cp_thread_demand(p->sim, curr) : 0;
    CpEnt e = CP_NONE;
    for (unsigned i = 0; i < CP_BALANCE_LOOKS; i++) {
        e = rq->policy->cls->next_queued(rq, e);
        if (e == CP_NONE) {
            break;
        }
        cp_assert(e != rq->curr); /* counted once */
        sum += e & CP_ENT_GROUP ? 1024 : cp_thread_demand(p->sim, e);
    }
    return sum * 100 > 1024 * CP_IMBALANCE_PCT;
}

/* The idle CPU of a node that went idle last, a whole idle core first; CP_NONE. */
static CpCpu idle_of(const Place *p, const CpCpuMask *node)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    CpCpu idle = CP_NONE;
    bool whole = false;
    for (uint32_t w = 0; w < (m->n_cpus + 63) / 64; w++) {
        for (uint64_t bits = node->bits[w] & p->idle->bits[w]; bits != 0;
             bits &= bits - 1) {
            CpCpu c = w * 64 + (CpCpu)__builtin_ctzll(bits);
            if (!may(p, c)) {
                continue;
            }
            bool is_whole = m->smt == 1 || core_idle(p, c);
            if (idle == CP_NONE || (is_whole && !whole) ||
                (is_whole == whole &&
                 cp_cpu_since(p->sim, c) > cp_cpu_since(p->sim, idle))) {
                idle = c;
                whole = is_whole;
            }
        }
    }
    cp_assert(idle == CP_NONE || cp_cpu_nr(p->sim, idle) == 0);
    return idle;
}

/* The CPU of a node with the least load; threads on their way there count as of nice 0, or
 * all that start at one instant would go to the same one. */
static CpCpu least_loaded(const Place *p, const CpCpuMask *node)
{
    CpCpu best = CP_NONE;
    uint64_t least = UINT64_MAX;
    for (CpCpu c = cp_cpumask_next(node, 0); c != CP_NONE;
         c = cp_cpumask_next(node, c + 1)) {
        uint64_t load = load_of(p, c) + (uint64_t)1024 * cp_cpu_coming(p->sim, c);
        if (load < least && may(p, c)) {
            least = load;
            best = c;
        }
    }
    return best;
}

/* An idle CPU; else the one it is started from, or if that has too much the idlest. */
static CpCpu idlest_cpu(const Place *p, CpCpu near, bool has_parent)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    uint32_t node = idlest_node(p, near);
    cp_assert(node < m->n_nodes);
    CpCpu idle = idle_of(p, &m->node_cpus[node]);
    if (idle != CP_NONE) {
        return idle;
    }
    /* A CPU with capacity left keeps what is started on it (update_pick_idlest). */
    if (has_parent && m->cpu[near].node == node && may(p, near) &&
        !is_overloaded(p, near)) {
        return near;
    }
    return least_loaded(p, &m->node_cpus[node]);
}

CpCpu cp_balance_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags)
{
    CpCpu prev = cp_thread_cpu(policy->sim, tid);
    const CpSchedAttr *attr = cp_thread_attr(policy->sim, tid);
    Place p = {.sim = policy->sim,
               .policy = policy,
               .tid = tid,
               .anywhere = cp_thread_anywhere(policy->sim, tid),
               .idle = cp_idle_mask(policy->sim),
               .weight = cp_nice_weight(attr->nice)};
    if (cp_sim_machine(policy->sim)->n_cpus == 1) {
        return 0;
    }
    if (flags & CP_WAKE_NEW) {
        CpCpu cpu = idlest_cpu(&p, waker_cpu, !(flags & CP_WAKE_UNPARENTED));
        return cpu != CP_NONE ? cpu : cp_place_default(policy, tid, waker_cpu, flags);
    }
    if (!may(&p, prev)) {
        return cp_place_default(policy, tid, waker_cpu, flags);
    }
    CpCpu target = prev;
    if (may(&p, waker_cpu) && waker_cpu != prev) {
        target = wake_affine(&p, waker_cpu, prev, flags);
    }
    CpCpu cpu = select_idle_sibling(&p, prev, target);
    cp_assert(may(&p, cpu));
    return cpu;
}
