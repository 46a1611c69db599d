#include "lang/json-writer.h"

#include "sim/units.h"

#include <string.h>

/* How values look in JSON: texts made valid, numbers without an exponent. */

struct CpJson {
    GString *out;
    bool comma; /* before the next value of the innermost object or array */
};

CpJson *cp_json_new(void)
{
    CpJson *json = g_new0(CpJson, 1);
    json->out = g_string_new(NULL);
    return json;
}

char *cp_json_free(CpJson *json)
{
    char *text = g_string_free(json->out, FALSE);
    g_free(json);
    return text;
}

static void put_escape(GString *out, unsigned char c)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = strchr(special, c);
    if (c != '\0' && found != NULL) {
        g_string_append_c(out, '\\');
        g_string_append_c(out, letters[found - special]);
    } else {
        g_string_append_printf(out, "\\u%04X", c);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* Names may come from recordings; JSON takes UTF-8 only. */
static void put_text(CpJson *json, const char *text)
{
    g_autofree char *valid = NULL;
    const char *p = text;
    while (is_plain((unsigned char)*p) && *p > 0) {
        p++;
    }
    if (*p != '\0') {
        valid = g_utf8_make_valid(text, -1);
        text = p = valid;
    }
    g_string_append_c(json->out, '"');
    for (p = text; *p != '\0';) {
        const char *from = p;
        while (is_plain((unsigned char)*p)) {
            p++;
        }
        g_string_append_len(json->out, from, p - from);
        if (*p != '\0') {
            put_escape(json->out, (unsigned char)*p++);
        }
    }
    g_string_append_c(json->out, '"');
}

/* What stands before a value. */
static void begin(CpJson *json, const char *key)
{
    if (json->comma) {
        g_string_append_c(json->out, ',');
    }
    if (key != NULL) {
        put_text(json, key);
        g_string_append_c(json->out, ':');
    }
    json->comma = true;
}

void cp_json_open(CpJson *json, const char *key, char bracket)
{
    begin(json, key);
    g_string_append_c(json->out, bracket);
    json->comma = false;
}

void cp_json_close(CpJson *json, char bracket)
{
    g_string_append_c(json->out, bracket);
    json->comma = true;
}

void cp_json_text(CpJson *json, const char *key, const char *text)
{
    if (text == NULL) {
        cp_json_null(json, key);
        return;
    }
    begin(json, key);
    put_text(json, text);
}

void cp_json_int(CpJson *json, const char *key, int64_t value)
{
    enum { DIGITS = 20 };
    char text[DIGITS];
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    unsigned at = DIGITS;
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    begin(json, key);
    if (value < 0) {
        g_string_append_c(json->out, '-');
    }
    g_string_append_len(json->out, text + at, DIGITS - at);
}

void cp_json_bool(CpJson *json, const char *key, bool value)
{
    begin(json, key);
    g_string_append(json->out, value ? "true" : "false");
}

void cp_json_null(CpJson *json, const char *key)
{
    begin(json, key);
    g_string_append(json->out, "null");
}

void cp_json_decimal(CpJson *json, const char *key, int64_t value, unsigned digits)
{
    if (digits == 0) {
        cp_json_int(json, key, value);
        return;
    }
    g_autofree char *number = cp_format_decimal(value, digits);
    cp_json_raw(json, key, number);
}

void cp_json_raw(CpJson *json, const char *key, const char *text)
{
    begin(json, key);
    g_string_append(json->out, text);
}
