#include "lang/compiler.h"
#include "sim/words.h"

#include <string.h>

/* Decides what code the remaining statements of the python runtime become. */

bool cpc_do_input(Cpc *c, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, cp_node_child(node, CP_CHILD_TIME), &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_OUTSIDE, a, 0, arg, node);
    return true;
}

bool cpc_do_touch(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    int64_t n = 1;
    const CpNode *count = cp_node_child(node, CP_CHILD_COUNT);
    uint32_t obj = cpc_find_obj(c, cp_node_child(node, CP_CHILD_NAME), "touch",
                                CP_OBJ_BIT(OBJECT), &kind);
    if (obj == CP_NONE ||
        (!cp_node_is_null(count) && !cpc_const_int(c, count, 0, INT64_MAX / 1000, &n))) {
        return false;
    }
    uint32_t row = cpc_const(c, n);
    if (row > UINT16_MAX) {
        return cp_diag_error(c->diag, node->pos,
                             "more than 65536 different constants before this 'touch'");
    }
    cpc_emit(c, CP_OP_TOUCH, 0, (uint16_t)row, obj, node);
    return true;
}

bool cpc_do_alloc(Cpc *c, const CpNode *node)
{
    int64_t n;
    if (!cpc_const_int(c, cp_node_child(node, CP_CHILD_COUNT), 0, INT32_MAX, &n)) {
        return false;
    }
    cpc_emit(c, CP_OP_ALLOC, 0, 0, cpc_const(c, n), node);
    return true;
}

bool cpc_signal(Cpc *c, CpPos pos, const char *name, uint32_t *number)
{
    static const struct {
        const char *name;
        uint32_t number;
    } all[] = {{"SIGHUP", 1},   {"SIGINT", 2},   {"SIGQUIT", 3},
               {"SIGKILL", 9},  {"SIGUSR1", 10}, {"SIGUSR2", 12},
               {"SIGALRM", 14}, {"SIGTERM", 15}, {"SIGCHLD", 17}};
    const char *names[G_N_ELEMENTS(all) + 1] = {NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (strcmp(all[i].name, name) == 0) {
            *number = all[i].number;
            return true;
        }
        names[i] = all[i].name;
    }
    const char *near = cp_nearest(name, names);
    g_autofree char *list = g_strjoinv(", ", (char **)names);
    cp_diag_error(c->diag, pos, "unknown signal '%s'", name);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else {
        cp_diag_help(c->diag, "signals: %s", list);
    }
    return false;
}

/* A process is meant by its name, or by that of a thread or spawned process in it. */
bool cpc_do_kill(Cpc *c, const CpNode *node)
{
    const CpNode *name = cp_node_child(node, CP_CHILD_NAME);
    const CpNode *word = cp_node_child(node, CP_CHILD_SIGNAL);
    uint32_t number;
    if (!cpc_signal(c, word->pos, word->text, &number)) {
        return false;
    }
    const CpcThread *thread = g_hash_table_lookup(c->proc->threads, name->text);
    const CpcProc *proc = g_hash_table_lookup(c->procs, name->text);
    if (thread == NULL && proc == NULL) {
        return cpc_unknown(c, name->pos, "process or thread", name->text, c->procs,
                           c->proc->threads, NULL);
    }
    uint32_t decl =
        thread != NULL ? thread->index : cp_proc_decl(c->w, proc->index)->first_thread;
    cpc_emit(c, CP_OP_KILL, (uint8_t)number, 0, decl, node);
    return true;
}
