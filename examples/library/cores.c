/* How long a workload takes on one core, on two, on four ...
 *
 *     cc cores.c $(pkg-config --cflags --libs coreplay) -o cores
 *     ./cores server.cpw 8
 */
#include <coreplay.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static gboolean try_cores(CpPlay *play, unsigned cores, GError **error)
{
    char text[16];
    int64_t makespan, waited;
    snprintf(text, sizeof text, "%u", cores);
    if (!cp_play_set(play, "cores", text, error) || !cp_play_run(play, error)) {
        return FALSE;
    }
    printf("%2u cores: %s", cores, cp_play_outcome(play));
    if (cp_play_query(play, "makespan", &makespan)) {
        printf(", %" PRId64 " us", makespan / 1000);
    }
    if (cp_play_query(play, "wakeup_latency.p99", &waited)) {
        printf(", 99 %% of wake-ups within %" PRId64 " us", waited / 1000);
    }
    putchar('\n');
    return TRUE;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    unsigned most = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 8;
    CpPlay *play = argc > 1 ? cp_play_load(argv[1], &error) : NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE.cpw [CORES]\n", argv[0]);
        return 2;
    }
    for (unsigned cores = 1; error == NULL && cores <= most; cores *= 2) {
        try_cores(play, cores, &error);
    }
    int code = error != NULL ? error->code : 0;
    if (error != NULL) {
        fprintf(stderr, "%s\n", error->message);
        g_error_free(error);
    }
    cp_play_free(play);
    return code;
}
