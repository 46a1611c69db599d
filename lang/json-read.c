#include "lang/json-reader.h"

#include "sim/dist.h"

#include <string.h>

/* Decides what values and statements of the JSON form mean, by the rows of tree.def. */

static const char *const kind_names[] = {"null",   "true or false", "a number", "a number",
                                         "a text", "an array",      "an object"};

CpNode *cp_reader_unexpected(CpJsonReader *r, const CpJsonValue *j, const char *what)
{
    cp_diag_error(r->diag, j->pos, "expected %s, found %s", what, kind_names[j->kind]);
    return NULL;
}

CpNode *cp_reader_node(CpJsonReader *r, CpNodeKind kind, const CpJsonValue *j)
{
    return cp_node_new(r->tree, kind, j->pos);
}

bool cp_reader_add(CpNodeList *list, CpNode *child)
{
    if (child != NULL) {
        cp_node_add(list, child);
    }
    return child != NULL;
}

CpNode *cp_reader_text(CpJsonReader *r, const CpJsonValue *j, CpNodeKind kind,
                       const char *what)
{
    if (j->kind != CP_JSON_TEXT || (*j->text == '\0' && kind != CP_NODE_STRING)) {
        return cp_reader_unexpected(r, j, what);
    }
    CpNode *n = cp_reader_node(r, kind, j);
    n->text = j->text;
    return n;
}

static CpNode *read_name(CpJsonReader *r, const CpJsonValue *j)
{
    return cp_reader_text(r, j, CP_NODE_NAME, "a name");
}

/* A number with decimals: through the language's own scanner, which is exact. */
static CpNode *read_decimal(CpJsonReader *r, const CpJsonValue *j, CpDim want,
                            const char *unit)
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
    CpNode *n = cp_reader_node(r, CP_NODE_NUMBER, j);
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

static CpNode *read_value(CpJsonReader *r, const CpJsonValue *j);

static bool read_values(CpJsonReader *r, const CpJsonValue *first, CpNodeList *list)
{
    for (const CpJsonValue *j = first; j != NULL; j = j->next) {
        if (!cp_reader_add(list, read_value(r, j))) {
            return false;
        }
    }
    return true;
}

static CpNode *read_list(CpJsonReader *r, const CpJsonValue *j)
{
    CpNode *n = cp_reader_node(r, CP_NODE_LIST, j);
    CpNodeList list = {n, NULL};
    return read_values(r, j->child, &list) ? n : NULL;
}

/* ["+", a, b] or ["-", a] */
static CpNode *read_operator(CpJsonReader *r, const CpJsonValue *j)
{
    const CpJsonValue *sign = j->child;
    unsigned n_args = 0;
    for (const CpJsonValue *arg = sign->next; arg != NULL; arg = arg->next) {
        n_args++;
    }
    bool neg = n_args == 1 && *sign->text == '-';
    if (n_args != 2 && !neg) {
        cp_diag_error(r->diag, j->pos, "'%s' takes two operands", sign->text);
        return NULL;
    }
    CpNode *n = cp_reader_node(r, neg ? CP_NODE_NEG : CP_NODE_BINARY, j);
    n->value = neg ? 0 : *sign->text;
    CpNodeList list = {n, NULL};
    return read_values(r, sign->next, &list) ? n : NULL;
}

static CpNode *read_dist(CpJsonReader *r, const CpJsonValue *j, const CpDistForm *form)
{
    CpNode *n = cp_reader_node(r, CP_NODE_DIST, j);
    CpNodeList list = {n, NULL};
    n->value = form->kind;
    if (j->kind != CP_JSON_ARRAY) {
        return cp_reader_unexpected(r, j, "an array of arguments");
    }
    unsigned place = 0;
    for (const CpJsonValue *arg = j->child; arg != NULL; arg = arg->next, place++) {
        CpNode *value = form->kind == CP_DIST_EMPIRICAL
                            ? cp_reader_text(r, arg, CP_NODE_STRING, "a file name")
                            : read_value(r, arg);
        if (!cp_reader_add(&list, value)) {
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
static CpNode *read_tagged(CpJsonReader *r, const CpJsonValue *j)
{
    const CpJsonValue *value = j->child;
    if (value == NULL || value->next != NULL) {
        return cp_reader_unexpected(r, j, "an object with one key");
    }
    const CpDistForm *form = cp_dist_form(value->key);
    if (form != NULL) {
        return read_dist(r, value, form);
    }
    bool is_number = value->kind == CP_JSON_INT || value->kind == CP_JSON_DECIMAL;
    if (strcmp(value->key, "size") == 0 && is_number) {
        return read_decimal(r, value, CP_DIM_SIZE, "B");
    }
    if (strcmp(value->key, "percent") == 0 && is_number) {
        return read_decimal(r, value, CP_DIM_SHARE, "%");
    }
    if (strcmp(value->key, "text") == 0) {
        return cp_reader_text(r, value, CP_NODE_STRING, "a text");
    }
    if (strcmp(value->key, "range") == 0 && value->kind == CP_JSON_ARRAY) {
        CpNode *n = read_list(r, value);
        if (n != NULL && cp_node_count(n) == 2) {
            n->kind = CP_NODE_RANGE;
            return n;
        }
    }
    cp_diag_error(r->diag, j->pos, "'%s' is no kind of value", value->key);
    return NULL;
}

static CpNode *read_value(CpJsonReader *r, const CpJsonValue *j)
{
    CpNode *n;
    switch (j->kind) {
    case CP_JSON_INT:
        n = cp_reader_node(r, CP_NODE_NUMBER, j);
        n->value = j->value;
        n->dim = CP_DIM_ANY;
        n->text = j->text;
        return n;
    case CP_JSON_DECIMAL:
        return read_decimal(r, j, CP_DIM_NUMBER, "");
    case CP_JSON_TEXT:
        return read_name(r, j);
    case CP_JSON_OBJECT:
        return read_tagged(r, j);
    case CP_JSON_ARRAY:
        if (j->child != NULL && j->child->kind == CP_JSON_TEXT &&
            strlen(j->child->text) == 1 && strchr("+-*/", *j->child->text) != NULL) {
            return read_operator(r, j);
        }
        return read_list(r, j);
    default:
        return cp_reader_unexpected(r, j, "a value");
    }
}

static CpNode *read_cond(CpJsonReader *r, const CpJsonValue *j);

static CpNode *read_logic(CpJsonReader *r, const CpJsonValue *j, CpNodeKind kind)
{
    CpNode *n = cp_reader_node(r, kind, j);
    CpNodeList list = {n, NULL};
    for (const CpJsonValue *cond = j->child->next; cond != NULL; cond = cond->next) {
        if (!cp_reader_add(&list, read_cond(r, cond))) {
            return NULL;
        }
    }
    return n;
}

static CpNode *read_cond(CpJsonReader *r, const CpJsonValue *j)
{
    if (j->kind != CP_JSON_ARRAY || j->child == NULL || j->child->kind != CP_JSON_TEXT ||
        j->child->next == NULL) {
        return cp_reader_unexpected(r, j, "a condition such as [\"<\", \"x\", 3]");
    }
    const char *word = j->child->text;
    if (strcmp(word, "running") == 0) {
        return cp_reader_text(r, j->child->next, CP_NODE_RUNNING, "a name");
    }
    int ask = cp_ask_find(word);
    if (ask >= 0) {
        CpNode *asked = cp_reader_text(r, j->child->next, CP_NODE_ASK, "a name");
        if (asked != NULL) {
            asked->value = ask;
        }
        return asked;
    }
    if (strcmp(word, "and") == 0 || strcmp(word, "or") == 0 || strcmp(word, "not") == 0) {
        return read_logic(r, j,
                          *word == 'a'   ? CP_NODE_AND
                          : *word == 'o' ? CP_NODE_OR
                                         : CP_NODE_NOT);
    }
    int cmp = cp_cmp_find(word);
    CpNode *n = cp_reader_node(r, CP_NODE_CMP, j);
    CpNodeList list = {n, NULL};
    n->value = cmp;
    if (cmp < 0) {
        cp_diag_error(r->diag, j->pos, "'%s' is no comparison", word);
        return NULL;
    }
    if (!read_values(r, j->child->next, &list)) {
        return NULL;
    }
    return cp_node_count(n) == 2 ? n : cp_reader_unexpected(r, j, "two operands");
}

static CpNode *read_call(CpJsonReader *r, const CpJsonValue *j)
{
    if (j->kind != CP_JSON_ARRAY || j->child == NULL) {
        return cp_reader_unexpected(r, j, "a call such as [\"task\", argument]");
    }
    CpNode *n = cp_reader_text(r, j->child, CP_NODE_INVOKE, "the name of a task");
    if (n == NULL) {
        return NULL;
    }
    CpNodeList list = {n, NULL};
    return read_values(r, j->child->next, &list) ? n : NULL;
}

static CpNode *read_opts(CpJsonReader *r, const CpJsonValue *j)
{
    CpNode *n = cp_reader_node(r, CP_NODE_OPTS, j);
    CpNodeList list = {n, NULL};
    if (j->kind != CP_JSON_OBJECT) {
        return cp_reader_unexpected(r, j, "an object of options");
    }
    for (const CpJsonValue *member_j = j->child; member_j != NULL;
         member_j = member_j->next) {
        CpNode *opt = cp_reader_node(r, CP_NODE_OPT, member_j);
        CpNodeList inner = {opt, NULL};
        opt->text = member_j->key;
        if (!cp_reader_add(&inner, read_value(r, member_j))) {
            return NULL;
        }
        cp_node_add(&list, opt);
    }
    return n;
}

static CpNode *read_body(CpJsonReader *r, const CpJsonValue *j);

static CpNode *read_case(CpJsonReader *r, const CpJsonValue *j)
{
    CpNode *n = cp_reader_node(r, CP_NODE_CASE, j);
    CpNodeList list = {n, NULL};
    bool pair = j->kind == CP_JSON_ARRAY && j->child != NULL && j->child->next != NULL;
    if (!pair) {
        return cp_reader_unexpected(r, j, "a case: [{\"percent\": 90}, [...]]");
    }
    return cp_reader_add(&list, read_value(r, j->child)) &&
                   cp_reader_add(&list, read_body(r, j->child->next))
               ? n
               : NULL;
}

/* One child of a statement. */
CpNode *cp_reader_slot(CpJsonReader *r, CpSlotType type, const CpJsonValue *j)
{
    switch (type) {
    case CP_SLOT_NAME:
    case CP_SLOT_WORD:
        return read_name(r, j);
    case CP_SLOT_TEXT:
    case CP_SLOT_CPUS:
        return j->kind == CP_JSON_OBJECT
                   ? read_value(r, j)
                   : cp_reader_text(r, j, CP_NODE_STRING,
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
static bool read_clauses(CpJsonReader *r, const CpJsonValue *first, CpNodeList *list)
{
    for (const CpJsonValue *j = first; j != NULL; j = j->next->next) {
        CpNode *names = j->kind == CP_JSON_NULL    ? cp_reader_node(r, CP_NODE_NULL, j)
                        : j->kind == CP_JSON_ARRAY ? cp_reader_node(r, CP_NODE_LIST, j)
                                                   : read_name(r, j);
        if (!cp_reader_add(list, names)) {
            return false;
        }
        CpNodeList inner = {names, NULL};
        for (const CpJsonValue *k = j->kind == CP_JSON_ARRAY ? j->child : NULL; k != NULL;
             k = k->next) {
            if (!cp_reader_add(&inner, read_name(r, k))) {
                return false;
            }
        }
        if (j->next == NULL) {
            return cp_diag_error(r->diag, j->pos, "the clause of 'try' lacks its body");
        }
        if (!cp_reader_add(list, read_body(r, j->next))) {
            return false;
        }
    }
    return true;
}

CpNode *cp_reader_empty(CpJsonReader *r, CpSlotType type, const CpJsonValue *j)
{
    return cp_reader_node(r, type == CP_SLOT_KEYS ? CP_NODE_OPTS : CP_NODE_NULL, j);
}

static bool bad_operands(CpJsonReader *r, CpPos pos, const CpNode *n, const char *what)
{
    const CpStmtInfo *info = cp_stmt_info((CpNodeKind)n->kind);
    cp_diag_error(r->diag, pos, "'%s' %s", info->word, what);
    cp_diag_help(r->diag, "as text: %s", info->form);
    return false;
}

static bool read_slots(CpJsonReader *r, const CpJsonValue *whole, CpNode *n)
{
    CpNodeList list = {n, NULL};
    const CpJsonValue *j = whole->child->next;
    for (const CpSlot *slot = cp_node_slots((CpNodeKind)n->kind);
         slot->child != CP_CHILD_NONE; slot++) {
        CpSlotType type = (CpSlotType)slot->type;
        if (type == CP_SLOT_CLAUSES) {
            return read_clauses(r, j, &list);
        }
        if (type == CP_SLOT_EXPRS || type == CP_SLOT_CASES) {
            for (; j != NULL; j = j->next) {
                if (!cp_reader_add(&list, cp_reader_slot(r, type, j))) {
                    return false;
                }
            }
            return true;
        }
        bool absent = j == NULL || j->kind == CP_JSON_NULL;
        if (absent && slot->must) {
            return bad_operands(r, whole->pos, n, "lacks an operand");
        }
        if (!cp_reader_add(&list, absent ? cp_reader_empty(r, type, whole)
                                         : cp_reader_slot(r, type, j))) {
            return false;
        }
        j = j != NULL ? j->next : NULL;
    }
    return j == NULL || bad_operands(r, j->pos, n, "has too many operands");
}

static CpNode *read_statement(CpJsonReader *r, const CpJsonValue *j)
{
    if (j->kind != CP_JSON_ARRAY || j->child == NULL || j->child->kind != CP_JSON_TEXT) {
        return cp_reader_unexpected(r, j, "a statement such as [\"cpu\", 1000000]");
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
    CpNode *n = cp_reader_node(r, kind, j);
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

static CpNode *read_body(CpJsonReader *r, const CpJsonValue *j)
{
    CpNode *n = cp_reader_node(r, CP_NODE_BODY, j);
    CpNodeList list = {n, NULL};
    if (j->kind != CP_JSON_ARRAY) {
        return cp_reader_unexpected(r, j, "an array of statements");
    }
    for (const CpJsonValue *s = j->child; s != NULL; s = s->next) {
        if (!cp_reader_add(&list, read_statement(r, s))) {
            return NULL;
        }
    }
    return n;
}
