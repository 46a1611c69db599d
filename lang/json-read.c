#include "lang/json.h"
#include "lang/parse.h"

#include "sim/arena.h"
#include "sim/dist.h"
#include "sim/params.h"

#include <errno.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* Arrays and objects inside each other: two a block, and some for expressions. */
enum { DEPTH_MAX = 4 * CP_PARSE_DEPTH_MAX };

typedef enum { J_NULL, J_BOOL, J_INT, J_DECIMAL, J_TEXT, J_ARRAY, J_OBJECT } JKind;

/* A parsed JSON value; freed with the arena. */
typedef struct J J;
struct J {
    JKind kind;
    CpPos pos;
    const char *key;  /* inside an object */
    const char *text; /* J_TEXT; J_DECIMAL: as written */
    int64_t value;    /* J_INT, J_BOOL */
    J *child, *last, *next;
};

typedef struct {
    CpDiag *diag;
    CpTree *tree; /* owns texts and, in the end, the result */
    CpArena *arena;
    yajl_handle yajl;
    const char *text;
    size_t seen; /* bytes `line` and `column` belong to */
    uint32_t line, column;
    J *open[DEPTH_MAX + 1];
    unsigned depth;
    const char *key; /* waits for its value */
    J *root;
    uint32_t n_statements;
    bool too_deep;
} Reader;

/* --- JSON to values --- */

static CpPos position(Reader *r, size_t token)
{
    size_t at = yajl_get_bytes_consumed(r->yajl);
    at = at >= token ? at - token : 0;
    for (; r->seen < at; r->seen++) {
        bool newline = r->text[r->seen] == '\n';
        bool continues = ((unsigned char)r->text[r->seen] & 0xc0) == 0x80;
        r->line += newline;
        r->column = newline ? 1 : r->column + !continues;
    }
    return (CpPos){r->line, r->column, token > 0 && token < 80 ? (uint32_t)token : 1};
}

static J *add_value(Reader *r, JKind kind, size_t token)
{
    J *j = cp_arena_alloc(r->arena, sizeof(J));
    j->kind = kind;
    j->pos = position(r, token);
    j->key = r->key;
    r->key = NULL;
    if (r->depth == 0) {
        r->root = j;
        return j;
    }
    J *parent = r->open[r->depth - 1];
    if (parent->last == NULL) {
        parent->child = j;
    } else {
        parent->last->next = j;
    }
    parent->last = j;
    return j;
}

static int on_null(void *data)
{
    add_value(data, J_NULL, 4);
    return 1;
}

static int on_bool(void *data, int value)
{
    add_value(data, J_BOOL, 4)->value = value;
    return 1;
}

static int on_number(void *data, const char *text, size_t len)
{
    Reader *r = data;
    J *j = add_value(r, J_DECIMAL, len);
    j->text = cp_tree_text(r->tree, text, (gssize)len);
    char *end;
    errno = 0;
    j->value = g_ascii_strtoll(j->text, &end, 10);
    if (*end == '\0' && errno == 0) {
        j->kind = J_INT;
    }
    return 1;
}

static int on_string(void *data, const unsigned char *text, size_t len)
{
    Reader *r = data;
    add_value(r, J_TEXT, len + 2)->text =
        cp_tree_text(r->tree, (const char *)text, (gssize)len);
    return 1;
}

static int on_open(Reader *r, JKind kind)
{
    J *j = add_value(r, kind, 1);
    if (r->depth == DEPTH_MAX) {
        r->too_deep = true;
        return 0;
    }
    r->open[r->depth++] = j;
    return 1;
}

static int on_map(void *data)
{
    return on_open(data, J_OBJECT);
}

static int on_array(void *data)
{
    return on_open(data, J_ARRAY);
}

static int on_key(void *data, const unsigned char *text, size_t len)
{
    Reader *r = data;
    r->key = cp_tree_text(r->tree, (const char *)text, (gssize)len);
    return 1;
}

static int on_close(void *data)
{
    ((Reader *)data)->depth--;
    return 1;
}

static bool parse_json(Reader *r, size_t len)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_bool,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_close,
        .yajl_start_array = on_array,
        .yajl_end_array = on_close,
    };
    r->yajl = yajl_alloc(&callbacks, NULL, r);
    yajl_status status = yajl_parse(r->yajl, (const unsigned char *)r->text, len);
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(r->yajl);
    }
    if (status != yajl_status_ok) {
        CpPos pos = position(r, 0);
        unsigned char *why = yajl_get_error(r->yajl, 0, NULL, 0);
        g_autofree char *line = g_strdup((const char *)why);
        yajl_free_error(r->yajl, why);
        g_strchomp(line);
        cp_diag_error(r->diag, pos, "%s",
                      r->too_deep ? "arrays and objects are nested too deeply" : line);
    }
    yajl_free(r->yajl);
    return status == yajl_status_ok;
}

/* --- values to tree --- */

static const char *const kind_names[] = {"null",   "true or false", "a number", "a number",
                                         "a text", "an array",      "an object"};

static CpNode *unexpected(Reader *r, const J *j, const char *what)
{
    cp_diag_error(r->diag, j->pos, "expected %s, found %s", what, kind_names[j->kind]);
    return NULL;
}

static const J *member(const J *object, const char *key)
{
    for (const J *j = object->child; j != NULL; j = j->next) {
        if (strcmp(j->key, key) == 0) {
            return j;
        }
    }
    return NULL;
}

static CpNode *node(Reader *r, CpNodeKind kind, const J *j)
{
    return cp_node_new(r->tree, kind, j->pos);
}

static CpNode *null_node(Reader *r, const J *j)
{
    return node(r, CP_NODE_NULL, j);
}

static bool add(CpNodeList *list, CpNode *child)
{
    if (child != NULL) {
        cp_node_add(list, child);
    }
    return child != NULL;
}

static CpNode *read_text(Reader *r, const J *j, CpNodeKind kind, const char *what)
{
    if (j->kind != J_TEXT || (*j->text == '\0' && kind != CP_NODE_STRING)) {
        return unexpected(r, j, what);
    }
    CpNode *n = node(r, kind, j);
    n->text = j->text;
    return n;
}

static CpNode *read_name(Reader *r, const J *j)
{
    return read_text(r, j, CP_NODE_NAME, "a name");
}

/* A number with decimals: through the language's own scanner, which is exact. */
static CpNode *read_decimal(Reader *r, const J *j, CpDim want, const char *unit)
{
    g_autofree char *text =
        g_strconcat(j->text[0] == '-' ? j->text + 1 : j->text, unit, NULL);
    CpScanner scanner;
    cp_scanner_init(&scanner, text, (uint32_t)strlen(text), NULL);
    CpToken token = cp_scan(&scanner);
    if (token.kind != CP_TOK_NUMBER || token.end != strlen(text) ||
        strchr(text, 'e') != NULL || strchr(text, 'E') != NULL) {
        cp_diag_error(r->diag, j->pos, "expected a number without exponent");
        return NULL;
    }
    CpNode *n = node(r, CP_NODE_NUMBER, j);
    CpDim dim;
    scanner.diag = r->diag;
    token.pos = j->pos;
    if (!cp_token_number(&scanner, &token, &n->value, &dim, &n->micro)) {
        return NULL;
    }
    n->value = j->text[0] == '-' ? -n->value : n->value;
    n->dim = (uint8_t)want;
    n->text = j->text;
    return n;
}

static CpNode *read_value(Reader *r, const J *j);

static bool read_values(Reader *r, const J *first, CpNodeList *list)
{
    for (const J *j = first; j != NULL; j = j->next) {
        if (!add(list, read_value(r, j))) {
            return false;
        }
    }
    return true;
}

static CpNode *read_list(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_LIST, j);
    CpNodeList list = {n, NULL};
    return read_values(r, j->child, &list) ? n : NULL;
}

/* ["+", a, b] or ["-", a] */
static CpNode *read_operator(Reader *r, const J *j)
{
    const J *sign = j->child;
    unsigned n_args = 0;
    for (const J *arg = sign->next; arg != NULL; arg = arg->next) {
        n_args++;
    }
    bool neg = n_args == 1 && *sign->text == '-';
    if (n_args != 2 && !neg) {
        cp_diag_error(r->diag, j->pos, "'%s' takes two operands", sign->text);
        return NULL;
    }
    CpNode *n = node(r, neg ? CP_NODE_NEG : CP_NODE_BINARY, j);
    n->value = neg ? 0 : *sign->text;
    CpNodeList list = {n, NULL};
    return read_values(r, sign->next, &list) ? n : NULL;
}

static CpNode *read_dist(Reader *r, const J *j, const CpDistForm *form)
{
    CpNode *n = node(r, CP_NODE_DIST, j);
    CpNodeList list = {n, NULL};
    n->value = form->kind;
    if (j->kind != J_ARRAY) {
        return unexpected(r, j, "an array of arguments");
    }
    unsigned place = 0;
    for (const J *arg = j->child; arg != NULL; arg = arg->next, place++) {
        CpNode *value = form->kind == CP_DIST_EMPIRICAL
                            ? read_text(r, arg, CP_NODE_STRING, "a file name")
                            : read_value(r, arg);
        if (!add(&list, value)) {
            return NULL;
        }
    }
    if (place != (form->args[1] != NULL ? 2u : 1u)) {
        cp_diag_error(r->diag, j->pos, "wrong number of arguments for '%s'", form->name);
        return NULL;
    }
    return n;
}

/* {"size": n}, {"percent": n}, {"text": "..."}, {"range": [a, b]}, {"exp": [...]} */
static CpNode *read_tagged(Reader *r, const J *j)
{
    const J *value = j->child;
    if (value == NULL || value->next != NULL) {
        return unexpected(r, j, "an object with one key");
    }
    const CpDistForm *form = cp_dist_form(value->key);
    if (form != NULL) {
        return read_dist(r, value, form);
    }
    bool is_number = value->kind == J_INT || value->kind == J_DECIMAL;
    if (strcmp(value->key, "size") == 0 && is_number) {
        return read_decimal(r, value, CP_DIM_SIZE, "B");
    }
    if (strcmp(value->key, "percent") == 0 && is_number) {
        return read_decimal(r, value, CP_DIM_SHARE, "%");
    }
    if (strcmp(value->key, "text") == 0) {
        return read_text(r, value, CP_NODE_STRING, "a text");
    }
    if (strcmp(value->key, "range") == 0 && value->kind == J_ARRAY) {
        CpNode *n = read_list(r, value);
        if (n != NULL && cp_node_count(n) == 2) {
            n->kind = CP_NODE_RANGE;
            return n;
        }
    }
    cp_diag_error(r->diag, j->pos, "'%s' is no kind of value", value->key);
    return NULL;
}

static CpNode *read_value(Reader *r, const J *j)
{
    CpNode *n;
    switch (j->kind) {
    case J_INT:
        n = node(r, CP_NODE_NUMBER, j);
        n->value = j->value;
        n->dim = CP_DIM_ANY;
        n->text = j->text;
        return n;
    case J_DECIMAL:
        return read_decimal(r, j, CP_DIM_NUMBER, "");
    case J_TEXT:
        return read_name(r, j);
    case J_OBJECT:
        return read_tagged(r, j);
    case J_ARRAY:
        if (j->child != NULL && j->child->kind == J_TEXT && strlen(j->child->text) == 1 &&
            strchr("+-*/", *j->child->text) != NULL) {
            return read_operator(r, j);
        }
        return read_list(r, j);
    default:
        return unexpected(r, j, "a value");
    }
}

static CpNode *read_cond(Reader *r, const J *j)
{
    if (j->kind != J_ARRAY || j->child == NULL || j->child->kind != J_TEXT ||
        j->child->next == NULL) {
        return unexpected(r, j, "a condition such as [\"<\", \"x\", 3]");
    }
    const char *word = j->child->text;
    if (strcmp(word, "running") == 0) {
        return read_text(r, j->child->next, CP_NODE_RUNNING, "a name");
    }
    int cmp = cp_cmp_find(word);
    CpNode *n = node(r, CP_NODE_CMP, j);
    CpNodeList list = {n, NULL};
    n->value = cmp;
    if (cmp < 0) {
        cp_diag_error(r->diag, j->pos, "'%s' is no comparison", word);
        return NULL;
    }
    if (!read_values(r, j->child->next, &list)) {
        return NULL;
    }
    return cp_node_count(n) == 2 ? n : unexpected(r, j, "two operands");
}

static CpNode *read_call(Reader *r, const J *j)
{
    if (j->kind != J_ARRAY || j->child == NULL) {
        return unexpected(r, j, "a call such as [\"task\", argument]");
    }
    CpNode *n = read_text(r, j->child, CP_NODE_INVOKE, "the name of a task");
    if (n == NULL) {
        return NULL;
    }
    CpNodeList list = {n, NULL};
    return read_values(r, j->child->next, &list) ? n : NULL;
}

static CpNode *read_opts(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_OPTS, j);
    CpNodeList list = {n, NULL};
    if (j->kind != J_OBJECT) {
        return unexpected(r, j, "an object of options");
    }
    for (const J *member_j = j->child; member_j != NULL; member_j = member_j->next) {
        CpNode *opt = node(r, CP_NODE_OPT, member_j);
        CpNodeList inner = {opt, NULL};
        opt->text = member_j->key;
        if (!add(&inner, read_value(r, member_j))) {
            return NULL;
        }
        cp_node_add(&list, opt);
    }
    return n;
}

static CpNode *read_body(Reader *r, const J *j);

static CpNode *read_case(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_CASE, j);
    CpNodeList list = {n, NULL};
    bool pair = j->kind == J_ARRAY && j->child != NULL && j->child->next != NULL;
    if (!pair) {
        return unexpected(r, j, "a case: [{\"percent\": 90}, [...]]");
    }
    return add(&list, read_value(r, j->child)) && add(&list, read_body(r, j->child->next))
               ? n
               : NULL;
}

/* One child of a statement. */
static CpNode *read_slot(Reader *r, CpSlotType type, const J *j)
{
    switch (type) {
    case CP_SLOT_NAME:
    case CP_SLOT_WORD:
        return read_name(r, j);
    case CP_SLOT_TEXT:
    case CP_SLOT_CPUS:
        return j->kind == J_OBJECT
                   ? read_value(r, j)
                   : read_text(r, j, CP_NODE_STRING,
                               type == CP_SLOT_TEXT ? "a text" : "CPU numbers");
    case CP_SLOT_BODY:
    case CP_SLOT_GROUP:
        return read_body(r, j);
    case CP_SLOT_COND:
        return read_cond(r, j);
    case CP_SLOT_KEYS:
        return read_opts(r, j);
    case CP_SLOT_CALL:
        return read_call(r, j);
    case CP_SLOT_CASES:
        return read_case(r, j);
    default:
        return read_value(r, j);
    }
}

/* The clauses of a try: exceptions and bodies in turn. */
static bool read_clauses(Reader *r, const J *first, CpNodeList *list)
{
    for (const J *j = first; j != NULL; j = j->next->next) {
        CpNode *names = j->kind == J_NULL    ? null_node(r, j)
                        : j->kind == J_ARRAY ? node(r, CP_NODE_LIST, j)
                                             : read_name(r, j);
        if (!add(list, names)) {
            return false;
        }
        CpNodeList inner = {names, NULL};
        for (const J *k = j->kind == J_ARRAY ? j->child : NULL; k != NULL; k = k->next) {
            if (!add(&inner, read_name(r, k))) {
                return false;
            }
        }
        if (j->next == NULL) {
            return cp_diag_error(r->diag, j->pos, "the clause of 'try' lacks its body");
        }
        if (!add(list, read_body(r, j->next))) {
            return false;
        }
    }
    return true;
}

static CpNode *empty_slot(Reader *r, CpSlotType type, const J *j)
{
    return node(r, type == CP_SLOT_KEYS ? CP_NODE_OPTS : CP_NODE_NULL, j);
}

static bool bad_operands(Reader *r, CpPos pos, const CpNode *n, const char *what)
{
    const CpStmtInfo *info = cp_stmt_info((CpNodeKind)n->kind);
    cp_diag_error(r->diag, pos, "'%s' %s", info->word, what);
    cp_diag_help(r->diag, "as text: %s", info->form);
    return false;
}

static bool read_slots(Reader *r, const J *whole, CpNode *n)
{
    CpNodeList list = {n, NULL};
    const J *j = whole->child->next;
    for (const CpSlot *slot = cp_node_slots((CpNodeKind)n->kind);
         slot->child != CP_CHILD_NONE; slot++) {
        CpSlotType type = (CpSlotType)slot->type;
        if (type == CP_SLOT_CLAUSES) {
            return read_clauses(r, j, &list);
        }
        if (type == CP_SLOT_EXPRS || type == CP_SLOT_CASES) {
            for (; j != NULL; j = j->next) {
                if (!add(&list, read_slot(r, type, j))) {
                    return false;
                }
            }
            return true;
        }
        bool absent = j == NULL || j->kind == J_NULL;
        if (absent && slot->must) {
            return bad_operands(r, whole->pos, n, "lacks an operand");
        }
        if (!add(&list, absent ? empty_slot(r, type, whole) : read_slot(r, type, j))) {
            return false;
        }
        j = j != NULL ? j->next : NULL;
    }
    return j == NULL || bad_operands(r, j->pos, n, "has too many operands");
}

static CpNode *read_statement(Reader *r, const J *j)
{
    if (j->kind != J_ARRAY || j->child == NULL || j->child->kind != J_TEXT) {
        return unexpected(r, j, "a statement such as [\"cpu\", 1000000]");
    }
    CpNodeKind kind = cp_stmt_find(j->child->text);
    if (kind == CP_NODE_NULL) {
        cp_diag_error(r->diag, j->child->pos, "unknown statement '%s'", j->child->text);
        return NULL;
    }
    if (r->n_statements++ == CP_PARSE_STMTS_MAX) {
        cp_diag_error(r->diag, j->pos, "more than %d statements", CP_PARSE_STMTS_MAX);
        return NULL;
    }
    CpNode *n = node(r, kind, j);
    if (!read_slots(r, j, n)) {
        return NULL;
    }
    /* A list that is a parameter carries its name behind the body. */
    CpNode *param = kind == CP_NODE_FOR ? cp_node_find(n, CP_CHILD_PARAM) : NULL;
    if (param != NULL) {
        CpNode *list = cp_node_child(n, CP_CHILD_LIST);
        list->kind = CP_NODE_NAME;
        list->text = param->text;
        list->child = NULL;
        param->kind = CP_NODE_NULL;
    }
    return n;
}

static CpNode *read_body(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_BODY, j);
    CpNodeList list = {n, NULL};
    if (j->kind != J_ARRAY) {
        return unexpected(r, j, "an array of statements");
    }
    for (const J *s = j->child; s != NULL; s = s->next) {
        if (!add(&list, read_statement(r, s))) {
            return NULL;
        }
    }
    return n;
}

/* --- declarations --- */

typedef CpNode *(*ReadDecl)(Reader *r, const J *j);

/* The text of a member, or NULL after reporting; absent ones are NULL too. */
static const char *text_member(Reader *r, const J *j, const char *key, bool needed)
{
    const J *value = member(j, key);
    if (value == NULL && needed) {
        cp_diag_error(r->diag, j->pos, "'%s' is missing", key);
    }
    if (value == NULL) {
        return NULL;
    }
    if (value->kind != J_TEXT || *value->text == '\0') {
        unexpected(r, value, "a text");
        return NULL;
    }
    return value->text;
}

static CpNode *named(Reader *r, const J *j, CpNodeKind kind)
{
    CpNode *n = node(r, kind, j);
    n->text = text_member(r, j, "name", true);
    return n->text != NULL ? n : NULL;
}

static bool flag_member(const J *j, const char *key)
{
    const J *value = member(j, key);
    return value != NULL && value->kind == J_BOOL && value->value;
}

/* Reports a key the object does not have; `known` is a list such as "name|value". */
static bool check_keys(Reader *r, const J *j, const char *known)
{
    g_auto(GStrv) words = g_strsplit(known, "|", -1);
    for (const J *m = j->child; j->kind == J_OBJECT && m != NULL; m = m->next) {
        if (g_strv_contains((const char *const *)words, m->key)) {
            continue;
        }
        const char *near = cp_nearest(m->key, (const char *const *)words);
        cp_diag_error(r->diag, m->pos, "unknown key \"%s\"", m->key);
        g_autofree char *all = g_strjoinv(", ", words);
        if (near != NULL) {
            cp_diag_help(r->diag, "did you mean \"%s\"?   (keys: %s)", near, all);
        } else {
            cp_diag_help(r->diag, "keys: %s", all);
        }
        return false;
    }
    return true;
}

/* Adds a member read by `read`, or an empty node of `empty` kind. */
static bool add_member(Reader *r, CpNodeList *list, const J *j, const char *key,
                       ReadDecl read, CpNodeKind empty)
{
    const J *value = member(j, key);
    return add(list, value != NULL ? read(r, value) : node(r, empty, j));
}

static bool add_settings(Reader *r, CpNodeList *list, const J *j)
{
    const J *settings = member(j, "settings");
    if (settings == NULL) {
        return true;
    }
    if (settings->kind != J_OBJECT) {
        unexpected(r, settings, "an object of settings");
        return false;
    }
    for (const J *s = settings->child; s != NULL; s = s->next) {
        CpNode *setting = node(r, CP_NODE_SETTING, s);
        CpNodeList inner = {setting, NULL};
        setting->text = s->key;
        if (s->kind == J_INT || s->kind == J_DECIMAL) {
            CpNode *text = node(r, CP_NODE_STRING, s);
            text->text = s->text;
            cp_node_add(&inner, text);
        } else if (!add(&inner, read_text(r, s, CP_NODE_STRING, "a text"))) {
            return false;
        }
        cp_node_add(list, setting);
    }
    return true;
}

static bool read_all(Reader *r, CpNodeList *list, const J *j, const char *key,
                     ReadDecl read)
{
    const J *array = member(j, key);
    if (array == NULL) {
        return true;
    }
    if (array->kind == J_OBJECT) {
        return add(list, read(r, array));
    }
    if (array->kind != J_ARRAY) {
        unexpected(r, array, "an array");
        return false;
    }
    for (const J *entry = array->child; entry != NULL; entry = entry->next) {
        if (entry->kind != J_OBJECT) {
            unexpected(r, entry, "an object");
            return false;
        }
        if (!add(list, read(r, entry))) {
            return false;
        }
    }
    return true;
}

static CpNode *read_param(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_PARAM);
    CpNodeList list = {n, NULL};
    if (n == NULL) {
        return NULL;
    }
    if (member(j, "value") == NULL) {
        cp_diag_error(r->diag, j->pos, "'value' is missing");
        return NULL;
    }
    return check_keys(r, j, "name|value|choices") &&
                   add_member(r, &list, j, "value", read_value, CP_NODE_NULL) &&
                   add_member(r, &list, j, "choices", read_value, CP_NODE_NULL)
               ? n
               : NULL;
}

static CpNode *read_settings_block(Reader *r, const J *j, CpNodeKind kind)
{
    CpNode *n = node(r, kind, j);
    CpNodeList list = {n, NULL};
    n->text = kind == CP_NODE_MACHINE ? text_member(r, j, "name", false) : NULL;
    return check_keys(r, j, "name|settings") && add_settings(r, &list, j) ? n : NULL;
}

static CpNode *read_run(Reader *r, const J *j)
{
    return read_settings_block(r, j, CP_NODE_RUN);
}

static CpNode *read_machine(Reader *r, const J *j)
{
    return read_settings_block(r, j, CP_NODE_MACHINE);
}

static CpNode *read_kernel(Reader *r, const J *j)
{
    return read_settings_block(r, j, CP_NODE_KERNEL);
}

static CpNode *read_noise(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_NOISE);
    CpNodeList list = {n, NULL};
    return n != NULL && add_member(r, &list, j, "options", read_opts, CP_NODE_OPTS) ? n
                                                                                    : NULL;
}

/* ["offline", "2-3"], ["set", "key", "value"] */
static CpNode *read_action(Reader *r, const J *j)
{
    const J *word = j->kind == J_ARRAY ? j->child : NULL;
    const J *last = word != NULL && word->kind == J_TEXT ? word->next : NULL;
    if (last == NULL || last->kind != J_TEXT) {
        return unexpected(r, j, "an action such as [\"offline\", \"2-3\"]");
    }
    bool set = strcmp(word->text, "set") == 0;
    if (!set && strcmp(word->text, "offline") != 0 && strcmp(word->text, "online") != 0) {
        return unexpected(r, word, "\"offline\", \"online\" or \"set\"");
    }
    CpNode *n = node(r,
                     set                    ? CP_NODE_SETTING
                     : word->text[1] == 'f' ? CP_NODE_OFFLINE
                                            : CP_NODE_ONLINE,
                     j);
    n->text = set ? last->text : NULL;
    last = set ? last->next : last;
    if (last == NULL) {
        return unexpected(r, j, "a key and a value");
    }
    CpNodeList list = {n, NULL};
    return add(&list, read_text(r, last, CP_NODE_STRING, "a text")) ? n : NULL;
}

static CpNode *read_at(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_AT, j);
    CpNodeList list = {n, NULL};
    if (!check_keys(r, j, "time|actions")) {
        return NULL;
    }
    const J *when = member(j, "time");
    const J *actions = member(j, "actions");
    if (when == NULL || actions == NULL || actions->kind != J_ARRAY) {
        return unexpected(r, j, "\"time\" and \"actions\"");
    }
    if (!add(&list, read_value(r, when))) {
        return NULL;
    }
    for (const J *a = actions->child; a != NULL; a = a->next) {
        if (!add(&list, read_action(r, a))) {
            return NULL;
        }
    }
    return n;
}

static CpNode *read_cgroup(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_CGROUP);
    CpNodeList list = {n, NULL};
    return n != NULL && check_keys(r, j, "name|settings|cgroups") &&
                   add_settings(r, &list, j) &&
                   read_all(r, &list, j, "cgroups", read_cgroup)
               ? n
               : NULL;
}

static CpNode *read_resource(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_RESOURCE);
    const char *word = text_member(r, j, "kind", true);
    if (n == NULL || word == NULL) {
        return NULL;
    }
    n->value = cp_resource_find(word);
    if (n->value < 0) {
        cp_diag_error(r->diag, j->pos, "unknown kind of resource '%s'", word);
        return NULL;
    }
    n->flags = (uint8_t)((flag_member(j, "shared") ? CP_FLAG_SHARED : 0) |
                         (flag_member(j, "async") ? CP_FLAG_ASYNC : 0));
    CpNodeList list = {n, NULL};
    return check_keys(r, j, "kind|name|shared|async|options|value") &&
                   add_member(r, &list, j, "options", read_opts, CP_NODE_OPTS) &&
                   add_member(r, &list, j, "value", read_value, CP_NODE_NULL)
               ? n
               : NULL;
}

static CpNode *read_task(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_TASK);
    CpNodeList list = {n, NULL};
    if (n == NULL) {
        return NULL;
    }
    n->flags = flag_member(j, "async") ? CP_FLAG_ASYNC : 0;
    return check_keys(r, j, "name|async|params|body") &&
                   add_member(r, &list, j, "params", read_list, CP_NODE_LIST) &&
                   add_member(r, &list, j, "body", read_body, CP_NODE_BODY)
               ? n
               : NULL;
}

static CpNode *read_loop(Reader *r, const J *j)
{
    if (j->kind != J_OBJECT) {
        return unexpected(r, j, "an object with \"name\"");
    }
    CpNode *n = named(r, j, CP_NODE_LOOP);
    CpNodeList list = {n, NULL};
    return n != NULL && add_member(r, &list, j, "options", read_opts, CP_NODE_OPTS) ? n
                                                                                    : NULL;
}

static CpNode *read_thread(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_THREAD);
    CpNodeList list = {n, NULL};
    if (n == NULL) {
        return NULL;
    }
    n->flags = flag_member(j, "daemon") ? CP_FLAG_DAEMON : 0;
    return check_keys(r, j, "name|copies|attrs|daemon|loop|in|body") &&
                   add_member(r, &list, j, "copies", read_value, CP_NODE_NULL) &&
                   add_member(r, &list, j, "attrs", read_opts, CP_NODE_OPTS) &&
                   add_member(r, &list, j, "loop", read_loop, CP_NODE_NULL) &&
                   add_member(r, &list, j, "in", read_name, CP_NODE_NULL) &&
                   add_member(r, &list, j, "body", read_body, CP_NODE_BODY)
               ? n
               : NULL;
}

static CpNode *read_handler(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_HANDLER, j);
    CpNodeList list = {n, NULL};
    const J *call = member(j, "call");
    n->text = text_member(r, j, "signal", true);
    if (n->text == NULL || !check_keys(r, j, "signal|call")) {
        return NULL;
    }
    if (call == NULL) {
        return unexpected(r, j, "\"signal\" and \"call\"");
    }
    return add(&list, read_call(r, call)) ? n : NULL;
}

static CpNode *read_interpreter(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_INTERP);
    CpNodeList list = {n, NULL};
    return n != NULL && check_keys(r, j, "name|options") &&
                   add_member(r, &list, j, "options", read_opts, CP_NODE_OPTS)
               ? n
               : NULL;
}

static CpNode *read_runtime(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_RUNTIME, j);
    CpNodeList list = {n, NULL};
    n->text = "native";
    if (j->kind != J_OBJECT) {
        return unexpected(r, j, "an object with \"name\"");
    }
    n->text = text_member(r, j, "name", true);
    const char *version = text_member(r, j, "version", false);
    CpNode *v = node(r, version != NULL ? CP_NODE_STRING : CP_NODE_NULL, j);
    v->text = version;
    return n->text != NULL && check_keys(r, j, "name|version|options") && add(&list, v) &&
                   add_member(r, &list, j, "options", read_opts, CP_NODE_OPTS)
               ? n
               : NULL;
}

static CpNode *native_runtime(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_RUNTIME, j);
    CpNodeList list = {n, NULL};
    n->text = "native";
    cp_node_add(&list, null_node(r, j));
    cp_node_add(&list, node(r, CP_NODE_OPTS, j));
    return n;
}

static CpNode *read_process(Reader *r, const J *j)
{
    CpNode *n = named(r, j, CP_NODE_PROCESS);
    CpNodeList list = {n, NULL};
    const J *runtime = member(j, "runtime");
    if (n == NULL ||
        !add(&list, runtime != NULL ? read_runtime(r, runtime) : native_runtime(r, j))) {
        return NULL;
    }
    return check_keys(r, j,
                      "name|runtime|in|resources|interpreters|handlers|"
                      "tasks|threads") &&
                   add_member(r, &list, j, "in", read_name, CP_NODE_NULL) &&
                   read_all(r, &list, j, "resources", read_resource) &&
                   read_all(r, &list, j, "interpreters", read_interpreter) &&
                   read_all(r, &list, j, "handlers", read_handler) &&
                   read_all(r, &list, j, "tasks", read_task) &&
                   read_all(r, &list, j, "threads", read_thread)
               ? n
               : NULL;
}

static CpNode *read_expect(Reader *r, const J *j)
{
    CpNode *n = node(r, CP_NODE_EXPECT, j);
    CpNodeList list = {n, NULL};
    n->text = text_member(r, j, "metric", true);
    const char *word = text_member(r, j, "cmp", true);
    const J *value = member(j, "value");
    n->value = word != NULL ? cp_cmp_find(word) : -1;
    if (n->text == NULL || n->value < 0 || value == NULL) {
        return unexpected(r, j, "\"metric\", \"cmp\" and \"value\"");
    }
    if (!check_keys(r, j, "metric|cmp|value|tolerance") ||
        !add(&list, read_value(r, value)) ||
        !add_member(r, &list, j, "tolerance", read_value, CP_NODE_NULL)) {
        return NULL;
    }
    g_autofree char *shown = cp_node_print(n->child);
    g_autofree char *margin = cp_node_print(n->child->next);
    g_autofree char *all = g_strdup_printf("%s %s %s%s%s", n->text, word, shown,
                                           *margin != '\0' ? " +- " : "", margin);
    CpNode *text = node(r, CP_NODE_STRING, j);
    text->text = cp_tree_text(r->tree, all, -1);
    cp_node_add(&list, text);
    return n;
}

static bool read_file(Reader *r)
{
    static const struct {
        const char *key;
        ReadDecl read;
    } parts[] = {
        {"params", read_param},      {"run", read_run},
        {"machine", read_machine},   {"kernel", read_kernel},
        {"noise", read_noise},       {"at", read_at},
        {"cgroups", read_cgroup},    {"resources", read_resource},
        {"processes", read_process}, {"expects", read_expect},
    };
    const J *schema = r->root->kind == J_OBJECT ? member(r->root, "schema") : NULL;
    if (schema == NULL || schema->kind != J_INT) {
        cp_diag_error(r->diag, r->root->pos, "not a workload: no \"schema\" number");
        return false;
    }
    if (schema->value != 1) {
        cp_diag_error(r->diag, schema->pos, "schema %s is not known to this version",
                      schema->text);
        cp_diag_help(r->diag, "this version reads schema 1");
        return false;
    }
    if (!check_keys(r, r->root,
                    "schema|params|run|machine|kernel|noise|at|cgroups|"
                    "resources|processes|expects")) {
        return false;
    }
    CpNodeList list = {cp_tree_root(r->tree), NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!read_all(r, &list, r->root, parts[i].key, parts[i].read)) {
            return false;
        }
    }
    return true;
}

CpTree *cp_json_read(const char *text, size_t len, CpDiag *diag)
{
    if (len > CP_PARSE_BYTES_MAX) {
        cp_diag_error(diag, (CpPos){0}, "file is larger than %d MiB",
                      CP_PARSE_BYTES_MAX >> 20);
        return NULL;
    }
    Reader r = {.diag = diag, .text = text, .line = 1, .column = 1};
    r.tree = cp_tree_new();
    r.arena = cp_arena_new();
    unsigned before = cp_diag_n_errors(diag);
    bool ok = parse_json(&r, len) && read_file(&r) && cp_diag_n_errors(diag) == before;
    cp_arena_free(r.arena);
    if (!ok) {
        cp_tree_free(r.tree);
        return NULL;
    }
    return r.tree;
}
