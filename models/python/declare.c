#include "models/python/declare.h"

#include "models/python/python-ops.h"

/* Decides which threads a pool and a queue between processes bring along, and what those
 * execute. */

/* A thread that only a pool starts: its whole body is serving that pool. */
static uint32_t pool_thread(CpWorkload *w, uint32_t pool, const char *role, uint32_t flags)
{
    CpProcId proc = cp_pool_decl(w, pool)->proc;
    g_autofree char *name =
        g_strdup_printf("%s-%s", cp_workload_text(w, cp_pool_decl(w, pool)->name), role);
    uint32_t decl = cp_workload_thread(w, proc, name);
    CpThreadDecl *t = cp_thread_decl(w, decl);
    t->copies = 0;
    t->flags = CP_THREAD_SPAWNED | flags;
    uint8_t kind = role[0] == 'w' ? 0 : role[0] == 'm' ? 1 : 2;
    cp_workload_emit(w, CP_OP_POOL_SERVE, kind, 0, pool, 0);
    cp_workload_emit(w, CP_OP_EXIT, 0, 0, 0, 0);
    return decl;
}

uint32_t cp_workload_pool(CpWorkload *w, CpProcId proc, const char *name, CpPoolKind kind,
                          uint32_t n)
{
    const CpPoolDecl empty = {.name = cp_workload_string(w, name),
                              .proc = proc,
                              .kind = kind,
                              .n = n,
                              .manager = CP_NONE,
                              .feeder = CP_NONE};
    g_array_append_val(w->pools, empty);
    uint32_t pool = w->pools->len - 1;
    bool forks = kind == CP_POOL_PROCESSES || kind == CP_POOL_WORKERS;
    uint32_t worker =
        pool_thread(w, pool, "worker", CP_THREAD_DAEMON | (forks ? CP_THREAD_FORKS : 0));
    uint32_t manager = forks ? pool_thread(w, pool, "manager", CP_THREAD_DAEMON) : CP_NONE;
    uint32_t feeder = forks ? pool_thread(w, pool, "feeder", CP_THREAD_DAEMON) : CP_NONE;
    CpPoolDecl *d = cp_pool_decl(w, pool);
    d->worker = worker;
    d->manager = manager;
    d->feeder = feeder;
    return pool;
}

void cp_workload_feeder(CpWorkload *w, CpProcId proc, uint32_t obj)
{
    g_autofree char *name =
        g_strdup_printf("%s-feeder", cp_workload_text(w, cp_obj_decl(w, obj)->name));
    uint32_t decl = cp_workload_thread(w, proc, name);
    CpThreadDecl *t = cp_thread_decl(w, decl);
    t->copies = 0;
    t->n_regs = CP_REG_FREE + 1;
    t->flags = CP_THREAD_SPAWNED | CP_THREAD_DAEMON;
    cp_workload_emit(w, CP_OP_QUEUE_FEED, 0, 0, obj, 0);
    cp_workload_emit(w, CP_OP_EXIT, 0, 0, 0, 0);
    cp_obj_decl(w, obj)->feeder = decl;
}
