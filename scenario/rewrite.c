#include "scenario/assemble.h"

#include "lang/parse.h"
#include "models/python/python.h"
#include "sim/words.h"

#include <string.h>

/* What overrides change in the tree before it is compiled: the values of params, and the
 * versions of runtimes. */

bool cp_override_is_late(const CpOverride *o)
{
    return o->from >= CP_FROM_MACHINE;
}

CpNode *cp_param_in(const CpTree *tree, const char *name)
{
    for (CpNode *n = cp_tree_root(tree)->child; n != NULL; n = n->next) {
        if (n->kind == CP_NODE_PARAM && strcmp(n->text, name) == 0) {
            return n;
        }
    }
    return NULL;
}

/* --- params --- */

static char *print_choices(const CpNode *choices)
{
    GString *out = g_string_new(NULL);
    for (const CpNode *n = choices->child; n != NULL; n = n->next) {
        g_autofree char *text = cp_node_print(n);
        g_string_append_printf(out, "%s%s", n == choices->child ? "" : "|", text);
    }
    return g_string_free(out, FALSE);
}

static bool is_choice(const CpNode *choices, const char *value)
{
    for (const CpNode *n = choices->child; n != NULL; n = n->next) {
        g_autofree char *text = cp_node_print(n);
        if (strcmp(text, value) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_choice(CpBuild *b, const CpNode *param, const CpNode *value,
                         const CpOverride *o)
{
    const CpNode *choices = cp_node_child(param, CP_CHILD_CHOICES);
    g_autofree char *shown = cp_node_print(value);
    if (choices->kind != CP_NODE_LIST || is_choice(choices, shown)) {
        return true;
    }
    g_autofree char *origin = o != NULL ? cp_from_print(o->from, o->key) : NULL;
    g_autofree char *all = print_choices(choices);
    g_auto(GStrv) words = g_strsplit(all, "|", -1);
    const char *near = cp_nearest(shown, (const char *const *)words);
    if (o != NULL) {
        cp_diag_usage(b->diag, "param '%s' cannot be '%s' (in %s)", param->text, shown,
                      origin);
    } else {
        cp_diag_error(b->diag, value->pos, "param '%s' cannot be '%s'", param->text, shown);
    }
    g_autofree char *list = g_strjoinv(", ", words);
    if (near != NULL) {
        cp_diag_help(b->diag, "did you mean '%s'?   (choices: %s)", near, list);
    } else {
        cp_diag_help(b->diag, "choices: %s", list);
    }
    return false;
}

/* The value of an override in the tree, instead of the one written. */
static bool override_param(CpBuild *b, CpNode *param, const CpOverride *o)
{
    g_autofree char *origin = cp_from_print(o->from, o->key);
    CpDiag *own = cp_diag_new(origin, NULL, 0);
    CpNode *value = cp_parse_value(b->tree, o->value, strlen(o->value), own);
    cp_diag_free(own);
    if (value == NULL) {
        cp_diag_usage(b->diag, "param '%s' cannot be '%s' (in %s)", param->text, o->value,
                      origin);
        g_autofree char *now = cp_node_print(param->child);
        cp_diag_help(b->diag, "it is written like its value in the workload: %s", now);
        return false;
    }
    const CpNode *old = param->child;
    bool units = value->kind == CP_NODE_NUMBER && old->kind == CP_NODE_NUMBER &&
                 value->dim != old->dim && value->value != 0 && old->dim != CP_DIM_ANY;
    if (units) {
        g_autofree char *now = cp_node_print(old);
        cp_diag_usage(b->diag, "param '%s': '%s' %s (in %s)", param->text, o->value,
                      value->dim == CP_DIM_NUMBER ? "has no unit" : "has another unit",
                      origin);
        cp_diag_help(b->diag, "the workload says %s", now);
        return false;
    }
    value->pos = old->pos;
    value->next = old->next;
    param->child = value;
    return check_choice(b, param, value, o);
}

static void add_param(CpBuild *b, const CpNode *param, CpFrom from)
{
    CpWorkloadParam *row = g_new0(CpWorkloadParam, 1);
    const CpNode *choices = cp_node_child(param, CP_CHILD_CHOICES);
    row->name = g_strdup(param->text);
    row->value = cp_node_print(param->child);
    row->choices = choices->kind == CP_NODE_LIST ? print_choices(choices) : NULL;
    row->from = from;
    g_ptr_array_add(b->s->params, row);
}

/* The last override of a param that counts, or NULL. */
static const CpOverride *param_override(const CpOverride *overrides, size_t n,
                                        const char *name)
{
    while (n > 0 && !(cp_override_is_late(&overrides[n - 1]) &&
                      strcmp(overrides[n - 1].key, name) == 0)) {
        n--;
    }
    return n > 0 ? &overrides[n - 1] : NULL;
}

/* Only --set overrides a param: a config file holds defaults, and the text has one. */
bool cp_rewrite_params(CpBuild *b, const CpOverride *overrides, size_t n)
{
    bool ok = true;
    for (CpNode *p = cp_tree_root(b->tree)->child; p != NULL; p = p->next) {
        if (p->kind == CP_NODE_PARAM) {
            ok = check_choice(b, p, p->child, NULL) && ok;
        }
    }
    for (size_t i = 0; ok && i < n; i++) {
        CpNode *param = cp_override_is_late(&overrides[i])
                            ? cp_param_in(b->tree, overrides[i].key)
                            : NULL;
        ok = param == NULL || override_param(b, param, &overrides[i]);
    }
    for (const CpNode *p = cp_tree_root(b->tree)->child; ok && p != NULL; p = p->next) {
        if (p->kind == CP_NODE_PARAM) {
            const CpOverride *o = param_override(overrides, n, p->text);
            add_param(b, p, o != NULL ? o->from : CP_FROM_WORKLOAD);
        }
    }
    return ok;
}

/* --- versions --- */

static bool set_version(CpBuild *b, const CpNode *node, const char *version,
                        const CpOverride *o)
{
    g_autoptr(GError) error = NULL;
    CpPyVersion parsed;
    if (!cp_python_version(version, &parsed, &error)) {
        if (o != NULL) {
            g_autofree char *origin = cp_from_print(o->from, o->key);
            cp_diag_usage(b->diag, "%s (in %s)", error->message, origin);
            return false;
        }
        return cp_diag_error(b->diag, node->pos, "%s", error->message);
    }
    for (CpNode *p = cp_tree_root(b->tree)->child; p != NULL; p = p->next) {
        const CpNode *runtime =
            p->kind == CP_NODE_PROCESS ? cp_node_child(p, CP_CHILD_RUNTIME) : NULL;
        if (runtime != NULL && cp_node_says(runtime, "python")) {
            CpNode *text = cp_node_child(runtime, CP_CHILD_VERSION);
            text->kind = CP_NODE_STRING;
            text->text = cp_tree_text(b->tree, version, -1);
        }
    }
    b->s->version_from = o != NULL ? o->from : CP_FROM_WORKLOAD;
    return true;
}

bool cp_rewrite_versions(CpBuild *b, const CpOverride *overrides, size_t n)
{
    bool ok = true;
    const char *key = "runtime.version";
    for (size_t i = 0; i < n && ok; i++) {
        if (strcmp(overrides[i].key, key) == 0 && !cp_override_is_late(&overrides[i])) {
            ok = set_version(b, NULL, overrides[i].value, &overrides[i]);
        }
    }
    for (const CpNode *r = cp_tree_root(b->tree)->child; r != NULL && ok; r = r->next) {
        for (const CpNode *s = r->kind == CP_NODE_RUN ? r->child : NULL; s != NULL && ok;
             s = s->next) {
            if (strcmp(s->text, key) == 0) {
                ok = set_version(b, s->child, s->child->text, NULL);
            }
        }
    }
    for (size_t i = 0; i < n && ok; i++) {
        if (strcmp(overrides[i].key, key) == 0 && cp_override_is_late(&overrides[i])) {
            ok = set_version(b, NULL, overrides[i].value, &overrides[i]);
        }
    }
    return ok;
}
