#include "lang/json-writer.h"

#include "sim/units.h"

#include <string.h>
#include <yajl/yajl_gen.h>

/* How values look in JSON: texts made valid, numbers without an exponent. */

struct CpJson {
    yajl_gen gen;
};

CpJson *cp_json_new(void)
{
    CpJson *json = g_new0(CpJson, 1);
    json->gen = yajl_gen_alloc(NULL);
    return json;
}

char *cp_json_free(CpJson *json)
{
    const unsigned char *text;
    size_t len;
    yajl_gen_get_buf(json->gen, &text, &len);
    char *copy = g_strndup((const char *)text, len);
    yajl_gen_free(json->gen);
    g_free(json);
    return copy;
}

/* Names may come from recordings; JSON takes UTF-8 only. */
static void put_text(CpJson *json, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    yajl_gen_string(json->gen, (const unsigned char *)valid, strlen(valid));
}

static void put_key(CpJson *json, const char *key)
{
    if (key != NULL) {
        put_text(json, key);
    }
}

void cp_json_open(CpJson *json, const char *key, char bracket)
{
    put_key(json, key);
    if (bracket == '{') {
        yajl_gen_map_open(json->gen);
    } else {
        yajl_gen_array_open(json->gen);
    }
}

void cp_json_close(CpJson *json, char bracket)
{
    if (bracket == '}') {
        yajl_gen_map_close(json->gen);
    } else {
        yajl_gen_array_close(json->gen);
    }
}

void cp_json_text(CpJson *json, const char *key, const char *text)
{
    if (text == NULL) {
        cp_json_null(json, key);
        return;
    }
    put_key(json, key);
    put_text(json, text);
}

void cp_json_int(CpJson *json, const char *key, int64_t value)
{
    put_key(json, key);
    yajl_gen_integer(json->gen, value);
}

void cp_json_bool(CpJson *json, const char *key, bool value)
{
    put_key(json, key);
    yajl_gen_bool(json->gen, value);
}

void cp_json_null(CpJson *json, const char *key)
{
    put_key(json, key);
    yajl_gen_null(json->gen);
}

void cp_json_decimal(CpJson *json, const char *key, int64_t value, unsigned digits)
{
    g_autofree char *number = cp_format_decimal(value, digits);
    cp_json_raw(json, key, number);
}

void cp_json_raw(CpJson *json, const char *key, const char *text)
{
    put_key(json, key);
    yajl_gen_number(json->gen, text, strlen(text));
}
