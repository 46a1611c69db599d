#include "cli/progress.h"

#include "sim/params.h"

#include <stdio.h>

/* When the progress line is drawn and what it says. */

enum { LINE_US = 100 * 1000, REPORT_US = 10 * 1000 * 1000, BAR = 20 };

static bool is_shown(const CpProgress *p)
{
    return p->cli->progress || p->cli->verbose;
}

void cp_progress_begin(CpProgress *progress, const CpCli *cli, const char *label,
                       CpTime total)
{
    int64_t now = g_get_monotonic_time();
    *progress = (CpProgress){.cli = cli, .label = label, .total = total, .begun_us = now};
    progress->next_us = now + (cli->progress ? LINE_US : REPORT_US);
}

static void append_bar(GString *line, double share)
{
    int full = (int)(share * BAR);
    g_string_append_c(line, '[');
    for (int i = 0; i < BAR; i++) {
        g_string_append_c(line, i < full ? '#' : '-');
    }
    g_string_append_printf(line, "] %.0f %%  ", share * 100);
}

static void append_eta(GString *line, double share, double seconds)
{
    if (share > 0.001) {
        g_string_append_printf(line, "  eta %.0f s", seconds * (1 - share) / share);
    }
}

void cp_progress_update(CpTime now, uint64_t events, void *data)
{
    CpProgress *p = data;
    int64_t clock = g_get_monotonic_time();
    if (!is_shown(p) || clock < p->next_us) {
        return;
    }
    p->next_us = clock + (p->cli->progress ? LINE_US : REPORT_US);
    double seconds = (double)(clock - p->begun_us) / 1e6;
    bool has_end = p->total > 0 && p->total != CP_NEVER;
    double share = has_end ? CLAMP((double)now / (double)p->total, 0, 1) : 0;
    g_autofree char *time = cp_format_time_human(now);
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_append_printf(line, "%s  ", p->label);
    if (has_end) {
        append_bar(line, share);
    }
    g_string_append_printf(line, "t %s  %.1f M events  %.1f M/s", time,
                           (double)events / 1e6, (double)events / 1e6 / MAX(seconds, 1e-3));
    if (has_end) {
        append_eta(line, share, seconds);
    }
    if (p->cli->progress) {
        fprintf(stderr, "\r\033[K%s", line->str);
        p->drawn = true;
    } else {
        fprintf(stderr, "%s\n", line->str);
    }
}

void cp_progress_end(CpProgress *progress)
{
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
        progress->drawn = false;
    }
}
