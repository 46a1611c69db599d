/* Who waited for what: the time each thread of a workload ran, waited for a CPU, and waited for
 * something else, by reason.
 *
 *     cc timeline.c $(pkg-config --cflags --libs coreplay) -o timeline
 *     ./timeline server.cpw
 */
#include <coreplay.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    GHashTable *waited; /* "thread state why object" -> int64_t, ns */
    CpPlay *play;
    unsigned long switches, preemptions;
} Report;

static void on_span(void *data, const CpPlaySpan *span)
{
    Report *report = data;
    char *key = g_strjoin(" ", cp_play_name(report->play, "thread", span->thread),
                          span->state, span->why, span->object, NULL);
    int64_t *sum = g_hash_table_lookup(report->waited, key);
    if (sum == NULL) {
        sum = g_new0(int64_t, 1);
        g_hash_table_insert(report->waited, g_strdup(key), sum);
    }
    *sum += span->to - span->from;
    g_free(key);
}

static void on_switch(void *data, const CpPlaySwitch *s)
{
    Report *report = data;
    report->switches++;
    report->preemptions += s->from != CP_PLAY_NOBODY && !s->voluntary;
}

static void print(const Report *report)
{
    GList *keys = g_list_sort(g_hash_table_get_keys(report->waited), (GCompareFunc)strcmp);
    for (GList *key = keys; key != NULL; key = key->next) {
        const int64_t *sum = g_hash_table_lookup(report->waited, key->data);
        printf("%-40s %12" PRId64 " us\n", (const char *)key->data, *sum / 1000);
    }
    printf("%lu switches, %lu of them preemptions\n", report->switches, report->preemptions);
    g_list_free(keys);
}

int main(int argc, char **argv)
{
    const CpPlayCallbacks callbacks = {.span = on_span, .switched = on_switch};
    GError *error = NULL;
    CpPlay *play = argc > 1 ? cp_play_load(argv[1], &error) : NULL;
    Report report = {.play = play,
                     .waited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    if (play != NULL && cp_play_walk(play, &callbacks, &report, &error)) {
        print(&report);
    } else {
        fprintf(stderr, "%s\n", error != NULL ? error->message : "which workload?");
    }
    int code = error != NULL ? error->code : play == NULL;
    g_clear_error(&error);
    g_hash_table_unref(report.waited);
    cp_play_free(play);
    return code;
}
