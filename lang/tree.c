#include "lang/tree.h"

#include "sim/arena.h"
#include "sim/assert.h"
#include "sim/params.h"
#include "sim/program.h"

#include <inttypes.h>
#include <string.h>

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

/* --- rows of children --- */

#define ALL(...) __VA_ARGS__

#define MUST(name, slot, text)                                                             \
    {.child = CP_CHILD_##name,                                                             \
     .type = CP_SLOT_##slot,                                                               \
     .must = true,                                                                         \
     .before = CP_SLOT_##slot == CP_SLOT_WORD ? (text) : NULL,                             \
     .what = (text)},
#define MAY(name, slot, word, text)                                                        \
    {.child = CP_CHILD_##name, .type = CP_SLOT_##slot, .before = (word), .what = (text)},
#define CP_STMT(KIND, word, place, children, read, note, compile, form)                    \
    static const CpSlot slots_##KIND[] = {ALL children{.child = CP_CHILD_NONE}};
#include "lang/tree.def"
#undef CP_STMT
#undef MUST
#undef MAY

#define MUST(name, slot, key)                                                              \
    {.child = CP_CHILD_##name, .type = CP_SLOT_##slot, .must = true},
#define MAY(name, slot, key) {.child = CP_CHILD_##name, .type = CP_SLOT_##slot},
#define HIDDEN(name, slot)   {.child = CP_CHILD_##name, .type = CP_SLOT_##slot},
#define TEXT(key)
#define MAY_TEXT(key)
#define FLAG(name, key)
#define WORD(what, key)
#define SETTINGS(key)
#define ACTIONS(key)
#define MEMBERS
#define CP_PART(KIND, fields)                                                              \
    static const CpSlot slots_##KIND[] = {                                                 \
        ALL fields{.child = CP_CHILD_MEMBERS, .type = CP_SLOT_MEMBERS},                    \
        {.child = CP_CHILD_NONE}};
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    CP_PART(KIND, fields)
#include "lang/decl.def"
#undef CP_DECL
#undef MUST
#undef MAY
#undef HIDDEN
#undef TEXT
#undef MAY_TEXT
#undef FLAG
#undef WORD
#undef SETTINGS
#undef ACTIONS
#undef MEMBERS

static const CpSlot slots_pair[] = {{.child = CP_CHILD_LEFT, .must = true},
                                    {.child = CP_CHILD_RIGHT, .must = true},
                                    {.child = CP_CHILD_NONE}};
static const CpSlot slots_case[] = {{.child = CP_CHILD_VALUE, .must = true},
                                    {.child = CP_CHILD_BODY, .must = true},
                                    {.child = CP_CHILD_NONE}};

static const CpSlot *const slots[CP_NODE_KINDS] = {
    [CP_NODE_RANGE] = slots_pair,
    [CP_NODE_BINARY] = slots_pair,
    [CP_NODE_CMP] = slots_pair,
    [CP_NODE_CASE] = slots_case,
#define CP_STMT(KIND, word, place, children, read, note, compile, form)                    \
    [CP_NODE_##KIND] = slots_##KIND,
#include "lang/tree.def"
#undef CP_STMT
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    [CP_NODE_##KIND] = slots_##KIND,
#define CP_PART(KIND, fields) [CP_NODE_##KIND] = slots_##KIND,
#include "lang/decl.def"
#undef CP_DECL
};

const CpSlot *cp_node_slots(CpNodeKind kind)
{
    return slots[kind];
}

CpNode *cp_node_find(const CpNode *node, CpChild name)
{
    const CpSlot *slot = slots[node->kind];
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
    const CpSlot *slot = slots[node->kind];
    CpNode *child = node->child;
    cp_require(slot != NULL);
    for (; slot->child != name; slot++) {
        /* A name the row does not have is a mistake of the code, not of the workload. */
        cp_require(slot->child != CP_CHILD_NONE && child != NULL);
        child = child->next;
    }
    return child;
}

/* --- tables --- */

#define ANY       0
#define PYTHON    CP_STMT_PYTHON
#define ASYNC     (CP_STMT_PYTHON | CP_STMT_ASYNC)
#define TIMELESS  CP_STMT_TIMELESS
#define INSTANT   CP_STMT_INSTANT
#define AWAITABLE CP_STMT_AWAITABLE

static const CpStmtInfo stmts[CP_NODE_KINDS] = {
#define CP_STMT(KIND, word, place, children, read, note, compile, form)                    \
    [CP_NODE_##KIND] = {word, form, place},
#include "lang/tree.def"
#undef CP_STMT
};

#define IN_FILE    CP_IN_FILE
#define IN_PROCESS CP_IN_PROCESS
#define IN_CGROUP  CP_IN_CGROUP
#define HEAD       CP_DECL_HEAD
#undef PYTHON
#define PYTHON CP_DECL_PYTHON

static const CpDeclInfo decls[CP_NODE_KINDS] = {
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    [CP_NODE_##KIND] = {word, json, form, place, stage},
#include "lang/decl.def"
#undef CP_DECL
};

const CpDeclInfo *cp_decl_info(CpNodeKind kind)
{
    return decls[kind].json != NULL ? &decls[kind] : NULL;
}

static const char *const stmt_words[] = {
#define CP_STMT(KIND, word, place, children, read, note, compile, form) word,
#define CP_FORM(KIND, word, place, children, note, compile, form)
#include "lang/tree.def"
#undef CP_STMT
    NULL};

const CpStmtInfo *cp_stmt_info(CpNodeKind kind)
{
    return stmts[kind].word != NULL ? &stmts[kind] : NULL;
}

CpNodeKind cp_stmt_find(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(stmts); i++) {
        if (stmts[i].word != NULL && strcmp(stmts[i].word, word) == 0) {
            return (CpNodeKind)i;
        }
    }
    return CP_NODE_NULL;
}

const char *const *cp_stmt_words(void)
{
    return stmt_words;
}

static const CpDistForm dist_forms[] = {
    {"exp", CP_DIST_EXP, {"mean", NULL}, {CP_DIM_TIME, 0}},
    {"uniform", CP_DIST_UNIFORM, {"min", "max"}, {CP_DIM_TIME, CP_DIM_TIME}},
    {"normal", CP_DIST_NORMAL, {"mean", "sigma"}, {CP_DIM_TIME, CP_DIM_TIME}},
    {"lognormal", CP_DIST_LOGNORMAL, {"mean", "sigma"}, {CP_DIM_TIME, CP_DIM_NUMBER}},
    {"pareto", CP_DIST_PARETO, {"min", "alpha"}, {CP_DIM_TIME, CP_DIM_NUMBER}},
    {"weibull", CP_DIST_WEIBULL, {"scale", "shape"}, {CP_DIM_TIME, CP_DIM_NUMBER}},
    {"choice", CP_DIST_CHOICE, {"list", NULL}, {CP_DIM_TIME, 0}},
    {"empirical", CP_DIST_EMPIRICAL, {"file", NULL}, {CP_DIM_TIME, 0}},
};

static const char *const dist_names[] = {"exp",       "uniform",   "normal",
                                         "lognormal", "pareto",    "weibull",
                                         "choice",    "empirical", NULL};

const CpDistForm *cp_dist_form(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(dist_forms); i++) {
        if (strcmp(dist_forms[i].name, name) == 0) {
            return &dist_forms[i];
        }
    }
    return NULL;
}

const CpDistForm *cp_dist_form_of(int kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(dist_forms); i++) {
        if (dist_forms[i].kind == kind) {
            return &dist_forms[i];
        }
    }
    return NULL;
}

const char *const *cp_dist_names(void)
{
    return dist_names;
}

const char *cp_resource_word(int64_t kind)
{
    if (kind == CP_RESOURCE_VAR) {
        return "var";
    }
    return kind >= 0 && kind < CP_OBJ_KINDS ? cp_obj_kind_name((CpObjKind)kind) : NULL;
}

int cp_resource_find(const char *word)
{
    for (int i = 0; i < CP_OBJ_KINDS; i++) {
        if (strcmp(cp_obj_kind_name((CpObjKind)i), word) == 0) {
            return i;
        }
    }
    return strcmp(word, "var") == 0 ? CP_RESOURCE_VAR : -1;
}

static const char *const cmp_words[] = {[CP_EQ] = "==", [CP_NE] = "!=", [CP_LT] = "<",
                                        [CP_LE] = "<=", [CP_GT] = ">",  [CP_GE] = ">="};

const char *cp_cmp_word(int64_t cmp)
{
    return cmp >= 0 && cmp < (int64_t)G_N_ELEMENTS(cmp_words) ? cmp_words[cmp] : NULL;
}

int cp_cmp_find(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cmp_words); i++) {
        if (strcmp(cmp_words[i], word) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* --- printing values --- */

/* Decimal text of value / scale without trailing zeros. */
static char *print_scaled(int64_t value, int64_t scale)
{
    const char *sign = value < 0 ? "-" : "";
    uint64_t v = value < 0 ? (uint64_t)-value : (uint64_t)value;
    uint64_t whole = v / (uint64_t)scale;
    uint64_t rest = v % (uint64_t)scale;
    if (rest == 0) {
        return g_strdup_printf("%s%" PRIu64, sign, whole);
    }
    int digits = 0;
    for (int64_t s = scale; s > 1; s /= 10) {
        digits++;
    }
    char *text = g_strdup_printf("%s%" PRIu64 ".%0*" PRIu64, sign, whole, digits, rest);
    for (size_t i = strlen(text); text[i - 1] == '0'; i--) {
        text[i - 1] = '\0';
    }
    return text;
}

static char *print_size(int64_t bytes)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB"};
    size_t i = 0;
    while (i < 3 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    return g_strdup_printf("%" PRId64 "%s", bytes, names[i]);
}

static char *print_number(const CpNode *node)
{
    if (node->dim == CP_DIM_TIME) {
        return cp_format_time(node->value);
    }
    if (node->dim == CP_DIM_SIZE) {
        return print_size(node->value);
    }
    if (node->dim == CP_DIM_SHARE) {
        g_autofree char *text = print_scaled(node->value, 10000);
        return g_strconcat(text, "%", NULL);
    }
    return print_scaled(node->value, node->micro ? 1000000 : 1);
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
