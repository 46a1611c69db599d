#include "plots/output.h"

#include "sim/error.h"
#include "lang/diag.h"
#include "traces/outfile.h"

#include <string.h>

gboolean cp_output_write(const CpOutput *outputs, size_t n, GError **error)
{
    g_autoptr(GPtrArray) files =
        g_ptr_array_new_with_free_func((GDestroyNotify)cp_outfile_free);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const void *data = g_bytes_get_data(outputs[i].bytes, &len);
        CpOutFile *file = cp_outfile_new(outputs[i].path, error);
        if (file == NULL) {
            return FALSE;
        }
        g_ptr_array_add(files, file);
        if (!cp_outfile_write(file, data, len, error)) {
            return FALSE;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!cp_outfile_commit(files->pdata[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean cp_output_format(const char *path, CpFormat *format, GError **error)
{
    static const struct {
        const char *ending;
        CpFormat format;
    } known[] = {{".png", CP_FORMAT_PNG},
                 {".svg", CP_FORMAT_SVG},
                 {".pdf", CP_FORMAT_PDF},
                 {".txt", CP_FORMAT_TXT}};
    if (strcmp(path, "-") == 0) {
        *format = CP_FORMAT_SVG;
        return TRUE;
    }
    g_autofree char *lower = g_ascii_strdown(path, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_str_has_suffix(lower, known[i].ending)) {
            *format = known[i].format;
            return TRUE;
        }
    }
    g_autofree char *clean = cp_clean_text(path, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "the ending of '%s' names no chart format; use .svg, .pdf, .png or .txt",
                clean);
    return FALSE;
}
