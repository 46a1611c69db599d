#include "plots/chart-job.h"

#include "sim/params.h"
#include "traces/csv.h"

#include <string.h>

/* What every chart does alike: its part of the window, its heading, the numbers behind it,
 * the values of its own options. */

const char *cp_chart_text(const CpChartValue *values, const char *name)
{
    for (const CpChartValue *v = values; v != NULL && v->name != NULL; v++) {
        if (strcmp(v->name, name) == 0) {
            return v->text;
        }
    }
    return NULL;
}

CpTime cp_chart_time(const CpChartValue *values, const char *name, CpTime otherwise)
{
    const char *text = cp_chart_text(values, name);
    CpTime t = otherwise;
    return text != NULL && cp_parse_time(text, &t, NULL) ? t : otherwise;
}

bool cp_chart_extent(const CpChartJob *job, size_t recording, CpTime *from, CpTime *to)
{
    const CpCprInfo *info = cp_cpr_info(job->recordings[recording]);
    *from = MAX(job->from, info->start);
    *to = MIN(job->to, info->end);
    return *from < *to;
}

double cp_chart_heading(CpChartJob *job, const CpChartClass *chart)
{
    const char *title = job->title != NULL ? job->title : chart->title;
    return cp_axes_heading(job->canvas, job->theme, job->width, title,
                           job->n == 1 ? job->details[0] : NULL);
}

void cp_chart_row(CpChartJob *job, const CpChartRow *row)
{
    if (job->csv == NULL) {
        return;
    }
    g_string_append_printf(job->csv, "%s,", row->chart);
    cp_csv_field(job->csv, job->labels[row->recording]);
    g_string_append_printf(job->csv, ",%s,%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",",
                           row->cpus, row->from, row->to);
    cp_csv_field(job->csv, row->series);
    g_string_append_printf(job->csv, ",%" G_GINT64_FORMAT ",%s\n", row->value, row->unit);
}
