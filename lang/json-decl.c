#include "lang/json-reader.h"
#include "lang/workload-json.h"

#include "sim/arena.h"
#include "sim/params.h"
#include "sim/words.h"

#include <string.h>

/* Decides what declarations of the JSON form mean, by the rows of decl.def. */

/* --- keys --- */

/* Keys an object of that kind may have. */
static GPtrArray *known_keys(CpNodeKind kind)
{
    GPtrArray *keys = g_ptr_array_new();
    const CpField *field = cp_decl_fields(kind);
    unsigned inside = cp_decl_inside(kind);
    if (kind == CP_NODE_FILE) {
        g_ptr_array_add(keys, (char *)(uintptr_t) "schema");
    }
    for (; field != NULL && field->what != CP_FIELD_END; field++) {
        if (field->key != NULL) {
            g_ptr_array_add(keys, (char *)(uintptr_t)field->key);
        }
    }
    for (CpNodeKind k = CP_DECL_BEGIN; k < CP_DECL_END; k++) {
        const CpDeclInfo *info = cp_decl_info(k);
        if (info != NULL && (info->place & inside)) {
            g_ptr_array_add(keys, (char *)(uintptr_t)info->json);
        }
    }
    g_ptr_array_add(keys, NULL);
    return keys;
}

/* Reports a key the object does not have. */
static bool check_keys(CpJsonReader *r, CpNodeKind kind, const CpJsonValue *j)
{
    g_autoptr(GPtrArray) keys = known_keys(kind);
    const char *const *known = (const char *const *)keys->pdata;
    for (const CpJsonValue *m = j->child; m != NULL; m = m->next) {
        if (g_strv_contains(known, m->key)) {
            continue;
        }
        const char *near = cp_nearest(m->key, known);
        cp_diag_error(r->diag, m->pos, "unknown key \"%s\"", m->key);
        g_autofree char *all = g_strjoinv(", ", (char **)keys->pdata);
        if (near != NULL) {
            cp_diag_help(r->diag, "did you mean \"%s\"?   (keys: %s)", near, all);
        } else {
            cp_diag_help(r->diag, "keys: %s", all);
        }
        return false;
    }
    return true;
}

/* --- fields --- */

static CpNode *read_decl(CpJsonReader *r, CpNodeKind kind, const CpJsonValue *j);

/* A text that may not be empty, or NULL after reporting. */
static const char *word_of(CpJsonReader *r, const CpJsonValue *j)
{
    if (j->kind != CP_JSON_TEXT || *j->text == '\0') {
        cp_reader_unexpected(r, j, "a text");
        return NULL;
    }
    return j->text;
}

static bool read_flag(CpJsonReader *r, const CpField *field, const CpJsonValue *j,
                      CpNode *n)
{
    if (j->kind != CP_JSON_BOOL) {
        cp_reader_unexpected(r, j, "true or false");
        return false;
    }
    n->flags = (uint8_t)(n->flags | (j->value ? field->flag : 0));
    return true;
}

/* A word that stands for the node's value. */
static bool read_word(CpJsonReader *r, const CpField *field, const CpJsonValue *j,
                      CpNode *n)
{
    bool cmp = field->what == CP_FIELD_CMP;
    const char *word = word_of(r, j);
    if (word == NULL) {
        return false;
    }
    n->value = cmp ? cp_cmp_find(word) : cp_resource_find(word);
    return n->value >= 0 ||
           cp_diag_error(r->diag, j->pos,
                         cmp ? "'%s' is no comparison" : "unknown kind of resource '%s'",
                         word);
}

static bool read_settings(CpJsonReader *r, const CpJsonValue *j, CpNodeList *list)
{
    if (j->kind != CP_JSON_OBJECT) {
        cp_reader_unexpected(r, j, "an object of settings");
        return false;
    }
    for (const CpJsonValue *s = j->child; s != NULL; s = s->next) {
        CpNode *setting = cp_reader_node(r, CP_NODE_SETTING, s);
        CpNodeList inner = {setting, NULL};
        setting->text = s->key;
        if (s->kind == CP_JSON_INT || s->kind == CP_JSON_DECIMAL) {
            CpNode *text = cp_reader_node(r, CP_NODE_STRING, s);
            text->text = s->text;
            cp_node_add(&inner, text);
        } else if (!cp_reader_add(&inner, cp_reader_text(r, s, CP_NODE_STRING, "a text"))) {
            return false;
        }
        cp_node_add(list, setting);
    }
    return true;
}

/* ["offline", "2-3"], ["set", "key", "value"] */
static CpNode *read_action(CpJsonReader *r, const CpJsonValue *j)
{
    const CpJsonValue *word = j->kind == CP_JSON_ARRAY ? j->child : NULL;
    const CpJsonValue *last =
        word != NULL && word->kind == CP_JSON_TEXT ? word->next : NULL;
    if (last == NULL || last->kind != CP_JSON_TEXT) {
        return cp_reader_unexpected(r, j, "an action such as [\"offline\", \"2-3\"]");
    }
    bool set = strcmp(word->text, "set") == 0;
    if (!set && strcmp(word->text, "offline") != 0 && strcmp(word->text, "online") != 0) {
        return cp_reader_unexpected(r, word, "\"offline\", \"online\" or \"set\"");
    }
    CpNode *n = cp_reader_node(r,
                               set                    ? CP_NODE_SETTING
                               : word->text[1] == 'f' ? CP_NODE_OFFLINE
                                                      : CP_NODE_ONLINE,
                               j);
    n->text = set ? last->text : NULL;
    last = set ? last->next : last;
    if (last == NULL) {
        return cp_reader_unexpected(r, j, "a key and a value");
    }
    CpNodeList list = {n, NULL};
    return cp_reader_add(&list, cp_reader_text(r, last, CP_NODE_STRING, "a text")) ? n
                                                                                   : NULL;
}

static bool read_actions(CpJsonReader *r, const CpJsonValue *j, CpNodeList *list)
{
    if (j->kind != CP_JSON_ARRAY) {
        cp_reader_unexpected(r, j, "an array of actions");
        return false;
    }
    for (const CpJsonValue *a = j->child; a != NULL; a = a->next) {
        if (!cp_reader_add(list, read_action(r, a))) {
            return false;
        }
    }
    return true;
}

/* Declarations of one kind: an array of objects, or one of them. */
static bool read_all(CpJsonReader *r, CpNodeKind kind, const CpJsonValue *j,
                     CpNodeList *list)
{
    if (j->kind == CP_JSON_OBJECT) {
        return cp_reader_add(list, read_decl(r, kind, j));
    }
    if (j->kind != CP_JSON_ARRAY) {
        cp_reader_unexpected(r, j, "an array");
        return false;
    }
    for (const CpJsonValue *entry = j->child; entry != NULL; entry = entry->next) {
        if (!cp_reader_add(list, read_decl(r, kind, entry))) {
            return false;
        }
    }
    return true;
}

static bool read_members(CpJsonReader *r, CpNodeKind of, const CpJsonValue *j,
                         CpNodeList *list)
{
    for (CpNodeKind kind = CP_DECL_BEGIN; kind < CP_DECL_END; kind++) {
        const CpDeclInfo *info = cp_decl_info(kind);
        bool here = info != NULL && (info->place & cp_decl_inside(of));
        const CpJsonValue *member = here ? cp_reader_member(j, info->json) : NULL;
        if (member != NULL && !read_all(r, kind, member, list)) {
            return false;
        }
    }
    return true;
}

static CpNodeKind part_kind(const CpField *field)
{
    return field->child == CP_CHILD_RUNTIME ? CP_NODE_RUNTIME : CP_NODE_LOOP;
}

/* A process without a runtime is native. */
static CpNode *native_runtime(CpJsonReader *r, const CpJsonValue *j)
{
    CpNode *n = cp_reader_node(r, CP_NODE_RUNTIME, j);
    CpNodeList list = {n, NULL};
    n->text = "native";
    cp_node_add(&list, cp_reader_empty(r, CP_SLOT_TEXT, j));
    cp_node_add(&list, cp_reader_empty(r, CP_SLOT_KEYS, j));
    return n;
}

/* What stands for a child that is absent. */
static CpNode *empty_child(CpJsonReader *r, const CpField *field, const CpJsonValue *whole)
{
    switch ((CpChild)field->child) {
    case CP_CHILD_RUNTIME:
        return native_runtime(r, whole);
    case CP_CHILD_PARAMS:
        return cp_reader_node(r, CP_NODE_LIST, whole);
    case CP_CHILD_BODY:
        return cp_reader_node(r, CP_NODE_BODY, whole);
    default:
        return cp_reader_empty(r, (CpSlotType)field->type, whole);
    }
}

static CpNode *read_child(CpJsonReader *r, const CpField *field, const CpJsonValue *value,
                          const CpJsonValue *whole)
{
    if (value == NULL) {
        return empty_child(r, field, whole);
    }
    return field->type == CP_SLOT_PART ? read_decl(r, part_kind(field), value)
                                       : cp_reader_slot(r, (CpSlotType)field->type, value);
}

static char *condition(const CpNode *cond)
{
    if (cond->kind != CP_NODE_CMP) {
        return g_strdup("");
    }
    g_autofree char *left = cp_node_print(cp_node_child(cond, CP_CHILD_LEFT));
    g_autofree char *right = cp_node_print(cp_node_child(cond, CP_CHILD_RIGHT));
    return g_strdup_printf(" if %s %s %s", left, cp_cmp_word(cond->value), right);
}

/* What an expectation would look like in the text. */
static CpNode *expectation(CpJsonReader *r, const CpJsonValue *j, const CpNode *n)
{
    g_autofree char *value = cp_node_print(cp_node_child(n, CP_CHILD_VALUE));
    g_autofree char *margin = cp_node_print(cp_node_child(n, CP_CHILD_TOLERANCE));
    g_autofree char *when = condition(cp_node_child(n, CP_CHILD_COND));
    g_autofree char *all =
        g_strdup_printf("%s %s %s%s%s%s%s", n->text, cp_cmp_word(n->value), value,
                        *margin != '\0' ? " +- " : "", margin, when,
                        n->flags & CP_FLAG_WRITTEN ? " as written" : "");
    CpNode *text = cp_reader_node(r, CP_NODE_STRING, j);
    text->text = cp_tree_text(r->tree, all, -1);
    return text;
}

static bool read_field(CpJsonReader *r, const CpField *field, const CpJsonValue *j,
                       CpNode *n, CpNodeList *list)
{
    const CpJsonValue *value = field->key != NULL ? cp_reader_member(j, field->key) : NULL;
    if (value == NULL && field->must) {
        return cp_diag_error(r->diag, j->pos, "'%s' is missing", field->key);
    }
    if (field->what == CP_FIELD_CHILD) {
        return cp_reader_add(list, read_child(r, field, value, j));
    }
    if (field->what == CP_FIELD_HIDDEN) {
        return cp_reader_add(list, expectation(r, j, n));
    }
    if (field->what == CP_FIELD_MEMBERS) {
        return read_members(r, (CpNodeKind)n->kind, j, list);
    }
    if (value == NULL) {
        return true;
    }
    switch ((CpFieldWhat)field->what) {
    case CP_FIELD_TEXT:
        n->text = word_of(r, value);
        return n->text != NULL;
    case CP_FIELD_FLAG:
        return read_flag(r, field, value, n);
    case CP_FIELD_SETTINGS:
        return read_settings(r, value, list);
    case CP_FIELD_ACTIONS:
        return read_actions(r, value, list);
    default:
        return read_word(r, field, value, n);
    }
}

static CpNode *read_decl(CpJsonReader *r, CpNodeKind kind, const CpJsonValue *j)
{
    if (j->kind != CP_JSON_OBJECT) {
        return cp_reader_unexpected(r, j, "an object");
    }
    if (!check_keys(r, kind, j)) {
        return NULL;
    }
    CpNode *n = cp_reader_node(r, kind, j);
    CpNodeList list = {n, NULL};
    for (const CpField *f = cp_decl_fields(kind); f->what != CP_FIELD_END; f++) {
        if (!read_field(r, f, j, n, &list)) {
            return NULL;
        }
    }
    return n;
}

/* --- the file --- */

static bool read_file(CpJsonReader *r, const CpJsonValue *j)
{
    const CpJsonValue *schema =
        j->kind == CP_JSON_OBJECT ? cp_reader_member(j, "schema") : NULL;
    if (schema == NULL || schema->kind != CP_JSON_INT) {
        cp_diag_error(r->diag, j->pos, "not a workload: no \"schema\" number");
        return false;
    }
    if (schema->value != 1) {
        cp_diag_error(r->diag, schema->pos, "schema %s is not known to this version",
                      schema->text);
        cp_diag_help(r->diag, "this version reads schema 1");
        return false;
    }
    CpNodeList list = {cp_tree_root(r->tree), NULL};
    return check_keys(r, CP_NODE_FILE, j) && read_members(r, CP_NODE_FILE, j, &list);
}

CpTree *cp_json_read(const char *text, size_t len, CpDiag *diag)
{
    if (len > CP_PARSE_BYTES_MAX) {
        cp_diag_error(diag, (CpPos){0}, "file is larger than %d MiB",
                      CP_PARSE_BYTES_MAX >> 20);
        return NULL;
    }
    CpJsonReader r = {.diag = diag, .tree = cp_tree_new(), .arena = cp_arena_new()};
    unsigned before = cp_diag_n_errors(diag);
    const CpJsonValue *root = cp_reader_parse(&r, text, len);
    bool ok = root != NULL && read_file(&r, root) && cp_diag_n_errors(diag) == before;
    cp_arena_free(r.arena);
    if (!ok) {
        cp_tree_free(r.tree);
        return NULL;
    }
    return r.tree;
}
