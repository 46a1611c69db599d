/* Writing JSON: a value on one line, keys in the order given, integers exact.
 *
 *   CpJson *json = cp_json_new();
 *   cp_json_open(json, NULL, '{');
 *   cp_json_text(json, "name", "main");
 *   cp_json_close(json, '}');
 *   char *text = cp_json_free(json);
 *
 * The caller closes what it opens.  The JSON form of workloads, which can be indented too,
 * is written by workload-json.c. */
#ifndef CP_LANG_JSON_WRITER_H
#define CP_LANG_JSON_WRITER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct CpJson CpJson;

CpJson *cp_json_new(void);
/* Returns the text; new. */
char *cp_json_free(CpJson *json);

/* `key` is NULL inside an array and for the outermost value; `bracket` is { or [. */
void cp_json_open(CpJson *json, const char *key, char bracket);
void cp_json_close(CpJson *json, char bracket);
void cp_json_text(CpJson *json, const char *key, const char *text); /* NULL: null */
void cp_json_int(CpJson *json, const char *key, int64_t value);
void cp_json_bool(CpJson *json, const char *key, bool value);
void cp_json_null(CpJson *json, const char *key);
/* value / 10^digits without trailing zeros: (200500, 3) is 200.5. */
void cp_json_decimal(CpJson *json, const char *key, int64_t value, unsigned digits);
/* Text that is JSON already. */
void cp_json_raw(CpJson *json, const char *key, const char *text);

#endif
