#include "models/linux/balance.h"

#include "sim/assert.h"

/* Where a waking or new fair thread goes. */

enum { WAKE_PCT = 117 }; /* an imbalance below it is tolerated */

typedef struct {
    CpSim *sim;
    const CpPolicy *policy;
    CpTid tid;
    bool anywhere;         /* it may run on every CPU */
    const CpCpuMask *idle; /* CPUs with nothing to do */
    CpLoads own;           /* of the wakee, counted at its previous CPU */
} Place;

static CpBalanceRq *state_of(const Place *p, CpCpu cpu)
{
    return cp_balance_cpu(p->policy, cpu);
}

static uint64_t load_of(const Place *p, CpCpu cpu)
{
    return cp_load_of_cpu(p->policy, cpu).load;
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
    uint64_t here = load_of(p, this), there = load_of(p, prev), waker = 0;
    CpTid curr = cp_cpu_curr(p->sim, this);
    if (sync && curr != CP_NONE &&
        (cp_balance_ent(p->policy, curr)->flags & CP_LOAD_HERE)) {
        waker = cp_load_of_thread(p->policy, curr).load;
        if (waker > here) {
            return this;
        }
    }
    uint64_t rest = there - MIN(there, p->own.load);
    uint64_t a = (here - waker + p->own.load) * 100 * m->cpu[prev].capacity;
    uint64_t b =
        rest * (100 + (WAKE_PCT - 100) / 2) * m->cpu[this].capacity + (sync ? 1 : 0);
    return a < b ? this : prev;
}

/* With SMT a core with all its CPUs idle is better than an idle sibling. */
bool cp_core_idle(const CpSim *sim, CpCpu cpu)
{
    const CpMachine *m = cp_sim_machine(sim);
    const CpCpuMask *core = &m->core_cpus[m->cpu[cpu].core], *idle = cp_idle_mask(sim);
    for (CpCpu c = cp_cpumask_next(core, 0); c != CP_NONE;
         c = cp_cpumask_next(core, c + 1)) {
        if (!cp_cpumask_has(idle, c)) {
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
        sum += cp_load_of_cpu(p->policy, c).util;
        n++;
    }
    cp_assert(n > 0);     /* the target is in its own cache */
    uint64_t x = sum / n; /* of 1024 */
    cp_assert(x <= 1024);
    uint64_t cut = x * x * WAKE_PCT * WAKE_PCT / 10000 / 1024;
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
    if (may(p, target) && is_idle(p, target) && (!smt || cp_core_idle(p->sim, target))) {
        return target;
    }
    if (prev != target && may(p, prev) && share_llc(p, prev, target) && is_idle(p, prev) &&
        (!smt || cp_core_idle(p->sim, prev))) {
        return prev;
    }
    CpCpu found = CP_NONE;
    uint32_t limit = smt ? m->n_cpus : scan_limit(p, target);
    for (CpCpu cpu = next_idle(p, target, target + 1); cpu != CP_NONE;
         cpu = next_idle(p, target, cpu + 1)) {
        if ((cpu + m->n_cpus - target) % m->n_cpus > limit) {
            break;
        }
        if (may(p, cpu) && (!smt || cp_core_idle(p->sim, cpu))) {
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
            bool is_whole = m->smt == 1 || cp_core_idle(p->sim, c);
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

/* The CPU of a group with the least load; threads on their way there count as of nice 0, or
 * all that start at one instant would go to the same one. */
static CpCpu least_loaded(const Place *p, const CpCpuMask *group)
{
    CpCpu best = CP_NONE;
    uint64_t least = UINT64_MAX;
    for (CpCpu c = cp_cpumask_next(group, 0); c != CP_NONE;
         c = cp_cpumask_next(group, c + 1)) {
        uint64_t load = load_of(p, c) + (uint64_t)1024 * cp_cpu_coming(p->sim, c);
        if (load < least && may(p, c)) {
            least = load;
            best = c;
        }
    }
    return best;
}

static CpCpu best_of(const Place *p, const CpCpuMask *group)
{
    CpCpu idle = idle_of(p, group);
    return idle != CP_NONE ? idle : least_loaded(p, group);
}

static bool any_allowed(const Place *p, const CpCpuMask *group)
{
    for (CpCpu c = cp_cpumask_next(group, 0); c != CP_NONE;
         c = cp_cpumask_next(group, c + 1)) {
        if (may(p, c)) {
            return true;
        }
    }
    return false;
}

/* Is a group better for a new thread than the best so far?  Mirrors
 * fair.c:update_pick_idlest. */
static bool better(const CpGroupStats *g, const CpGroupStats *best)
{
    if (g->type != best->type) {
        return g->type < best->type;
    }
    if (g->type == CP_GROUP_SPARE) {
        return g->idle != best->idle ? g->idle > best->idle : g->util < best->util;
    }
    return cp_group_average(g) < cp_group_average(best);
}

/* Does the group where the thread is started keep it?  Mirrors the end of
 * fair.c:sched_balance_find_dst_group. */
static bool stays(const CpGroupStats *local, const CpGroupStats *best, bool numa,
                  uint32_t pct)
{
    if (local->type != best->type) {
        return local->type < best->type;
    }
    if (local->type == CP_GROUP_SPARE) {
        return local->idle >= best->idle || (numa && best->idle - local->idle <= 2 &&
                                             local->nr + 1 <= MAX(local->n / 8, 1));
    }
    uint64_t here = cp_group_average(local), there = cp_group_average(best);
    uint64_t margin = 1024 * (pct - 100) / 100;
    if (numa && there + margin >= here) {
        return true;
    }
    return there >= here + margin || 100 * here <= pct * there;
}

/* The group of a level for a new thread; false: that of `cpu` will do.  Mirrors
 * fair.c:sched_balance_find_dst_group. */
static bool idlest_group(const Place *p, CpCpu cpu, uint32_t level, CpLevelKind kind,
                         CpCpuMask *found)
{
    const CpMachine *m = cp_sim_machine(p->sim);
    uint32_t pct = cp_level_pct(kind);
    CpGroupStats local = {.n = 0}, best = {.n = 0};
    CpGroups walk = cp_groups_begin(p->policy, level, cpu, cp_level_span(m, kind, cpu));
    for (CpCpu member; (member = cp_groups_next(&walk)) != CP_NONE;) {
        CpCpuMask group = cp_balance_group(p->policy, level, member);
        if (!any_allowed(p, &group)) {
            continue;
        }
        CpGroupStats g = cp_group_stats(p->policy, level, member, p->tid, pct);
        if (member == cpu) {
            local = g;
        } else if (best.n == 0 || better(&g, &best)) {
            best = g;
        }
    }
    if (best.n == 0 || (local.n > 0 && stays(&local, &best, kind == CP_LEVEL_ALL, pct))) {
        return false;
    }
    *found = cp_balance_group(p->policy, level, best.member);
    return true;
}

/* From the largest level down; mirrors fair.c:sched_balance_find_dst_cpu. */
static CpCpu new_cpu(const Place *p, CpCpu near)
{
    CpLevelKind kinds[CP_LEVELS];
    CpCpu cpu = near;
    for (uint32_t i = cp_levels_of(cp_sim_machine(p->sim), kinds); i > 0; i--) {
        CpCpuMask group;
        if (idlest_group(p, cpu, i - 1, kinds[i - 1], &group)) {
            CpCpu best = best_of(p, &group);
            cpu = best != CP_NONE ? best : cpu;
        }
    }
    return may(p, cpu) ? cpu : CP_NONE;
}

CpCpu cp_balance_select_cpu(CpPolicy *policy, CpTid tid, CpCpu waker_cpu, CpWakeFlags flags)
{
    CpCpu prev = cp_thread_cpu(policy->sim, tid);
    Place p = {.sim = policy->sim,
               .policy = policy,
               .tid = tid,
               .anywhere = cp_thread_anywhere(policy->sim, tid),
               .idle = cp_idle_mask(policy->sim)};
    if (cp_sim_machine(policy->sim)->n_cpus == 1) {
        return 0;
    }
    if (flags & CP_WAKE_NEW) {
        /* Nobody in the model starts it: it comes from somewhere, evenly. */
        CpCpu cpu = flags & CP_WAKE_UNPARENTED
                        ? best_of(&p, &cp_sim_machine(policy->sim)->all)
                        : new_cpu(&p, waker_cpu);
        return cpu != CP_NONE ? cpu : cp_place_default(policy, tid, waker_cpu, flags);
    }
    if (!may(&p, prev)) {
        return cp_place_default(policy, tid, waker_cpu, flags);
    }
    CpCpu target = prev;
    if (may(&p, waker_cpu) && waker_cpu != prev) {
        p.own = cp_load_of_thread(policy, tid);
        target = wake_affine(&p, waker_cpu, prev, flags);
    }
    CpCpu cpu = select_idle_sibling(&p, prev, target);
    cp_assert(may(&p, cpu));
    return cpu;
}

CpCpu cp_place_near(const CpSim *sim, const CpCpuMask *mask, CpCpu own, CpCpu waker_cpu)
{
    const CpMachine *m = cp_sim_machine(sim);
    CpLevelKind kinds[CP_LEVELS];
    uint32_t n = cp_levels_of(m, kinds);
    if (cp_cpumask_has(mask, own)) {
        return own;
    }
    for (uint32_t i = 0; i < n; i++) {
        const CpCpuMask *span = cp_level_span(m, kinds[i], own);
        if (cp_cpumask_has(span, waker_cpu) && cp_cpumask_has(mask, waker_cpu)) {
            return waker_cpu;
        }
        for (CpCpu c = cp_cpumask_next(mask, 0); c != CP_NONE;
             c = cp_cpumask_next(mask, c + 1)) {
            if (cp_cpumask_has(span, c)) {
                return c;
            }
        }
    }
    return cp_cpumask_next(mask, 0);
}
