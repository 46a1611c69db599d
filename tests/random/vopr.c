/* One seed draws a workload and puts it to every test of check.h, in a process of its own
 * that a watchdog looks after.
 *
 *     vopr SEED [COUNT]           these seeds; exit 1 if any fails
 *     vopr --seconds N [SEED]     as many as fit; without SEED fresh ones, from the clock
 *     vopr --digests SEED COUNT   a line for each seed, to compare builds with
 *     vopr --text SEED            the workload of a seed
 *     vopr --file FILE...         workloads from files; exit 1 if any fails
 *     vopr --kernel ...           with the above: workloads that try the kernels' models
 *     vopr --reduce SEED|FILE     the shortest workload found that fails in the same way */
#include "tests/random/check.h"

#include "sim/sim.h"
#include "tests/random/draw.h"
#include "tests/random/lines.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CPU_SECONDS = 5, /* of one seed: more is a hang, also with sanitizers */
    CPU_REDUCED = 2, /* of one try while a seed is reduced */
    BATCH = 500,     /* seeds of one process, so that what one leaves does not add up */
    HUNG = 99,       /* exit code of a process the watchdog ended */
    REDUCE_SECONDS = 150,
    FAILURES_MAX = 20,
};

/* What the process under test says to the one that watches it. */
typedef struct {
    uint64_t seed;
    CheckPart part;
    uint64_t n_done, n_refused, n_events, n_outcomes[CP_OUTCOME_INTERRUPTED + 1];
    uint64_t n_failed;
    char failure[400]; /* of the last one */
} Shared;

static char *folder;
static Shared *shared;
static bool digests;
static char *(*draw)(uint64_t seed) = draw_workload;
static int cpu_seconds = CPU_SECONDS;

/* --- in the process under test --- */

static void on_alarm(int signal_number)
{
    (void)signal_number;
    _exit(HUNG);
}

static void watch(void)
{
    const struct itimerval left = {.it_value = {cpu_seconds, 0}};
    signal(SIGPROF, on_alarm);
    setitimer(ITIMER_PROF, &left, NULL);
}

/* Whether a text passes. */
static bool passes(const char *text)
{
    Check check = {.part = &shared->part, .folder = folder};
    watch();
    check_text(text, &check);
    if (!check.accepted) {
        shared->n_refused++;
        return true;
    }
    shared->n_outcomes[check.outcome]++;
    shared->n_events += check.events;
    if (digests) {
        printf("%" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER "x\n", shared->seed,
               check.digest);
    }
    bool ok = check.failure == NULL;
    if (!ok) {
        g_snprintf(shared->failure, sizeof shared->failure, "%s: %s",
                   check_part_name(shared->part), check.failure);
        g_free(check.failure);
    }
    return ok;
}

static char *text_of(uint64_t seed)
{
    g_autofree char *drawn = draw(seed);
    return check_mend(drawn);
}

static void run_seed(uint64_t seed)
{
    shared->seed = seed;
    shared->part = CHECK_READ;
    watch();
    g_autofree char *text = text_of(seed);
    if (text == NULL) {
        shared->n_refused++;
    } else if (!passes(text)) {
        shared->n_failed++;
        printf("FAIL seed %" G_GUINT64_FORMAT ": %s\n", seed, shared->failure);
        fflush(stdout);
    }
    shared->n_done++;
}

/* --- in the process that watches --- */

/* The process under test writes here what it says when it dies. */
static char *stderr_path(void)
{
    return g_build_filename(folder, "stderr", NULL);
}

static void catch_stderr(void)
{
    g_autofree char *path = stderr_path();
    if (freopen(path, "w", stderr) == NULL) {
        _exit(1);
    }
    setvbuf(stderr, NULL, _IONBF, 0); /* abort flushes nothing */
}

/* New text: the line that names the assertion or the sanitizer's finding, or "". */
static char *last_words(void)
{
    static const char *const marks[] = {
        "does not hold",
        "runtime error:", "ERROR: AddressSanitizer:", "ERROR: LeakSanitizer:"};
    g_autofree char *path = stderr_path(), *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return g_strdup("");
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
            const char *at = strstr(*line, marks[i]);
            if (at != NULL) {
                return g_strdup_printf(": %.200s", i < 1 ? *line : at);
            }
        }
    }
    return g_strdup("");
}

/* How a process ended, as a message; NULL: well. */
static char *death(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return NULL;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == HUNG) {
        return g_strdup_printf("%s: too much CPU time: more than %d s",
                               check_part_name(shared->part), cpu_seconds);
    }
    g_autofree char *words = last_words();
    bool killed = WIFSIGNALED(status);
    return g_strdup_printf("%s: %s %d%s", check_part_name(shared->part),
                           killed ? "killed by signal" : "exit code",
                           killed ? WTERMSIG(status) : WEXITSTATUS(status), words);
}

static int wait_for(pid_t pid)
{
    int status = 1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
    }
    return status;
}

/* Seeds from `seed` to before `end`, or until a moment of the monotonic clock. */
static void run_batch(uint64_t seed, uint64_t end, int64_t until)
{
    fflush(stdout);
    shared->seed = seed;
    pid_t pid = fork();
    if (pid == 0) {
        catch_stderr();
        for (; seed < end && g_get_monotonic_time() < until; seed++) {
            run_seed(seed);
        }
        fflush(stdout);
        _exit(0);
    }
    g_autofree char *why = death(wait_for(pid));
    if (why != NULL) {
        shared->n_failed++;
        shared->n_done++;
        printf("FAIL seed %" G_GUINT64_FORMAT ": %s\n", shared->seed, why);
    }
}

static int run_seeds(uint64_t seed, uint64_t count, double seconds)
{
    int64_t start = g_get_monotonic_time();
    int64_t until = seconds > 0 ? start + (int64_t)(seconds * 1e6) : INT64_MAX;
    uint64_t end = seed + count, at = seed;
    while (at < end && g_get_monotonic_time() < until && shared->n_failed < FAILURES_MAX) {
        uint64_t before = shared->n_done;
        run_batch(at, MIN(end, at + BATCH), until);
        at += shared->n_done - before;
    }
    double took = (double)(g_get_monotonic_time() - start) / 1e6;
    if (digests) {
        return shared->n_failed > 0;
    }
    printf("seeds %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ": %.0f a second, "
           "%" G_GUINT64_FORMAT " events; %" G_GUINT64_FORMAT " refused; ",
           seed, at - 1, (double)shared->n_done / MAX(took, 0.001), shared->n_events,
           shared->n_refused);
    for (CpOutcome i = 0; i <= CP_OUTCOME_INTERRUPTED; i++) {
        if (shared->n_outcomes[i] > 0) {
            printf("%" G_GUINT64_FORMAT " %s, ", shared->n_outcomes[i], cp_outcome_name(i));
        }
    }
    printf("\n%" G_GUINT64_FORMAT " passed, %" G_GUINT64_FORMAT " failed\n",
           shared->n_done - shared->n_failed, shared->n_failed);
    return shared->n_failed > 0;
}

/* --- one text --- */

/* New text of what is wrong with it, or NULL, found out in a process of its own. */
static char *verdict(const char *text)
{
    fflush(stdout);
    shared->failure[0] = '\0';
    pid_t pid = fork();
    if (pid == 0) {
        catch_stderr();
        (void)passes(text); /* said in shared->failure */
        fflush(stdout);
        _exit(0);
    }
    char *why = death(wait_for(pid));
    return why != NULL || shared->failure[0] == '\0' ? why : g_strdup(shared->failure);
}

/* New text: a message without numbers, and without what tells where. */
static char *kind_of(const char *message)
{
    static const char *const ends[] = {", at ", " on address", " on unknown", " record ",
                                       "measures"};
    char *kind = g_strdup(message), *to = kind;
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        char *end = strstr(kind, ends[i]);
        if (end != NULL) {
            *end = '\0';
        }
    }
    for (const char *from = kind; *from != '\0'; from++) {
        if (!g_ascii_isdigit(*from)) {
            *to++ = *from;
        }
    }
    *to = '\0';
    return kind;
}

static bool fails_alike(const char *text, void *data)
{
    g_autofree char *got = verdict(text);
    g_autofree char *kind = got != NULL ? kind_of(got) : NULL;
    return kind != NULL && strcmp(kind, data) == 0;
}

/* A number is a seed, everything else a file. */
static char *read_text(const char *from)
{
    char *end;
    uint64_t seed = strtoull(from, &end, 10);
    if (*end == '\0') {
        return text_of(seed);
    }
    char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(from, &text, NULL, &error)) {
        fprintf(stderr, "%s\n", error->message);
    }
    return text;
}

static int reduce(const char *from)
{
    g_autofree char *text = read_text(from);
    cpu_seconds = CPU_REDUCED;
    g_autofree char *why = text != NULL ? verdict(text) : NULL;
    if (why == NULL) {
        printf("%s passes, or is refused\n", from);
        return 0;
    }
    g_autofree char *kind = kind_of(why);
    g_autofree char *least = lines_reduce(text, fails_alike, kind, REDUCE_SECONDS);
    g_autofree char *now = verdict(least);
    printf("# %s\n%s", now != NULL ? now : why, least);
    return 1;
}

static int check_file(const char *path)
{
    g_autofree char *text = read_text(path);
    shared->n_refused = 0;
    g_autofree char *why = text != NULL ? verdict(text) : g_strdup("cannot be read");
    printf("%s: %s\n", path,
           why != NULL             ? why
           : shared->n_refused > 0 ? "refused"
                                   : "passes");
    return why != NULL;
}

static int check_files(char **paths)
{
    int failed = 0;
    for (; *paths != NULL; paths++) {
        failed |= check_file(*paths);
    }
    return failed;
}

static int print_text(const char *seed)
{
    g_autofree char *text = read_text(seed);
    fputs(text != NULL ? text : "# refused\n", stdout);
    return text == NULL;
}

static uint64_t number(const char *text, uint64_t otherwise)
{
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static int obey(char **args)
{
    if (g_strcmp0(args[0], "--kernel") == 0) {
        draw = draw_kernel_workload;
        args++;
    }
    const char *first = args[0];
    if (first == NULL) {
        fprintf(stderr, "usage: vopr SEED [COUNT], or see the head of vopr.c\n");
        return 2;
    }
    if (strcmp(first, "--text") == 0 && args[1] != NULL) {
        return print_text(args[1]);
    }
    if (strcmp(first, "--file") == 0 && args[1] != NULL) {
        return check_files(args + 1);
    }
    if (strcmp(first, "--reduce") == 0 && args[1] != NULL) {
        return reduce(args[1]);
    }
    if (strcmp(first, "--seconds") == 0 && args[1] != NULL) {
        uint64_t fresh = (uint64_t)g_get_real_time() / 1000 * 1000;
        return run_seeds(number(args[2], fresh), UINT64_MAX / 4, strtod(args[1], NULL));
    }
    digests = strcmp(first, "--digests") == 0;
    args += digests;
    return run_seeds(number(args[0], 0), args[0] != NULL ? number(args[1], 1) : 0, 0);
}

int main(int argc, char **argv)
{
    (void)argc; /* the list ends with NULL */
    folder = g_dir_make_tmp("vopr-XXXXXX", NULL);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                  -1, 0);
    if (folder == NULL || shared == MAP_FAILED) {
        perror("vopr");
        return 2;
    }
    int status = obey(argv + 1);
    g_autofree char *words = stderr_path();
    g_unlink(words);
    g_rmdir(folder);
    g_free(folder);
    return status;
}
