#include "lang/tree.h"

#include "sim/arena.h"
#include "sim/assert.h"
#include "sim/params.h"

#include <inttypes.h>
#include <string.h>

/* Decides how a tree is kept, and how its values are printed. */

struct CpTree {
    CpArena *arena;
    GStringChunk *texts;
    CpNode *root;
};

CpTree *cp_tree_new(void)
{
    CpTree *tree = g_new0(CpTree, 1);
    tree->arena = cp_arena_new();
    tree->texts = g_string_chunk_new(4096);
    tree->root = cp_node_new(tree, CP_NODE_FILE, (CpPos){1, 1, 1});
    return tree;
}

void cp_tree_free(CpTree *tree)
{
    if (tree == NULL) {
        return;
    }
    cp_arena_free(tree->arena);
    g_string_chunk_free(tree->texts);
    g_free(tree);
}

CpNode *cp_tree_root(const CpTree *tree)
{
    return tree->root;
}

CpNode *cp_node_new(CpTree *tree, CpNodeKind kind, CpPos pos)
{
    CpNode *node = cp_arena_alloc(tree->arena, sizeof(CpNode));
    node->kind = (uint8_t)kind;
    node->pos = pos;
    return node;
}

const char *cp_tree_text(CpTree *tree, const char *text, gssize len)
{
    g_autofree char *copy = len < 0 ? g_strdup(text) : g_strndup(text, (gsize)len);
    return g_string_chunk_insert_const(tree->texts, copy);
}

void cp_node_add(CpNodeList *list, CpNode *child)
{
    if (list->last == NULL) {
        list->parent->child = child;
    } else {
        list->last->next = child;
    }
    list->last = child;
}

unsigned cp_node_count(const CpNode *node)
{
    unsigned n = 0;
    for (const CpNode *child = node->child; child != NULL; child = child->next) {
        n++;
    }
    return n;
}

CpNode *cp_opts_find(const CpNode *opts, const char *key)
{
    for (CpNode *opt = opts->child; opt != NULL; opt = opt->next) {
        if (strcmp(opt->text, key) == 0) {
            return opt->child;
        }
    }
    return NULL;
}

bool cp_node_says(const CpNode *node, const char *text)
{
    return node->text != NULL && strcmp(node->text, text) == 0;
}

/* --- children by name --- */

CpNode *cp_node_find(const CpNode *node, CpChild name)
{
    const CpSlot *slot = cp_node_slots((CpNodeKind)node->kind);
    CpNode *child = node->child;
    for (; slot != NULL && slot->child != CP_CHILD_NONE && child != NULL; slot++) {
        if (slot->child == name) {
            return cp_node_is_null(child) ? NULL : child;
        }
        child = child->next;
    }
    return NULL;
}

CpNode *cp_node_child(const CpNode *node, CpChild name)
{
    const CpSlot *slot = cp_node_slots((CpNodeKind)node->kind);
    CpNode *child = node->child;
    cp_require(slot != NULL);
    for (; slot->child != name; slot++) {
        /* A name the row does not have is a mistake of the code, not of the workload. */
        cp_require(slot->child != CP_CHILD_NONE && child != NULL);
        child = child->next;
    }
    return child;
}

/* --- what conditions ask --- */

static const char *const asks[] = {[CP_ASK_IS_SET] = "is_set",
                                   [CP_ASK_EMPTY] = "empty",
                                   [CP_ASK_LOCKED] = "locked",
                                   [CP_ASK_DONE] = "done"};

const char *cp_ask_word(int64_t ask)
{
    return ask >= 0 && ask < CP_ASKS ? asks[ask] : NULL;
}

int cp_ask_find(const char *word)
{
    for (int i = 0; i < CP_ASKS; i++) {
        if (strcmp(asks[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

/* --- printing values --- */

static char *print_number(const CpNode *node)
{
    return node->micro ? cp_format_decimal(node->value, 6)
                       : cp_format_amount(node->dim, node->value);
}

static char *print_list(const CpNode *node)
{
    GString *out = g_string_new("[");
    for (const CpNode *child = node->child; child != NULL; child = child->next) {
        g_autofree char *text = cp_node_print(child);
        g_string_append_printf(out, "%s%s", child == node->child ? "" : ", ", text);
    }
    g_string_append_c(out, ']');
    return g_string_free(out, FALSE);
}

static char *print_pair(const CpNode *node)
{
    g_autofree char *left = cp_node_print(cp_node_child(node, CP_CHILD_LEFT));
    g_autofree char *right = cp_node_print(cp_node_child(node, CP_CHILD_RIGHT));
    if (node->kind == CP_NODE_RANGE) {
        return g_strdup_printf("%s..%s", left, right);
    }
    return g_strdup_printf("(%s %c %s)", left, (char)node->value, right);
}

char *cp_node_print(const CpNode *node)
{
    switch (node->kind) {
    case CP_NODE_NUMBER:
        return print_number(node);
    case CP_NODE_LIST:
        return print_list(node);
    case CP_NODE_RANGE:
    case CP_NODE_BINARY:
        return print_pair(node);
    case CP_NODE_NEG: {
        g_autofree char *text = cp_node_print(node->child);
        return g_strconcat("-", text, NULL);
    }
    default:
        return g_strdup(node->text != NULL ? node->text : "");
    }
}
