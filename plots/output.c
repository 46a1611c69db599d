#include "plots/output.h"

#include "traces/outfile.h"

/* Files of a chart appear together or not at all. */

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
