#include "lang/compiler.h"

#include "sim/words.h"

#include <string.h>

/* Decides in which order declarations are compiled, and what those of a file mean that have
 * no file of their own: parameters, groups, noise and changes during the run. */

bool cpc_duplicate(Cpc *c, const CpNode *node, const char *what, const CpNode *first)
{
    cp_diag_error(c->diag, node->pos, "%s '%s' is declared twice", what, node->text);
    cp_diag_note(c->diag, first->pos, "first declared here");
    return false;
}

/* The text of a setting; the name of a param stands for its value.  New text. */
static char *setting_text(Cpc *c, const CpNode *value)
{
    const CpNode *param = g_hash_table_lookup(c->params, value->text);
    return param != NULL ? cp_node_print(param->child) : g_strdup(value->text);
}

/* --- groups --- */

static bool declare_group(Cpc *c, const CpNode *node, CpGroup parent)
{
    CpWorkload *w = c->w;
    const char *above = cp_workload_text(w, cp_group_decl(w, parent)->name);
    g_autofree char *path =
        parent == 0 ? g_strdup(node->text) : g_strconcat(above, "/", node->text, NULL);
    for (CpGroup i = 1; i < w->groups->len; i++) {
        if (strcmp(cp_workload_text(w, cp_group_decl(w, i)->name), path) == 0) {
            return cp_diag_error(c->diag, node->pos, "cgroup '%s' is declared twice", path);
        }
    }
    const CpGroupDecl decl = {.name = cp_workload_string(w, path),
                              .parent = parent,
                              .weight = 100,
                              .period = 100 * CP_MS,
                              .cpus = CP_NONE};
    CpGroup group = w->groups->len;
    g_array_append_val(w->groups, decl);
    bool ok = true;
    for (const CpNode *s = node->child; s != NULL; s = s->next) {
        if (s->kind == CP_NODE_CGROUP) {
            ok = declare_group(c, s, group) && ok;
            continue;
        }
        g_autoptr(GError) error = NULL;
        g_autofree char *value = setting_text(c, s->child);
        if (!cp_group_set(w, group, s->text, value, &error)) {
            bool unknown = g_str_has_prefix(error->message, "unknown");
            ok = cp_diag_error(c->diag, unknown ? s->pos : s->child->pos, "%s",
                               error->message);
        }
    }
    return ok;
}

bool cpc_declare_cgroup(Cpc *c, const CpNode *node)
{
    return declare_group(c, node, 0);
}

bool cpc_find_group(Cpc *c, const CpNode *name, CpGroup *group)
{
    if (name->kind != CP_NODE_NAME) {
        return true;
    }
    *group = cp_group_find(c->w, name->text);
    if (*group != CP_NONE) {
        return true;
    }
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (CpGroup i = 1; i < c->w->groups->len; i++) {
        g_ptr_array_add(known,
                        (char *)cp_workload_text(c->w, cp_group_decl(c->w, i)->name));
    }
    g_ptr_array_add(known, NULL);
    const char *near = cp_nearest(name->text, (const char *const *)known->pdata);
    cp_diag_error(c->diag, name->pos, "unknown cgroup '%s'", name->text);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else {
        cp_diag_help(c->diag, "declare it at file level: cgroup %s { weight 100 }",
                     name->text);
    }
    return false;
}

/* --- noise, at --- */

bool cpc_declare_noise(Cpc *c, const CpNode *node)
{
    const CpNode *opts = cp_node_child(node, CP_CHILD_KEYS);
    CpNoiseDecl noise = {.name = cp_workload_string(c->w, node->text), .cpus = CP_NONE};
    bool ok = cpc_keys(c, opts, cp_noise_keys, CP_KINDS_ANY, "noise", &noise);
    if (ok &&
        (cp_opts_find(opts, "every") == NULL || cp_opts_find(opts, "steal") == NULL)) {
        cp_diag_error(c->diag, node->pos, "noise '%s' needs every= and steal=", node->text);
        cp_diag_help(c->diag, "write noise %s (every=exp(1ms), steal=5us)", node->text);
        return false;
    }
    if (ok && noise.every.kind == CP_DIST_CONST && noise.every.p[0] == 0) {
        return cp_diag_error(c->diag, node->pos, "noise '%s': every= must be above 0",
                             node->text);
    }
    g_array_append_val(c->w->noises, noise);
    return ok;
}

/* What `set` may change while the run goes on. */
static const struct {
    const char *begin, *end;
    CpAtKind kind;
} at_keys[] = {{"thread.", ".nice", CP_AT_NICE},
               {"thread.", ".cpus", CP_AT_CPUS},
               {"cgroup.", ".quota", CP_AT_QUOTA},
               {"cgroup.", ".weight", CP_AT_WEIGHT}};

static bool is_of_group(CpAtKind kind)
{
    return kind == CP_AT_QUOTA || kind == CP_AT_WEIGHT;
}

/* The value is checked, and put into its unit, by setting the row and taking it back. */
static gboolean at_value(CpWorkload *w, CpAtDecl *at, const char *key, const char *value,
                         GError **error)
{
    if (is_of_group(at->kind)) {
        CpGroupDecl before = *cp_group_decl(w, at->subject);
        gboolean ok = cp_group_set(w, at->subject, key, value, error);
        const CpGroupDecl *now = cp_group_decl(w, at->subject);
        at->value = at->kind == CP_AT_QUOTA ? now->quota : now->weight;
        *cp_group_decl(w, at->subject) = before;
        return ok;
    }
    CpThreadDecl before = *cp_thread_decl(w, at->subject);
    gboolean ok = cp_thread_set(w, at->subject, key, value, error);
    const CpSchedAttr *attr = &cp_thread_decl(w, at->subject)->attr;
    at->value = at->kind == CP_AT_NICE ? attr->nice : (int64_t)attr->cpus;
    *cp_thread_decl(w, at->subject) = before;
    return ok;
}

/* set thread.NAME.nice 5, set cgroup.PATH.quota 50% */
static bool at_set(Cpc *c, const CpNode *action, CpTime when)
{
    size_t i = 0;
    while (i < G_N_ELEMENTS(at_keys) &&
           !(g_str_has_prefix(action->text, at_keys[i].begin) &&
             g_str_has_suffix(action->text, at_keys[i].end) &&
             strlen(action->text) > strlen(at_keys[i].begin) + strlen(at_keys[i].end))) {
        i++;
    }
    if (i == G_N_ELEMENTS(at_keys)) {
        cp_diag_error(c->diag, action->pos, "setting '%s' cannot change during a run",
                      action->text);
        cp_diag_help(c->diag, "possible: thread.NAME.nice, thread.NAME.cpus, "
                              "cgroup.NAME.quota, cgroup.NAME.weight");
        return false;
    }
    const char *from = action->text + strlen(at_keys[i].begin);
    g_autofree char *subject = g_strndup(from, strlen(from) - strlen(at_keys[i].end));
    g_autofree char *value = setting_text(c, action->child);
    bool thread = !is_of_group(at_keys[i].kind);
    CpAtDecl at = {.at = when, .kind = at_keys[i].kind, .line = action->pos.line};
    at.subject = thread ? cp_thread_find(c->w, subject, 0) : cp_group_find(c->w, subject);
    if (at.subject == CP_NONE) {
        return cp_diag_error(c->diag, action->pos, "no %s is named '%s'",
                             thread ? "thread" : "cgroup", subject);
    }
    g_autoptr(GError) error = NULL;
    if (!at_value(c->w, &at, at_keys[i].end + 1, value, &error)) {
        return cp_diag_error(c->diag, action->child->pos, "%s", error->message);
    }
    do {
        g_array_append_val(c->w->ats, at);
        at.subject = thread ? cp_thread_find(c->w, subject, at.subject + 1) : CP_NONE;
    } while (at.subject != CP_NONE);
    return true;
}

bool cpc_declare_at(Cpc *c, const CpNode *node)
{
    CpTime when;
    if (!cpc_const_time(c, cp_node_child(node, CP_CHILD_TIME), &when)) {
        return false;
    }
    bool ok = true;
    for (const CpNode *action = cp_node_child(node, CP_CHILD_MEMBERS); action != NULL;
         action = action->next) {
        if (action->kind == CP_NODE_SETTING) {
            ok = at_set(c, action, when) && ok;
        } else {
            cp_diag_error(c->diag, action->pos,
                          "not yet: taking CPUs offline and online is not part of this "
                          "version");
            cp_diag_help(c->diag, "keep threads away from them: set thread.NAME.cpus 0-1");
            ok = false;
        }
    }
    return ok;
}

/* --- all --- */

bool cpc_declare_param(Cpc *c, const CpNode *node)
{
    const CpNode *first = g_hash_table_lookup(c->params, node->text);
    if (first != NULL) {
        return cpc_duplicate(c, node, "param", first);
    }
    g_hash_table_insert(c->params, (char *)node->text, (void *)node);
    return true;
}

bool cpc_declare_none(Cpc *c, const CpNode *node)
{
    (void)c;
    (void)node; /* the scenario reads it */
    return true;
}

static bool declare_one(Cpc *c, const CpNode *node, const CpDeclInfo *info)
{
    if ((info->place & CP_DECL_PYTHON) && !c->proc->python) {
        return cp_diag_error(c->diag, node->pos, "'%s' needs a python runtime", info->word);
    }
    return c->tables->declare[node->kind](c, node);
}

bool cpc_declare_members(Cpc *c, const CpNode *first)
{
    bool ok = true;
    for (unsigned stage = 1; stage <= CP_DECL_STAGES; stage++) {
        for (const CpNode *node = first; node != NULL; node = node->next) {
            const CpDeclInfo *info = cp_decl_info((CpNodeKind)node->kind);
            if (info != NULL && info->stage == stage) {
                ok = declare_one(c, node, info) && ok;
            }
        }
    }
    return ok;
}

bool cpc_declare(Cpc *c)
{
    bool ok = cpc_declare_members(c, c->root->child);
    for (const CpNode *node = c->root->child; node != NULL; node = node->next) {
        if (node->kind == CP_NODE_PROCESS) {
            return ok;
        }
    }
    cp_diag_error(c->diag, (CpPos){0}, "no process: nothing to run");
    cp_diag_help(c->diag, "write process NAME { thread main { cpu 10ms } }");
    return false;
}
