#include "traces/export/formats.h"

#include "sim/error.h"

/* Which format a file is written in. */

const CpExportFormat *const cp_export_formats[] = {
#define CP_EXPORT_FORMAT(name) &cp_export_##name,
#include "traces/export/formats.def"
#undef CP_EXPORT_FORMAT
    NULL,
};

const CpExportFormat *cp_export_find(const char *name)
{
    for (const CpExportFormat *const *f = cp_export_formats; *f != NULL; f++) {
        if (strcmp((*f)->name, name) == 0) {
            return *f;
        }
    }
    return NULL;
}

const CpExportFormat *cp_export_of_name(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *lower = g_ascii_strdown(name, -1);
    for (const CpExportFormat *const *f = cp_export_formats; *f != NULL; f++) {
        g_auto(GStrv) endings = g_strsplit((*f)->endings, " ", -1);
        for (char **ending = endings; *ending != NULL; ending++) {
            if (g_str_has_suffix(lower, *ending) || strcmp(lower, *ending + 1) == 0) {
                return *f;
            }
        }
    }
    return NULL;
}

gboolean cp_export(CpCpr *cpr, const CpExportFormat *format, CpTime from, CpTime to,
                   const char *path, const volatile int *interrupt, GError **error)
{
    CpStream *out = cp_stream_new(path, error);
    if (out == NULL) {
        return FALSE;
    }
    CpExportJob job = {cpr, from, to, out, interrupt};
    gboolean ok = format->write(&job, error);
    if (ok && interrupt != NULL && *interrupt != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "interrupted; '%s' was not written",
                    path);
        ok = FALSE;
    }
    ok = ok && cp_stream_close(out, error);
    cp_stream_free(out);
    return ok;
}
