#include "lang/json-reader.h"

#include "sim/arena.h"

#include <errno.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* Decides what a JSON text holds: values with their places, for messages. */

/* Arrays and objects inside each other: two a block, and some for expressions. */
enum { DEPTH_MAX = 4 * CP_PARSE_DEPTH_MAX };

typedef struct {
    CpJsonReader *to;
    yajl_handle yajl;
    const char *text;
    size_t seen; /* bytes `line` and `column` belong to */
    uint32_t line, column;
    CpJsonValue *open[DEPTH_MAX + 1];
    unsigned depth;
    const char *key; /* waits for its value */
    CpJsonValue *root;
    bool too_deep;
} Parser;

static CpPos position(Parser *r, size_t token)
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

static CpJsonValue *add_value(Parser *r, CpJsonKind kind, size_t token)
{
    CpJsonValue *j = cp_arena_alloc(r->to->arena, sizeof(CpJsonValue));
    j->kind = kind;
    j->pos = position(r, token);
    j->key = r->key;
    r->key = NULL;
    if (r->depth == 0) {
        r->root = j;
        return j;
    }
    CpJsonValue *parent = r->open[r->depth - 1];
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
    add_value(data, CP_JSON_NULL, 4);
    return 1;
}

static int on_bool(void *data, int value)
{
    add_value(data, CP_JSON_BOOL, 4)->value = value;
    return 1;
}

static int on_number(void *data, const char *text, size_t len)
{
    Parser *r = data;
    CpJsonValue *j = add_value(r, CP_JSON_DECIMAL, len);
    j->text = cp_tree_text(r->to->tree, text, (gssize)len);
    char *end;
    errno = 0;
    j->value = g_ascii_strtoll(j->text, &end, 10);
    if (*end == '\0' && errno == 0) {
        j->kind = CP_JSON_INT;
    }
    return 1;
}

static int on_string(void *data, const unsigned char *text, size_t len)
{
    Parser *r = data;
    add_value(r, CP_JSON_TEXT, len + 2)->text =
        cp_tree_text(r->to->tree, (const char *)text, (gssize)len);
    return 1;
}

static int on_open(Parser *r, CpJsonKind kind)
{
    CpJsonValue *j = add_value(r, kind, 1);
    if (r->depth == DEPTH_MAX) {
        r->too_deep = true;
        return 0;
    }
    r->open[r->depth++] = j;
    return 1;
}

static int on_map(void *data)
{
    return on_open(data, CP_JSON_OBJECT);
}

static int on_array(void *data)
{
    return on_open(data, CP_JSON_ARRAY);
}

static int on_key(void *data, const unsigned char *text, size_t len)
{
    Parser *r = data;
    r->key = cp_tree_text(r->to->tree, (const char *)text, (gssize)len);
    return 1;
}

static int on_close(void *data)
{
    ((Parser *)data)->depth--;
    return 1;
}

CpJsonValue *cp_reader_parse(CpJsonReader *to, const char *text, size_t len)
{
    Parser parser = {.to = to, .text = text, .line = 1, .column = 1};
    Parser *r = &parser;
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
        cp_diag_error(r->to->diag, pos, "%s",
                      r->too_deep ? "arrays and objects are nested too deeply" : line);
    }
    yajl_free(r->yajl);
    return status == yajl_status_ok ? r->root : NULL;
}

const CpJsonValue *cp_reader_member(const CpJsonValue *object, const char *key)
{
    for (const CpJsonValue *j = object->child; j != NULL; j = j->next) {
        if (strcmp(j->key, key) == 0) {
            return j;
        }
    }
    return NULL;
}
