#include "lang/json.h"

#include "sim/dist.h"

#include <inttypes.h>
#include <string.h>
#include <yajl/yajl_gen.h>

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
        yajl_gen_array_open(w->gen);
        put_text(w, "running");
        put_text(w, node->text);
        yajl_gen_array_close(w->gen);
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

static void put_settings(Writer *w, const CpNode *node)
{
    for (const CpNode *s = node->child; s != NULL; s = s->next) {
        if (s->kind == CP_NODE_SETTING) {
            put_pair(w, s->text, s->child->text);
        }
    }
}

static void put_opts_member(Writer *w, const char *key, const CpNode *opts)
{
    if (opts->child != NULL) {
        put_text(w, key);
        put_opts(w, opts);
    }
}

static void put_member(Writer *w, const char *key, const CpNode *value)
{
    if (value->kind != CP_NODE_NULL) {
        put_text(w, key);
        put_value(w, value);
    }
}

static void put_flag(Writer *w, const char *key, bool on)
{
    if (on) {
        put_text(w, key);
        yajl_gen_bool(w->gen, 1);
    }
}

static void put_param(Writer *w, const CpNode *node)
{
    put_pair(w, "name", node->text);
    put_member(w, "value", cp_node_at(node, 0));
    put_member(w, "choices", cp_node_at(node, 1));
}

static void put_settings_block(Writer *w, const CpNode *node)
{
    if (node->kind == CP_NODE_MACHINE && node->text != NULL) {
        put_pair(w, "name", node->text);
    }
    put_text(w, "settings");
    yajl_gen_map_open(w->gen);
    put_settings(w, node);
    yajl_gen_map_close(w->gen);
}

static void put_noise(Writer *w, const CpNode *node)
{
    put_pair(w, "name", node->text);
    put_opts_member(w, "options", node->child);
}

static void put_at(Writer *w, const CpNode *node)
{
    put_member(w, "time", node->child);
    put_text(w, "actions");
    yajl_gen_array_open(w->gen);
    for (const CpNode *action = node->child->next; action != NULL; action = action->next) {
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

static void put_resource(Writer *w, const CpNode *node)
{
    put_pair(w, "kind", cp_resource_word(node->value));
    put_pair(w, "name", node->text);
    put_flag(w, "shared", node->flags & CP_FLAG_SHARED);
    put_flag(w, "async", node->flags & CP_FLAG_ASYNC);
    put_opts_member(w, "options", cp_node_at(node, 0));
    put_member(w, "value", cp_node_at(node, 1));
}

typedef void (*PutDecl)(Writer *w, const CpNode *node);

/* key: [ {...}, ... ] of the children of one kind; nothing if there are none. */
static void put_all(Writer *w, const char *key, const CpNode *parent, CpNodeKind kind,
                    PutDecl put)
{
    bool open = false;
    for (const CpNode *node = parent->child; node != NULL; node = node->next) {
        if (node->kind != kind) {
            continue;
        }
        if (!open) {
            put_text(w, key);
            yajl_gen_array_open(w->gen);
            open = true;
        }
        yajl_gen_map_open(w->gen);
        put(w, node);
        yajl_gen_map_close(w->gen);
    }
    if (open) {
        yajl_gen_array_close(w->gen);
    }
}

static void put_cgroup(Writer *w, const CpNode *node)
{
    put_pair(w, "name", node->text);
    put_text(w, "settings");
    yajl_gen_map_open(w->gen);
    put_settings(w, node);
    yajl_gen_map_close(w->gen);
    put_all(w, "cgroups", node, CP_NODE_CGROUP, put_cgroup);
}

static void put_runtime(Writer *w, const CpNode *node)
{
    if (strcmp(node->text, "native") == 0 && cp_node_at(node, 1)->child == NULL) {
        return;
    }
    put_text(w, "runtime");
    yajl_gen_map_open(w->gen);
    put_pair(w, "name", node->text);
    if (cp_node_at(node, 0)->kind == CP_NODE_STRING) {
        put_pair(w, "version", cp_node_at(node, 0)->text);
    }
    put_opts_member(w, "options", cp_node_at(node, 1));
    yajl_gen_map_close(w->gen);
}

static void put_task(Writer *w, const CpNode *node)
{
    put_pair(w, "name", node->text);
    put_flag(w, "async", node->flags & CP_FLAG_ASYNC);
    if (cp_node_at(node, 0)->child != NULL) {
        put_member(w, "params", cp_node_at(node, 0));
    }
    put_member(w, "body", cp_node_at(node, 1));
}

static void put_loop(Writer *w, const CpNode *loop)
{
    if (loop->kind == CP_NODE_NULL) {
        return;
    }
    put_text(w, "loop");
    yajl_gen_map_open(w->gen);
    put_pair(w, "name", loop->text);
    put_opts_member(w, "options", loop->child);
    yajl_gen_map_close(w->gen);
}

static void put_thread(Writer *w, const CpNode *node)
{
    put_pair(w, "name", node->text);
    put_member(w, "copies", cp_node_at(node, 0));
    put_opts_member(w, "attrs", cp_node_at(node, 1));
    put_flag(w, "daemon", node->flags & CP_FLAG_DAEMON);
    put_loop(w, cp_node_at(node, 2));
    put_member(w, "in", cp_node_at(node, 3));
    put_member(w, "body", cp_node_at(node, 4));
}

static void put_handler(Writer *w, const CpNode *node)
{
    put_pair(w, "signal", node->text);
    put_member(w, "call", node->child);
}

static void put_interpreter(Writer *w, const CpNode *node)
{
    put_pair(w, "name", node->text);
    put_opts_member(w, "options", node->child);
}

static void put_process(Writer *w, const CpNode *node)
{
    put_pair(w, "name", node->text);
    put_runtime(w, cp_node_at(node, 0));
    put_member(w, "in", cp_node_at(node, 1));
    put_all(w, "resources", node, CP_NODE_RESOURCE, put_resource);
    put_all(w, "interpreters", node, CP_NODE_INTERP, put_interpreter);
    put_all(w, "handlers", node, CP_NODE_HANDLER, put_handler);
    put_all(w, "tasks", node, CP_NODE_TASK, put_task);
    put_all(w, "threads", node, CP_NODE_THREAD, put_thread);
}

static void put_expect(Writer *w, const CpNode *node)
{
    put_pair(w, "metric", node->text);
    put_pair(w, "cmp", cp_cmp_word(node->value));
    put_member(w, "value", cp_node_at(node, 0));
    put_member(w, "tolerance", cp_node_at(node, 1));
}

/* The blocks of settings: one is an object, several are an array. */
static void put_blocks(Writer *w, const char *key, CpNodeKind kind)
{
    const CpNode *only = NULL;
    unsigned n = 0;
    for (const CpNode *node = w->root->child; node != NULL; node = node->next) {
        if (node->kind == kind) {
            only = node;
            n++;
        }
    }
    if (n == 1) {
        put_text(w, key);
        yajl_gen_map_open(w->gen);
        put_settings_block(w, only);
        yajl_gen_map_close(w->gen);
    } else {
        put_all(w, key, w->root, kind, put_settings_block);
    }
}

static void put_file(Writer *w)
{
    static const struct {
        const char *key;
        CpNodeKind kind;
        PutDecl put; /* NULL: a block of settings */
    } parts[] = {
        {"params", CP_NODE_PARAM, put_param},
        {"run", CP_NODE_RUN, NULL},
        {"machine", CP_NODE_MACHINE, NULL},
        {"kernel", CP_NODE_KERNEL, NULL},
        {"noise", CP_NODE_NOISE, put_noise},
        {"at", CP_NODE_AT, put_at},
        {"cgroups", CP_NODE_CGROUP, put_cgroup},
        {"resources", CP_NODE_RESOURCE, put_resource},
        {"processes", CP_NODE_PROCESS, put_process},
        {"expects", CP_NODE_EXPECT, put_expect},
    };
    yajl_gen_map_open(w->gen);
    put_text(w, "schema");
    yajl_gen_integer(w->gen, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i].put == NULL) {
            put_blocks(w, parts[i].key, parts[i].kind);
        } else {
            put_all(w, parts[i].key, w->root, parts[i].kind, parts[i].put);
        }
    }
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
