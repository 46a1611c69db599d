#include "lang/compiler.h"

#include <string.h>

/* Decides in which passes a workload is compiled: declarations, a pass that only counts
 * registers and reports errors, the places of all frames, and the code. */

static const CpcTables tables = {
#define CP_STMT(KIND, word, place, children, read, note_it, compile_it, form)              \
    .note[CP_NODE_##KIND] = cpc_note_##note_it,                                            \
    .compile[CP_NODE_##KIND] = cpc_do_##compile_it,
#include "lang/tree.def"
#undef CP_STMT
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare_it, form)            \
    .declare[CP_NODE_##KIND] = cpc_declare_##declare_it,
#include "lang/decl.def"
#undef CP_DECL
};

static void warn_objects(Cpc *c, GHashTable *objects)
{
    g_autoptr(GList) names =
        g_list_sort(g_hash_table_get_keys(objects), (GCompareFunc)strcmp);
    for (GList *l = names; l != NULL; l = l->next) {
        const CpcObject *object = g_hash_table_lookup(objects, l->data);
        if (!object->used) {
            cp_diag_warning(c->diag, object->node->pos, "%s '%s' is never used",
                            cp_resource_word(object->node->value), object->node->text);
        }
    }
}

static void warn_unused(Cpc *c)
{
    warn_objects(c, c->objects);
    for (guint i = 0; i < c->proc_list->len; i++) {
        CpcProc *proc = g_ptr_array_index(c->proc_list, i);
        warn_objects(c, proc->objects);
        for (guint k = 0; k < proc->task_list->len; k++) {
            const CpcTask *task = g_ptr_array_index(proc->task_list, k);
            if (!task->called) {
                cp_diag_warning(c->diag, task->node->pos, "task '%s' is never called",
                                task->node->text);
            }
        }
    }
}

static bool all_code(Cpc *c)
{
    bool ok = true;
    for (guint i = 0; i < c->proc_list->len; i++) {
        ok = cpc_proc_code(c, g_ptr_array_index(c->proc_list, i)) && ok;
    }
    return ok;
}

static bool compile(Cpc *c)
{
    /* The code is looked at even if a declaration is wrong, for the errors in it. */
    bool ok = cpc_declare(c);
    c->measure = true;
    ok = all_code(c) && ok;
    if (!ok || !cpc_layout(c)) {
        return false;
    }
    c->measure = false;
    if (!all_code(c)) {
        return false;
    }
    warn_unused(c);
    g_autoptr(GError) error = NULL;
    if (!cp_workload_verify(c->w, &error)) {
        return cp_diag_error(c->diag, (CpPos){0}, "bug in the compiler: %s",
                             error->message);
    }
    return true;
}

CpWorkload *cp_compile(const CpTree *tree, const char *source, CpDiag *diag)
{
    Cpc c = {.tables = &tables,
             .w = cp_workload_new(&cp_ops),
             .diag = diag,
             .source = source,
             .root = cp_tree_root(tree)};
    c.group = CP_REG_NONE;
    c.params = g_hash_table_new(g_str_hash, g_str_equal);
    c.objects = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    c.procs = g_hash_table_new(g_str_hash, g_str_equal);
    c.proc_list = g_ptr_array_new_with_free_func(cpc_proc_free);
    c.locals = g_array_new(FALSE, FALSE, sizeof(CpcLocal));
    g_autofree char *base = g_path_get_basename(source);
    char *dot = strrchr(base, '.');
    if (dot != NULL && dot != base) {
        *dot = '\0';
    }
    c.w->name = cp_workload_string(c.w, base);
    c.w->source = cp_workload_string(c.w, source);
    unsigned before = cp_diag_n_errors(diag);
    bool ok = compile(&c) && cp_diag_n_errors(diag) == before;
    g_hash_table_unref(c.params);
    g_hash_table_unref(c.objects);
    g_hash_table_unref(c.procs);
    g_ptr_array_unref(c.proc_list);
    g_array_unref(c.locals);
    if (!ok) {
        cp_workload_free(c.w);
        return NULL;
    }
    return c.w;
}
