#include "tests/random/lines.h"

#include <string.h>

/* Decides which parts of a text are tried without. */

static bool closes(const char *line)
{
    return line[strspn(line, " ")] == '}';
}

static bool opens(const char *line)
{
    size_t len = strlen(line);
    return len > 0 && line[len - 1] == '{';
}

unsigned lines_unit(char *const *lines, unsigned i)
{
    if (closes(lines[i])) {
        return 0;
    }
    int depth = opens(lines[i]);
    while (depth > 0 && lines[i + 1] != NULL) {
        i++;
        depth += opens(lines[i]) - closes(lines[i]);
    }
    return i + 1;
}

unsigned lines_owner(char *const *lines, unsigned i)
{
    int depth = closes(lines[i]);
    while (depth > 0 && i > 0) {
        i--;
        depth += closes(lines[i]) - opens(lines[i]);
    }
    return i;
}

char *lines_without(char *const *lines, unsigned from, unsigned to)
{
    GString *out = g_string_new(NULL);
    for (unsigned i = 0; lines[i] != NULL; i++) {
        if ((i < from || i >= to) && (lines[i][0] != '\0' || lines[i + 1] != NULL)) {
            g_string_append_printf(out, "%s\n", lines[i]);
        }
    }
    return g_string_free(out, FALSE);
}

/* --- reducing --- */

typedef struct {
    char *text;
    char **lines;
    LinesTest test;
    void *data;
    int64_t end; /* monotonic time */
} Reduce;

/* Takes `text`; whether it is the new one. */
static bool try_text(Reduce *r, char *text)
{
    if (g_get_monotonic_time() > r->end || strcmp(text, r->text) == 0 ||
        !r->test(text, r->data)) {
        g_free(text);
        return false;
    }
    g_free(r->text);
    g_strfreev(r->lines);
    r->text = text;
    r->lines = g_strsplit(text, "\n", -1);
    return true;
}

/* Line after `n` units that follow each other from line i; 0: there are not so many. */
static unsigned units(const Reduce *r, unsigned i, unsigned n)
{
    for (; n > 0 && r->lines[i] != NULL; n--) {
        i = lines_unit(r->lines, i);
        if (i == 0) {
            return 0;
        }
    }
    return n == 0 ? i : 0;
}

/* Without runs of n neighbours; whether any could be left out. */
static bool drop_units(Reduce *r, unsigned n)
{
    bool any = false;
    for (unsigned i = 0; r->lines[i] != NULL && r->lines[i][0] != '\0';) {
        unsigned to = units(r, i, n);
        if (to > 0 && try_text(r, lines_without(r->lines, i, to))) {
            any = true;
        } else {
            i++;
        }
    }
    return any;
}

/* Only what stands in a block, without what stands around it. */
static bool unwrap(Reduce *r)
{
    bool any = false;
    for (unsigned i = 0; r->lines[i] != NULL; i++) {
        unsigned to = lines_unit(r->lines, i);
        if (to <= i + 2) {
            continue;
        }
        g_autofree char *inner = lines_without(r->lines, to - 1, to);
        g_auto(GStrv) lines = g_strsplit(inner, "\n", -1);
        any |= try_text(r, lines_without(lines, i, i + 1));
    }
    return any;
}

/* Without what stands in parentheses. */
static bool drop_options(Reduce *r)
{
    bool any = false;
    for (unsigned i = 0; r->lines[i] != NULL; i++) {
        char *open = strstr(r->lines[i], " (");
        char *close = open != NULL ? strchr(open, ')') : NULL;
        if (close == NULL) {
            continue;
        }
        g_autoptr(GString) text = g_string_new(NULL);
        for (unsigned k = 0; r->lines[k] != NULL; k++) {
            g_string_append(text, k > 0 ? "\n" : "");
            if (k == i) {
                g_string_append_len(text, r->lines[k], open - r->lines[k]);
                g_string_append(text, close + 1);
            } else {
                g_string_append(text, r->lines[k]);
            }
        }
        any |= try_text(r, g_strdup(text->str));
    }
    return any;
}

char *lines_reduce(const char *text, LinesTest test, void *data, double seconds)
{
    Reduce r = {.text = g_strdup(text),
                .lines = g_strsplit(text, "\n", -1),
                .test = test,
                .data = data,
                .end = g_get_monotonic_time() + (int64_t)(seconds * 1e6)};
    bool any = true;
    while (any && g_get_monotonic_time() < r.end) {
        any = false;
        for (unsigned n = 8; n > 0; n /= 2) {
            any |= drop_units(&r, n);
        }
        any |= unwrap(&r);
        any |= drop_options(&r);
    }
    g_strfreev(r.lines);
    return r.text;
}
