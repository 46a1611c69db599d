#include "scenario/machines.h"

#include "lang/parse.h"
#include "lang/slurp.h"

#include <string.h>

/* Which machines have names, and how one is read from a file of its own. */

/* --- by name --- */

/* Name, then key, value ... */
#define MACHINES(ROW)                                                                      \
    ROW("single", "cores", "1")                                                            \
    ROW("vm2", "cores", "2")                                                               \
    ROW("laptop4", "cores", "4", "smt", "2")                                               \
    ROW("laptop8hybrid", "cores", "8", "capacity", "[1024 x 4, 512 x 4]")                  \
    ROW("desktop8", "cores", "8", "smt", "2")                                              \
    ROW("server32", "cores", "32", "smt", "2", "llc.cores", "8")                           \
    ROW("server64x2", "cores", "128", "smt", "2", "numa.nodes", "2", "llc.cores", "8")

#define NAME(name, ...) name,
const char *const cp_machine_names[] = {MACHINES(NAME) NULL};

#define SETTINGS(name, ...) (const char *const[]){__VA_ARGS__, NULL},
static const char *const *const settings[] = {MACHINES(SETTINGS)};

const char *const *cp_machine_settings(const char *name)
{
    for (size_t i = 0; cp_machine_names[i] != NULL; i++) {
        if (strcmp(cp_machine_names[i], name) == 0) {
            return settings[i];
        }
    }
    return NULL;
}

/* --- from a file --- */

static void collect(const CpNode *block, GPtrArray *pairs)
{
    for (const CpNode *s = block->child; s != NULL; s = s->next) {
        if (cp_node_is(s, CP_NODE_SETTING) && s->child != NULL) {
            g_ptr_array_add(pairs, g_strdup(s->text));
            g_ptr_array_add(pairs, g_strdup(s->child->text));
        }
    }
}

static bool collect_blocks(const CpNode *root, GPtrArray *pairs, CpDiag *diag)
{
    bool ok = true;
    for (const CpNode *d = root->child; d != NULL; d = d->next) {
        if (cp_node_is(d, CP_NODE_MACHINE) || cp_node_is(d, CP_NODE_KERNEL)) {
            collect(d, pairs);
            continue;
        }
        ok = cp_diag_error(diag, d->pos, "only machine and kernel blocks may stand here");
        cp_diag_help(diag, "give a workload as an operand, not to --machine");
    }
    if (ok && pairs->len == 0) {
        ok = cp_diag_error(diag, (CpPos){0}, "no machine is described here");
        cp_diag_help(diag, "write for example: machine { cores 8; smt 2 }");
    }
    return ok;
}

GPtrArray *cp_machine_file_load(const char *path, CpDiag *diag)
{
    g_autofree char *text = NULL;
    size_t len = 0;
    g_autoptr(GError) error = NULL;
    if (!cp_slurp(path, false, &text, &len, &error)) {
        cp_diag_error(diag, (CpPos){0}, "%s", error->message);
        return NULL;
    }
    cp_diag_source(diag, path, text, len);
    CpTree *tree = cp_parse(text, len, diag);
    GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);
    bool ok = tree != NULL && collect_blocks(cp_tree_root(tree), pairs, diag);
    if (tree != NULL) {
        cp_tree_free(tree);
    }
    /* The text goes now; messages quote it already. */
    cp_diag_source(diag, path, NULL, 0);
    if (!ok) {
        g_ptr_array_unref(pairs);
        return NULL;
    }
    return pairs;
}
