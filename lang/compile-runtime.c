#include "lang/compiler.h"

#include "models/python/python.h"

#include <string.h>

/* Decides what a process's runtime is: native, or a version of Python with its options. */

/* session=on, of any runtime. */
static bool refuse_session(Cpc *c, const CpNode *opt)
{
    cp_diag_error(c->diag, opt->pos,
                  "not yet: autogroups ('session') are not part of this version");
    cp_diag_help(c->diag, "put the process into a cgroup of its own: process NAME in "
                          "GROUP { ... }");
    return false;
}

bool cpc_native_runtime(Cpc *c, const CpNode *runtime)
{
    const CpNode *version = cp_node_child(runtime, CP_CHILD_VERSION);
    const CpNode *opts = cp_node_child(runtime, CP_CHILD_KEYS);
    static const char *const known[] = {"session", NULL};
    if (version->kind != CP_NODE_NULL) {
        return cp_diag_error(c->diag, version->pos, "the native runtime has no versions");
    }
    for (const CpNode *opt = opts->child; opt != NULL; opt = opt->next) {
        if (strcmp(opt->text, "session") != 0) {
            return cpc_unknown_key(c, opt, "the native runtime", known);
        }
        return refuse_session(c, opt);
    }
    return true;
}

/* An option of the runtime is a setting of the process. */
static bool python_option(Cpc *c, CpcProc *proc, const CpNode *opt)
{
    static const char *const known[] = {"gil",           "interval", "check_interval",
                                        "free_overhead", "start",    NULL};
    if (strcmp(opt->text, "session") == 0) {
        return refuse_session(c, opt);
    }
    if (!g_strv_contains(known, opt->text)) {
        return cpc_unknown_key(c, opt, "the python runtime", known);
    }
    bool own = strcmp(opt->text, "gil") == 0 || strcmp(opt->text, "start") == 0;
    g_autofree char *key = own ? g_strdup(opt->text) : g_strconcat("gil.", opt->text, NULL);
    const CpNode *node = cpc_resolve(c, opt->child);
    g_autofree char *value = cp_node_print(node);
    g_autoptr(GError) error = NULL;
    if (strcmp(opt->text, "interval") == 0 && node->kind == CP_NODE_NUMBER) {
        CpTime interval;
        if (!cpc_const_time(c, opt->child, &interval)) {
            return false;
        }
        g_free(value);
        value = cp_format_time(interval);
    }
    CpParamSet *set = cp_params_new(cp_python_params);
    int row = cp_params_find(cp_python_params, key);
    bool ok = cp_params_set(set, row, value, CP_FROM_WORKLOAD, &error) ||
              cp_diag_error(c->diag, opt->child->pos, "%s", error->message);
    if (ok && strcmp(opt->text, "start") == 0) {
        proc->start_method = (uint8_t)set->v[row]; /* auto is CP_START_DEFAULT */
    }
    cp_params_free(set);
    if (!ok) {
        return false;
    }
    GPtrArray *settings = cp_proc_decl(c->w, proc->index)->settings;
    g_ptr_array_add(settings, g_steal_pointer(&key));
    g_ptr_array_add(settings, g_steal_pointer(&value));
    return true;
}

bool cpc_python_runtime(Cpc *c, CpcProc *proc, const CpNode *runtime)
{
    const CpNode *text = cp_node_child(runtime, CP_CHILD_VERSION);
    g_autoptr(GError) error = NULL;
    bool ok = true;
    if (text->kind == CP_NODE_NULL) {
        cp_diag_error(c->diag, runtime->pos, "the python runtime needs a version");
        cp_diag_help(c->diag, "write runtime python \"3.12\"");
        return false;
    }
    if (!cp_python_version(text->text, &proc->version, &error)) {
        return cp_diag_error(c->diag, text->pos, "%s", error->message);
    }
    cp_proc_decl(c->w, proc->index)->version = cp_workload_string(c->w, text->text);
    for (const CpNode *opt = cp_node_child(runtime, CP_CHILD_KEYS)->child; opt != NULL;
         opt = opt->next) {
        ok = python_option(c, proc, opt) && ok;
    }
    return ok;
}

bool cpc_needs_version(Cpc *c, const CpcProc *proc, CpPos pos, const char *what,
                       CpPyFeature feature)
{
    if (cp_python_has(&proc->version, feature)) {
        return true;
    }
    unsigned major = cp_python_since(feature) / 10000;
    unsigned minor = cp_python_since(feature) / 100 % 100;
    cp_diag_error(c->diag, pos, "%s needs Python %u.%u", what, major, minor);
    cp_diag_help(c->diag, "declare the process with 'runtime python \"%u.%u\"', or newer",
                 major, minor);
    return false;
}

bool cpc_declare_interp(Cpc *c, const CpNode *node)
{
    CpcProc *proc = c->proc;
    if (g_hash_table_contains(proc->interps, node->text)) {
        return cp_diag_error(c->diag, node->pos, "interpreter '%s' is declared twice",
                             node->text);
    }
    CpInterpDecl decl = {.own_gil = true};
    if (!cpc_keys(c, cp_node_child(node, CP_CHILD_KEYS), cp_interp_keys, CP_KINDS_ANY,
                  "an interpreter", &decl)) {
        return false;
    }
    uint32_t row = cp_workload_interp(c->w, proc->index, node->text, decl.own_gil);
    g_hash_table_insert(proc->interps, (char *)node->text, GUINT_TO_POINTER(row + 1));
    return !decl.own_gil ||
           cpc_needs_version(c, proc, node->pos, "an interpreter with a GIL of its own",
                             CP_PY_INTERPRETER_LOCKS);
}
