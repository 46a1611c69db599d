#include "lang/workload-json.h"

#include "sim/dist.h"

#include <inttypes.h>
#include <string.h>
#include <yajl/yajl_gen.h>

/* Decides what the JSON form of a workload looks like, by the rows of tree.def and
 * decl.def; the hash of a workload is taken over it. */

typedef struct {
    yajl_gen gen;
    const CpNode *root;
} Writer;

static void put_text(Writer *w, const char *text)
{
    /* Names may come from recordings; JSON takes UTF-8 only. */
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    yajl_gen_string(w->gen, (const unsigned char *)valid, strlen(valid));
}

static void put_pair(Writer *w, const char *key, const char *text)
{
    put_text(w, key);
    put_text(w, text);
}

static void put_raw(Writer *w, const char *number)
{
    yajl_gen_number(w->gen, number, strlen(number));
}

static void put_value(Writer *w, const CpNode *node);

static void put_children(Writer *w, const CpNode *first)
{
    for (const CpNode *node = first; node != NULL; node = node->next) {
        put_value(w, node);
    }
}

static void put_array(Writer *w, const CpNode *first)
{
    yajl_gen_array_open(w->gen);
    put_children(w, first);
    yajl_gen_array_close(w->gen);
}

static void put_number(Writer *w, const CpNode *node)
{
    g_autofree char *text = cp_node_print(node);
    switch (node->dim) {
    case CP_DIM_SIZE:
        yajl_gen_map_open(w->gen);
        put_text(w, "size");
        yajl_gen_integer(w->gen, node->value);
        yajl_gen_map_close(w->gen);
        break;
    case CP_DIM_SHARE:
        text[strlen(text) - 1] = '\0'; /* the % */
        yajl_gen_map_open(w->gen);
        put_text(w, "percent");
        put_raw(w, text);
        yajl_gen_map_close(w->gen);
        break;
    default:
        if (node->micro) {
            put_raw(w, text);
        } else {
            yajl_gen_integer(w->gen, node->value);
        }
    }
}

/* { word: [ children ] } */
static void put_tagged(Writer *w, const char *word, const CpNode *first)
{
    yajl_gen_map_open(w->gen);
    put_text(w, word);
    put_array(w, first);
    yajl_gen_map_close(w->gen);
}

/* [ word, children ... ] */
static void put_form(Writer *w, const char *word, const CpNode *first)
{
    yajl_gen_array_open(w->gen);
    put_text(w, word);
    put_children(w, first);
    yajl_gen_array_close(w->gen);
}

static void put_opts(Writer *w, const CpNode *opts)
{
    yajl_gen_map_open(w->gen);
    for (const CpNode *opt = opts->child; opt != NULL; opt = opt->next) {
        put_text(w, opt->text);
        put_value(w, opt->child);
    }
    yajl_gen_map_close(w->gen);
}

static const CpNode *find_param(const Writer *w, const char *name)
{
    for (const CpNode *node = w->root->child; node != NULL; node = node->next) {
        if (node->kind == CP_NODE_PARAM && strcmp(node->text, name) == 0) {
            return node->child;
        }
    }
    return NULL;
}

/* A list that is a parameter is written out, followed by the parameter's name. */
static void put_for(Writer *w, const CpNode *node)
{
    const CpNode *list = cp_node_child(node, CP_CHILD_LIST);
    const CpNode *value = list->kind == CP_NODE_NAME ? find_param(w, list->text) : NULL;
    bool is_list =
        value != NULL && (value->kind == CP_NODE_LIST || value->kind == CP_NODE_RANGE);
    yajl_gen_array_open(w->gen);
    put_text(w, "for");
    put_value(w, cp_node_child(node, CP_CHILD_ENTRY));
    put_value(w, is_list ? value : list);
    put_value(w, cp_node_child(node, CP_CHILD_BODY));
    if (is_list) {
        put_text(w, list->text);
    }
    yajl_gen_array_close(w->gen);
}

/* Whether a statement's child says nothing: it is left out at the end. */
static bool is_empty(const CpNode *node)
{
    return node->kind == CP_NODE_NULL ||
           (node->kind == CP_NODE_OPTS && node->child == NULL);
}

static void put_statement(Writer *w, const CpNode *node)
{
    const CpNode *last = NULL;
    for (const CpNode *child = node->child; child != NULL; child = child->next) {
        last = is_empty(child) ? last : child;
    }
    yajl_gen_array_open(w->gen);
    put_text(w, cp_stmt_info((CpNodeKind)node->kind)->word);
    for (const CpNode *child = last != NULL ? node->child : NULL; child != NULL;
         child = child == last ? NULL : child->next) {
        put_value(w, child);
    }
    yajl_gen_array_close(w->gen);
}

static void put_string(Writer *w, const CpNode *node)
{
    yajl_gen_map_open(w->gen);
    put_pair(w, "text", node->text);
    yajl_gen_map_close(w->gen);
}

static void put_value(Writer *w, const CpNode *node)
{
    const char sign[] = {(char)node->value, '\0'};
    switch (node->kind) {
    case CP_NODE_NULL:
        yajl_gen_null(w->gen);
        break;
    case CP_NODE_NUMBER:
        put_number(w, node);
        break;
    case CP_NODE_NAME:
        put_text(w, node->text);
        break;
    case CP_NODE_STRING:
        put_string(w, node);
        break;
    case CP_NODE_LIST:
    case CP_NODE_BODY:
    case CP_NODE_CASE:
        put_array(w, node->child);
        break;
    case CP_NODE_RANGE:
        put_tagged(w, "range", node->child);
        break;
    case CP_NODE_NEG:
        put_form(w, "-", node->child);
        break;
    case CP_NODE_BINARY:
        put_form(w, sign, node->child);
        break;
    case CP_NODE_DIST:
        put_tagged(w, cp_dist_form_of((int)node->value)->name, node->child);
        break;
    case CP_NODE_CMP:
        put_form(w, cp_cmp_word(node->value), node->child);
        break;
    case CP_NODE_RUNNING:
    case CP_NODE_ASK:
        yajl_gen_array_open(w->gen);
        put_text(w, node->kind == CP_NODE_ASK ? cp_ask_word(node->value) : "running");
        put_text(w, node->text);
        yajl_gen_array_close(w->gen);
        break;
    case CP_NODE_AND:
    case CP_NODE_OR:
    case CP_NODE_NOT:
        put_form(w,
                 node->kind == CP_NODE_AND  ? "and"
                 : node->kind == CP_NODE_OR ? "or"
                                            : "not",
                 node->child);
        break;
    case CP_NODE_INVOKE:
        put_form(w, node->text, node->child);
        break;
    case CP_NODE_OPTS:
        put_opts(w, node);
        break;
    case CP_NODE_FOR:
        put_for(w, node);
        break;
    default:
        put_statement(w, node);
    }
}

/* --- declarations --- */

static void put_decl(Writer *w, const CpNode *node);

/* { key: value } of the settings of a block. */
static void put_settings(Writer *w, const CpNode *node)
{
    yajl_gen_map_open(w->gen);
    for (const CpNode *s = node->child; s != NULL; s = s->next) {
        if (s->kind == CP_NODE_SETTING) {
            put_pair(w, s->text, s->child->text);
        }
    }
    yajl_gen_map_close(w->gen);
}

static void put_actions(Writer *w, const CpNode *first)
{
    yajl_gen_array_open(w->gen);
    for (const CpNode *action = first; action != NULL; action = action->next) {
        bool set = action->kind == CP_NODE_SETTING;
        yajl_gen_array_open(w->gen);
        put_text(w, set ? "set" : action->kind == CP_NODE_OFFLINE ? "offline" : "online");
        if (set) {
            put_text(w, action->text);
        }
        put_text(w, action->child->text);
        yajl_gen_array_close(w->gen);
    }
    yajl_gen_array_close(w->gen);
}

/* Under its key, the declarations of one kind; nothing if there are none. */
static void put_all(Writer *w, const CpNode *parent, CpNodeKind kind)
{
    const CpDeclInfo *info = cp_decl_info(kind);
    unsigned n = 0;
    for (const CpNode *node = parent->child; node != NULL; node = node->next) {
        n += node->kind == kind;
    }
    if (n == 0) {
        return;
    }
    bool array = n > 1 || !(info->place & CP_DECL_ALONE);
    put_text(w, info->json);
    if (array) {
        yajl_gen_array_open(w->gen);
    }
    for (const CpNode *node = parent->child; node != NULL; node = node->next) {
        if (node->kind == kind) {
            put_decl(w, node);
        }
    }
    if (array) {
        yajl_gen_array_close(w->gen);
    }
}

static void put_members(Writer *w, const CpNode *parent)
{
    unsigned inside = cp_decl_inside((CpNodeKind)parent->kind);
    for (CpNodeKind kind = CP_DECL_BEGIN; kind < CP_DECL_END; kind++) {
        const CpDeclInfo *info = cp_decl_info(kind);
        if (info != NULL && (info->place & inside)) {
            put_all(w, parent, kind);
        }
    }
}

/* Whether a child is what stands for one that is absent. */
static bool is_left_out(const CpNode *child, CpChild name)
{
    switch (name) {
    case CP_CHILD_RUNTIME:
        return cp_node_says(child, "native") &&
               cp_node_child(child, CP_CHILD_KEYS)->child == NULL;
    case CP_CHILD_PARAMS:
        return child->child == NULL;
    default:
        return is_empty(child);
    }
}

static void put_child(Writer *w, const CpNode *child, const CpField *field)
{
    if (!field->must && is_left_out(child, (CpChild)field->child)) {
        return;
    }
    put_text(w, field->key);
    if (field->type == CP_SLOT_PART) {
        put_decl(w, child);
    } else if (field->type == CP_SLOT_TEXT) {
        put_text(w, child->text);
    } else {
        put_value(w, child);
    }
}

static void put_field(Writer *w, const CpNode *node, const CpField *field)
{
    switch ((CpFieldWhat)field->what) {
    case CP_FIELD_TEXT:
        if (node->text != NULL) {
            put_pair(w, field->key, node->text);
        }
        break;
    case CP_FIELD_FLAG:
        if (node->flags & field->flag) {
            put_text(w, field->key);
            yajl_gen_bool(w->gen, 1);
        }
        break;
    case CP_FIELD_RESOURCE:
        put_pair(w, field->key, cp_resource_word(node->value));
        break;
    case CP_FIELD_CMP:
        put_pair(w, field->key, cp_cmp_word(node->value));
        break;
    case CP_FIELD_CHILD:
        put_child(w, cp_node_child(node, (CpChild)field->child), field);
        break;
    case CP_FIELD_SETTINGS:
        put_text(w, field->key);
        put_settings(w, node);
        break;
    case CP_FIELD_ACTIONS:
        put_text(w, field->key);
        put_actions(w, cp_node_child(node, CP_CHILD_MEMBERS));
        break;
    case CP_FIELD_MEMBERS:
        put_members(w, node);
        break;
    case CP_FIELD_HIDDEN:
    case CP_FIELD_END:
        break;
    }
}

static void put_decl(Writer *w, const CpNode *node)
{
    yajl_gen_map_open(w->gen);
    for (const CpField *field = cp_decl_fields((CpNodeKind)node->kind);
         field->what != CP_FIELD_END; field++) {
        put_field(w, node, field);
    }
    yajl_gen_map_close(w->gen);
}

static void put_file(Writer *w)
{
    yajl_gen_map_open(w->gen);
    put_text(w, "schema");
    yajl_gen_integer(w->gen, 1);
    put_members(w, w->root);
    yajl_gen_map_close(w->gen);
}

char *cp_json_write(const CpTree *tree, bool pretty)
{
    Writer w = {yajl_gen_alloc(NULL), cp_tree_root(tree)};
    yajl_gen_config(w.gen, yajl_gen_beautify, pretty ? 1 : 0);
    yajl_gen_config(w.gen, yajl_gen_indent_string, " ");
    put_file(&w);
    const unsigned char *text;
    size_t len;
    yajl_gen_get_buf(w.gen, &text, &len);
    char *copy = g_strndup((const char *)text, len);
    yajl_gen_free(w.gen);
    return copy;
}

char *cp_json_hash(const CpTree *tree)
{
    g_autofree char *json = cp_json_write(tree, false);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, json, -1);
    return g_strndup(sum, 16);
}
