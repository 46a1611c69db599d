#include "cli/fold.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Where lines for people are broken. */

enum { WIDTH_MIN = 20, WIDTH_MAX = 1000, FIELD_INDENT = 10 };

unsigned cp_fold_width(void)
{
    const char *columns = g_getenv("COLUMNS");
    unsigned long n = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    struct winsize size = {0};
    if (n == 0 && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        n = size.ws_col;
    }
    return n == 0 ? 0 : (unsigned)CLAMP(n, WIDTH_MIN, WIDTH_MAX);
}

void cp_fold_words(GString *out, const char *text, unsigned column, unsigned width)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    unsigned at = column;
    for (char **word = words; *word != NULL; word++) {
        unsigned len = (unsigned)g_utf8_strlen(*word, -1);
        if (width > 0 && at + len + 1 > width && at > column) {
            g_string_append_printf(out, "\n%*s", (int)column, "");
            at = column;
        }
        g_string_append_printf(out, "%s%s", at > column ? " " : "", *word);
        at += len + (at > column ? 1 : 0);
    }
    g_string_append_c(out, '\n');
}

void cp_fold_fields(GString *out, const char *line, unsigned width)
{
    if (width == 0 || g_utf8_strlen(line, -1) <= (glong)width) {
        g_string_append_printf(out, "%s\n", line);
        return;
    }
    unsigned at = 0;
    for (const char *p = line; *p != '\0';) {
        const char *end = strstr(p, "  ");
        end = end != NULL ? end : p + strlen(p);
        unsigned len = (unsigned)g_utf8_strlen(p, end - p);
        if (at > 0 && at + 2 + len > width) {
            g_string_append_printf(out, "\n%*s", FIELD_INDENT, "");
            at = FIELD_INDENT;
        } else if (at > 0) {
            g_string_append(out, "  ");
            at += 2;
        }
        g_string_append_len(out, p, end - p);
        at += len;
        p = end + strspn(end, " ");
    }
    g_string_append_c(out, '\n');
}
