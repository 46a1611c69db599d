/* Everything that is measured in a run, with unit and meaning, and the CPU time of each
 * thread: nothing here knows a metric by heart but one.
 *
 *     cc figures.c $(pkg-config --cflags --libs coreplay) -o figures
 *     ./figures server.cpw
 */
#include <coreplay.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_run(CpPlay *play, const CpPlayMetric *metric)
{
    int64_t value;
    if (cp_play_value(play, metric, 0, &value)) {
        printf("%-24s %16" PRId64 " %-6s %s\n", metric->name, value, metric->unit,
               metric->help);
    }
}

static void print_all(CpPlay *play, const CpPlayMetric *metric)
{
    for (uint32_t i = 0; i < cp_play_count(play, metric->scope); i++) {
        int64_t value;
        if (cp_play_value(play, metric, i, &value)) {
            printf("%s of %s %s: %" PRId64 " %s\n", metric->name, metric->scope,
                   cp_play_name(play, metric->scope, i), value, metric->unit);
        }
    }
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    CpPlay *play = argc > 1 ? cp_play_load(argv[1], &error) : NULL;
    if (play == NULL || !cp_play_run(play, &error)) {
        fprintf(stderr, "%s\n", error != NULL ? error->message : "which workload?");
        g_clear_error(&error);
        cp_play_free(play);
        return 1;
    }
    printf("coreplay %s, outcome: %s\n", cp_play_version(), cp_play_outcome(play));
    for (const CpPlayMetric *const *m = cp_play_metrics(play); *m != NULL; m++) {
        if (strcmp((*m)->scope, "run") == 0) {
            print_run(play, *m);
        } else if (strcmp((*m)->scope, "thread") == 0 && strcmp((*m)->name, "cpu") == 0) {
            print_all(play, *m);
        }
    }
    cp_play_free(play);
    return 0;
}
