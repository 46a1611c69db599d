#include "cli/report.h"

#include "cli/columns.h"
#include "sim/params.h"
#include "sim/words.h"

#include <stdio.h>
#include <string.h>

/* How messages about input files and about misbehaving simulated programs read. */

int cp_report_diag(const CpCli *cli, const CpDiag *diag)
{
    g_autofree char *text = cp_diag_print(diag, cli->colour);
    fputs(text, stderr);
    return cp_diag_n_errors(diag) > 0 ? cp_diag_code(diag) : CP_EXIT_OK;
}

/* New text: the name in that directory nearest to the one wanted, or NULL. */
static char *nearest_file(const char *directory, const char *wanted)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *with_ending = g_strconcat(wanted, ".cpw", NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (strcmp(name, with_ending) == 0) {
            return g_strdup(name);
        }
        g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_add(names, NULL);
    return g_strdup(cp_nearest(wanted, (const char *const *)names->pdata));
}

char *cp_report_missing(const char *path)
{
    if (strcmp(path, "-") == 0 || g_file_test(path, G_FILE_TEST_EXISTS)) {
        return g_strdup("");
    }
    if (strchr(path, '=') != NULL) {
        g_autofree char *clean = cp_clean_text(path, -1);
        return g_strdup_printf("   help: a setting is given with -s: -s %s\n", clean);
    }
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *wanted = g_path_get_basename(path);
    g_autofree char *near = nearest_file(directory, wanted);
    if (near == NULL) {
        return g_strdup("");
    }
    bool is_here = strcmp(directory, ".") == 0 && path[0] != '.';
    g_autofree char *full =
        is_here ? g_strdup(near) : g_build_filename(directory, near, NULL);
    g_autofree char *clean = cp_clean_text(full, -1);
    return g_strdup_printf("   help: did you mean '%s'?\n", clean);
}

enum { DIAGNOSIS_COLUMNS = 4 };

/* "barista-1  holds counter  waits for till  (cafe.cpw:18)": parts are two blanks apart;
 * each goes to its own column, whichever are there. */
static void add_line(CpColumns *table, const char *line)
{
    static const char *const begins[DIAGNOSIS_COLUMNS] = {"", "holds ", "waits for ", "("};
    g_auto(GStrv) parts = g_strsplit(line, "  ", -1);
    char **part = parts;
    for (unsigned column = 0; column < DIAGNOSIS_COLUMNS; column++) {
        bool fits = *part != NULL && g_str_has_prefix(*part, begins[column]);
        cp_columns_cell(table, fits ? *part : "");
        part += fits;
    }
}

/* Whether every line of the text is made of such parts. */
static bool is_table(const char *text)
{
    return strstr(text, "  waits for ") != NULL;
}

static void append_details(GString *out, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(CpColumns) table = cp_columns_new("llll");
    for (char **line = lines; is_table(text) && *line != NULL; line++) {
        add_line(table, *line);
    }
    g_autoptr(GString) columns = g_string_new(NULL);
    cp_columns_print(table, columns);
    g_auto(GStrv) rows = g_strsplit(is_table(text) ? columns->str : text, "\n", -1);
    for (char **row = rows; *row != NULL; row++) {
        g_autofree char *safe = cp_clean_text(*row, -1);
        if (*safe != '\0') {
            g_string_append_printf(out, "   %s\n", safe);
        }
    }
}

char *cp_report_diagnosis(const CpDiagnosis *diagnosis, const char *file, const char *stop)
{
    g_autofree char *when = cp_format_time_human(diagnosis->at);
    GString *out = g_string_new(NULL);
    if (stop != NULL) {
        g_string_append_printf(out, "coreplay: simulation stopped at t=%s: %s (%s)\n", when,
                               diagnosis->kind, stop);
    } else {
        g_string_append_printf(out, "coreplay: %s: at t=%s: %s\n", file, when,
                               diagnosis->kind);
    }
    append_details(out, diagnosis->text);
    return g_string_free(out, FALSE);
}
