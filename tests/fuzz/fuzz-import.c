/* Any bytes as trace text: a refusal or a recording that can be read, never a fault. */
#include "sim/error.h"
#include "traces/import/formats.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const char *path)
{
    CpCpr *cpr = cp_cpr_open(path, NULL);
    if (cpr == NULL) {
        abort();
    }
    CpRecord *out = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t i = 0; i < cp_cpr_n_blocks(cpr); i++) {
        size_t n;
        if (!cp_cpr_read(cpr, i, out, &n, NULL)) {
            abort();
        }
    }
    g_free(out);
    cp_cpr_free(cpr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *in =
        g_strdup_printf("%s/fuzz-import-%d.txt", g_get_tmp_dir(), (int)getpid());
    g_autofree char *out = g_strconcat(in, ".cpr", NULL);
    if (!g_file_set_contents_full(in, (const char *)data, (gssize)size,
                                  G_FILE_SET_CONTENTS_NONE, 0600, NULL)) {
        abort();
    }
    CpImportReport report;
    cp_import_report_init(&report);
    GError *error = NULL;
    if (cp_import(in, out, NULL, &report, &error)) {
        read_back(out);
        g_unlink(out);
    } else if (!g_error_matches(error, CP_ERROR, CP_ERROR_INPUT)) {
        abort();
    }
    g_clear_error(&error);
    g_autofree char *text = cp_import_report_text(&report);
    if (!g_utf8_validate(text, -1, NULL)) {
        abort();
    }
    cp_import_report_clear(&report);
    g_unlink(in);
    return 0;
}
