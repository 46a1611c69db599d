#include "cli/json.h"

#include <string.h>

struct CpJson {
    GString *out;
    bool has_before; /* a value stands before the next one: a comma is needed */
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

static void append_string(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_string_append_c(out, '"');
    for (const unsigned char *p = (const unsigned char *)valid; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            g_string_append_printf(out, "\\%c", *p);
        } else if (*p == '\n') {
            g_string_append(out, "\\n");
        } else if (*p < 0x20 || *p == 0x7f) {
            g_string_append_printf(out, "\\u%04x", *p);
        } else {
            g_string_append_c(out, (char)*p);
        }
    }
    g_string_append_c(out, '"');
}

static void begin(CpJson *json, const char *key)
{
    if (json->has_before) {
        g_string_append_c(json->out, ',');
    }
    json->has_before = true;
    if (key != NULL) {
        append_string(json->out, key);
        g_string_append_c(json->out, ':');
    }
}

void cp_json_open(CpJson *json, const char *key, char bracket)
{
    begin(json, key);
    g_string_append_c(json->out, bracket);
    json->has_before = false;
}

void cp_json_close(CpJson *json, char bracket)
{
    g_string_append_c(json->out, bracket);
    json->has_before = true;
}

void cp_json_text(CpJson *json, const char *key, const char *text)
{
    if (text == NULL) {
        cp_json_null(json, key);
        return;
    }
    begin(json, key);
    append_string(json->out, text);
}

void cp_json_int(CpJson *json, const char *key, int64_t value)
{
    begin(json, key);
    g_string_append_printf(json->out, "%" G_GINT64_FORMAT, value);
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
    begin(json, key);
    uint64_t scale = 1;
    for (unsigned i = 0; i < digits; i++) {
        scale *= 10;
    }
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    g_autofree char *part =
        g_strdup_printf("%0*" G_GUINT64_FORMAT, (int)digits, size % scale);
    size_t len = digits > 0 ? strlen(part) : 0;
    while (len > 0 && part[len - 1] == '0') {
        len--;
    }
    g_string_append_printf(json->out, "%s%" G_GUINT64_FORMAT "%s%.*s", value < 0 ? "-" : "",
                           size / scale, len > 0 ? "." : "", (int)len, part);
}

void cp_json_raw(CpJson *json, const char *key, const char *text)
{
    begin(json, key);
    g_string_append(json->out, text);
}
