#include "scenario/run-names.h"

#include "models/python/python.h"

#include <string.h>

/* Which names a recording of a run carries, and how it says where it came from. */

char *cp_run_workload_name(const CpScenario *scenario, const char *file)
{
    const char *name = cp_workload_text(scenario->workload, scenario->workload->name);
    g_autofree char *base = g_path_get_basename(file);
    return cp_clean_text(*name != '\0' ? name : base, -1);
}

enum { PRIO_DEFAULT = 120, PRIO_RT_MAX = 99 };

/* As the kernel counts: 120 + nice, 99 - priority under a real-time policy, or -1. */
static int32_t kernel_prio(const CpSchedAttr *attr)
{
    bool is_rt = attr->policy == CP_SCHED_FIFO || attr->policy == CP_SCHED_RR;
    if (attr->policy == CP_SCHED_DEADLINE) {
        return -1;
    }
    return is_rt ? PRIO_RT_MAX - attr->rt_prio : PRIO_DEFAULT + attr->nice;
}

static void add_threads(CpCprWriter *writer, CpSim *sim, const CpWorkload *w)
{
    for (CpTid tid = 0; tid < cp_sim_n_threads(sim); tid++) {
        const CpThreadDecl *decl = cp_thread_decl(w, cp_sim_thread_decl(sim, tid));
        const CpProcDecl *proc = cp_proc_decl(w, decl->proc);
        g_autofree char *name = cp_sim_thread_name(sim, tid);
        CpCprThread row = {
            .name = cp_cpr_string(writer, name),
            .process = cp_cpr_string(writer, cp_workload_text(w, proc->name)),
            .pid = cp_sim_thread_proc(sim, tid),
            .tid = tid,
            .prio = kernel_prio(&decl->attr),
            .flags = decl->flags & CP_THREAD_LOAD ? CP_CPR_LOAD : 0,
        };
        cp_cpr_thread(writer, tid, &row);
    }
}

static void add_name(CpCprWriter *writer, CpRecordKind domain, uint32_t id,
                     const char *text)
{
    cp_cpr_name(writer, domain, id, cp_cpr_string(writer, text));
}

static void add_objects(CpCprWriter *writer, const CpWorkload *w)
{
    for (uint32_t i = 0; i < w->objs->len; i++) {
        const CpObjDecl *obj = cp_obj_decl(w, i);
        CpRecordKind domain = obj->kind == CP_OBJ_DEVICE ? CP_REC_DEVICE : CP_REC_LOCK_WAIT;
        add_name(writer, domain, i, cp_workload_text(w, obj->name));
    }
    for (uint32_t i = 0; i < w->hists->len; i++) {
        add_name(writer, CP_REC_RESPOND, i,
                 cp_workload_text(w, g_array_index(w->hists, uint32_t, i)));
    }
    for (uint32_t i = 0; i < w->groups->len; i++) {
        add_name(writer, CP_REC_THROTTLE, i,
                 cp_workload_text(w, cp_group_decl(w, i)->name));
    }
}

/* "loop of main", with the process if there are several. */
static void add_loops(CpCprWriter *writer, CpSim *sim, const CpWorkload *w)
{
    for (uint32_t loop = 0; loop < cp_python_n_loops(sim); loop++) {
        bool uvloop = false;
        CpTid tid = cp_python_loop_thread(sim, loop, &uvloop);
        const CpThreadDecl *decl = cp_thread_decl(w, cp_sim_thread_decl(sim, tid));
        g_autofree char *thread = cp_sim_thread_name(sim, tid);
        g_autofree char *name = g_strdup_printf(
            "%s of %s%s%s", uvloop ? "uvloop" : "loop",
            w->procs->len > 1 ? cp_workload_text(w, cp_proc_decl(w, decl->proc)->name) : "",
            w->procs->len > 1 ? "/" : "", thread);
        add_name(writer, CP_REC_LOOP_READY, loop, name);
    }
}

/* Functions that run as tasks, callbacks or calls for pools. */
static void add_functions(CpCprWriter *writer, const CpWorkload *w)
{
    for (uint32_t i = 0; i < w->tasks->len; i++) {
        add_name(writer, CP_REC_TASK_CREATE, i,
                 cp_workload_text(w, cp_task_decl(w, i)->name));
    }
}

/* Marks and lines carry the workload's string number; only strings that are those are kept.
 */
static void add_marks(CpCprWriter *writer, const CpWorkload *w)
{
    for (uint32_t pc = 0; pc < w->code->len; pc++) {
        const CpInsn *insn = cp_insn(w, pc);
        if (insn->op == CP_OP_MARK || (insn->op == CP_OP_PRINT && insn->c != 0)) {
            add_name(writer, insn->op == CP_OP_MARK ? CP_REC_MARK : CP_REC_PRINT, insn->c,
                     cp_workload_text(w, insn->c));
        }
    }
}

static void add_diagnoses(CpCprWriter *writer, CpSim *sim)
{
    const GPtrArray *diagnoses = cp_sim_diagnoses(sim);
    for (uint32_t i = 0; i < diagnoses->len; i++) {
        const CpDiagnosis *d = diagnoses->pdata[i];
        g_autofree char *text = g_strdup_printf("%s: %s", d->kind, d->text);
        add_name(writer, CP_REC_DIAGNOSIS, i, text);
    }
}

static void append_given(const CpSettingInForce *setting, void *out)
{
    if (setting->from >= CP_FROM_CONFIG || strcmp(setting->key, "policy") == 0) {
        g_string_append_printf(out, "%s=%s\n", setting->key, setting->value);
    }
}

static CpTime end_of(CpSim *sim)
{
    CpTime end = 0;
    CpUnit unit = CP_UNIT_NS;
    return cp_metric_find(sim, "makespan", &end, &unit) ? end : 0;
}

void cp_run_describe(CpCprWriter *writer, CpSim *sim, const CpScenario *scenario,
                     const char *metrics, CpCprInfo *info)
{
    const CpWorkload *w = scenario->workload;
    add_threads(writer, sim, w);
    add_objects(writer, w);
    add_loops(writer, sim, w);
    add_functions(writer, w);
    add_marks(writer, w);
    add_diagnoses(writer, sim);
    g_autofree char *machine = g_strdup_printf("%u cores", scenario->machine->n_cores);
    g_autoptr(GString) settings = g_string_new(NULL);
    cp_scenario_each_setting(scenario, append_given, settings);
    *info = (CpCprInfo){
        .origin = CP_ORIGIN_SIMULATED,
        .n_cpus = scenario->machine->n_cpus,
        .end = end_of(sim),
        .seed = cp_sim_config(sim)->seed,
        .machine = cp_cpr_string(writer, machine),
        .policy = cp_cpr_string(writer, scenario->policy),
        .workload = cp_cpr_string(writer, cp_workload_text(w, w->name)),
        .version = cp_cpr_string(writer, "coreplay " PACKAGE_VERSION),
        .source = cp_cpr_string(writer, scenario->source),
        .settings = cp_cpr_string(writer, settings->str),
        .metrics = metrics != NULL ? cp_cpr_string(writer, metrics) : 0,
    };
}
