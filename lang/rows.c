#include "lang/tree.h"

#include "sim/program.h"

#include <string.h>

/* Decides nothing: makes tables of the rows of tree.def and decl.def, and keeps the words
 * of distributions, resources and comparisons, for whoever asks. */

#define ALL(...) __VA_ARGS__

/* --- children of statements --- */

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

/* --- children of declarations --- */

/* Each pastes its own arguments: a name passed on would be expanded, and VERSION is one of
 * config.h. */
#define MUST(name, slot, key) {.child = CP_CHILD_##name, .type = CP_SLOT_##slot},
#define MAY(name, slot, key)  {.child = CP_CHILD_##name, .type = CP_SLOT_##slot},
#define HIDDEN(name, slot)    {.child = CP_CHILD_##name, .type = CP_SLOT_##slot},
#define TEXT(key, text)
#define MAY_TEXT(key)
#define FLAG(bit, key)
#define WORD(kind, key)
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

static const CpSlot *const all_slots[CP_NODE_KINDS] = {
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
    return all_slots[kind];
}

/* --- statements --- */

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
#undef PYTHON

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

/* --- declarations --- */

#define TEXT(name, text)                                                                   \
    {.what = CP_FIELD_TEXT, .must = true, .key = (name), .noun = (text)},
#define MAY_TEXT(name)   {.what = CP_FIELD_TEXT, .key = (name)},
#define FLAG(bit, name)  {.what = CP_FIELD_FLAG, .flag = CP_FLAG_##bit, .key = (name)},
#define WORD(kind, name) {.what = CP_FIELD_##kind, .must = true, .key = (name)},
#define MUST(name, slot, text)                                                             \
    {.what = CP_FIELD_CHILD,                                                               \
     .child = CP_CHILD_##name,                                                             \
     .type = CP_SLOT_##slot,                                                               \
     .must = true,                                                                         \
     .key = (text)},
#define MAY(name, slot, text)                                                              \
    {.what = CP_FIELD_CHILD,                                                               \
     .child = CP_CHILD_##name,                                                             \
     .type = CP_SLOT_##slot,                                                               \
     .key = (text)},
#define HIDDEN(name, slot) {.what = CP_FIELD_HIDDEN, .child = CP_CHILD_##name},
#define SETTINGS(name)     {.what = CP_FIELD_SETTINGS, .key = (name)},
#define ACTIONS(name)      {.what = CP_FIELD_ACTIONS, .must = true, .key = (name)},
#define MEMBERS            {.what = CP_FIELD_MEMBERS},
#define CP_PART(KIND, fields)                                                              \
    static const CpField fields_##KIND[] = {ALL fields{.what = CP_FIELD_END}};
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    CP_PART(KIND, fields)
#include "lang/decl.def"
#undef CP_DECL
#undef TEXT
#undef MAY_TEXT
#undef FLAG
#undef WORD
#undef MUST
#undef MAY
#undef HIDDEN
#undef SETTINGS
#undef ACTIONS
#undef MEMBERS

static const CpField *const all_fields[CP_NODE_KINDS] = {
#define CP_PART(KIND, fields) [CP_NODE_##KIND] = fields_##KIND,
#define CP_DECL(KIND, word, place, stage, json, fields, read, declare, form)               \
    [CP_NODE_##KIND] = fields_##KIND,
#include "lang/decl.def"
#undef CP_DECL
};

const CpField *cp_decl_fields(CpNodeKind kind)
{
    return all_fields[kind];
}

#define IN_FILE    CP_IN_FILE
#define IN_PROCESS CP_IN_PROCESS
#define IN_CGROUP  CP_IN_CGROUP
#define PYTHON     CP_DECL_PYTHON
#define HEAD       CP_DECL_HEAD
#define ALONE      CP_DECL_ALONE
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

unsigned cp_decl_inside(CpNodeKind kind)
{
    return kind == CP_NODE_FILE      ? CP_IN_FILE
           : kind == CP_NODE_PROCESS ? CP_IN_PROCESS
           : kind == CP_NODE_CGROUP  ? CP_IN_CGROUP
                                     : 0;
}

/* --- words --- */

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
