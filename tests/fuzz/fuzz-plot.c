/* Any bytes as a recording, drawn as every chart of recordings: a text picture or a
 * refusal, never a fault. */
#include "sim/error.h"
#include "plots/chart.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *path =
        g_strdup_printf("%s/fuzz-plot-%d.cpr", g_get_tmp_dir(), (int)getpid());
    g_autofree char *out = g_strconcat(path, ".txt", NULL);
    if (!g_file_set_contents_full(path, (const char *)data, (gssize)size,
                                  G_FILE_SET_CONTENTS_NONE, 0600, NULL)) {
        abort();
    }
    CpCpr *cpr = cp_cpr_open(path, NULL);
    for (int i = 0; cpr != NULL && cp_charts[i] != NULL; i++) {
        const char *const names[] = {cp_charts[i]->name, NULL};
        CpCpr *inputs[] = {cpr, NULL};
        CpChartOptions looks = {0};
        g_autoptr(GError) error = NULL;
        if (cp_charts[i]->needs != CP_CHART_RECORDINGS) {
            continue;
        }
        if (!cp_chart_draw(names, inputs, 1, out, &looks, &error) &&
            (error == NULL || error->domain != CP_ERROR)) {
            abort();
        }
        g_unlink(out);
    }
    cp_cpr_free(cpr);
    g_unlink(path);
    return 0;
}
