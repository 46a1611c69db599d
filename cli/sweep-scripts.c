#include "cli/sweep-scripts.h"

#include <string.h>

/* How the points of a sweep are cut into tasks for a cluster or for several hosts. */

/* A task is worth starting when it runs for a minute. */
#define TASK_SECONDS 60.0

/* For a shell; plain words stay as they are. */
static char *quote(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./=,:%+-@";
    bool is_plain = *word != '\0' && strspn(word, plain) == strlen(word);
    return is_plain ? g_strdup(word) : g_shell_quote(word);
}

static void add_option(GString *out, const char *name, const char *value)
{
    g_autofree char *quoted = quote(value);
    g_string_append_printf(out, " --%s %s", name, quoted);
}

/* The command again with its options, less some, and without its operand. */
static char *command(const CpCli *cli, const char *program, const char *const *skipped)
{
    GString *out = g_string_new(program);
    g_string_append(out, " sweep");
    for (const CpOption *o = cli->cmd->options; o->name != NULL; o++) {
        if (g_strv_contains(skipped, o->name)) {
            continue;
        }
        if (o->kind == CP_OPT_LIST) {
            for (char **value = cp_opt_list(cli, o->name); *value != NULL; value++) {
                add_option(out, o->name, *value);
            }
        } else if (o->kind == CP_OPT_FLAG) {
            g_string_append_printf(out, cp_opt_flag(cli, o->name) ? " --%s" : "", o->name);
        } else if (cp_opt_text(cli, o->name) != NULL) {
            add_option(out, o->name, cp_opt_text(cli, o->name));
        }
    }
    if (cp_opt_text(cli, "config") != NULL) {
        add_option(out, "config", cp_opt_text(cli, "config"));
    }
    return g_string_free(out, FALSE);
}

/* As few tasks as run for a minute each, but no more than points. */
static uint64_t n_tasks(const CpSweepScript *s, unsigned jobs)
{
    double seconds = (double)s->rows * s->seconds / jobs;
    double tasks = seconds / TASK_SECONDS;
    uint64_t n = tasks < 1 ? 1 : (uint64_t)tasks;
    return MAX(MIN(n, s->points), 1);
}

static void print_head(CpCli *cli, const CpSweepScript *s, const char *title)
{
    unsigned jobs = (unsigned)cp_opt_number(cli, "jobs", 1);
    g_autofree char *folder = g_strconcat(s->output, ".shards", NULL);
    g_autofree char *quoted_folder = g_shell_quote(folder);
    g_autofree char *target = g_shell_quote(s->output);
    cp_out_raw(
        cli,
        "#!/bin/sh\n"
        "# %s; written by coreplay sweep --emit.\n"
        "# %" G_GUINT64_FORMAT " points, %" G_GUINT64_FORMAT
        " runs of about %.3g s each on one core.\n"
        "# Run it again after a failure: what is stored is not run again.\n"
        "set -eu\n"
        "target=%s\n"
        "folder=%s\n"
        "shards=${SHARDS:-%" G_GUINT64_FORMAT "}\n"
        "jobs=${JOBS:-%u}\n"
        "mkdir -p -- \"$folder\"\n"
        "# A folder that has shards keeps its number of them.\n"
        "if [ -f \"$folder/shards\" ]; then shards=$(cat -- \"$folder/shards\"); fi\n",
        title, s->points, s->rows, s->seconds, target, quoted_folder, n_tasks(s, jobs),
        jobs);
}

char *cp_sweep_command(const CpCli *cli)
{
    static const char *const skipped[] = {"force-new", NULL};
    g_autofree char *words = command(cli, "coreplay", skipped);
    g_autofree char *file = quote(cli->operands[0]);
    bool dashed = cli->operands[0][0] == '-' && cli->operands[0][1] != '\0';
    return g_strconcat(words, dashed ? " -- " : " ", file, NULL);
}

static void print_task(CpCli *cli, const CpSweepScript *s)
{
    /* What differs from task to task comes later. */
    static const char *const skipped[] = {"emit",      "output", "shard",
                                          "force-new", "jobs",   NULL};
    g_autofree char *words = command(cli, "\"${COREPLAY:-coreplay}\"", skipped);
    g_autofree char *file = g_shell_quote(s->file);
    /* The text of the task is quoted as a whole: what is in it is for its own shell.  A
     * word with line ends could end it, so the end is a word that it does not have. */
    g_autofree char *end = g_strdup("END_OF_TASK");
    for (unsigned i = 2; strstr(words, end) != NULL || strstr(file, end) != NULL; i++) {
        g_free(end);
        end = g_strdup_printf("END_OF_TASK_%u", i);
    }
    cp_out_raw(
        cli,
        "cat >\"$folder/task.sh\" <<'%s'\n"
        "#!/bin/sh\n"
        "# task.sh FOLDER SHARD SHARDS JOBS: runs one shard; TERM stops it cleanly.\n"
        "%s --shard \"$2/$3\" -o \"$1/shard-$2.db\" -j \"$4\" -q -- %s &\n"
        "pid=$!\n"
        "stop() {\n"
        "    kill -TERM \"$pid\" 2>/dev/null || :\n"
        "    wait \"$pid\" || :\n"
        "    if [ -n \"${SLURM_ARRAY_JOB_ID:-}\" ]; then\n"
        "        scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\" || :\n"
        "    fi\n"
        "    exit 143\n"
        "}\n"
        "trap stop TERM\n"
        "wait \"$pid\"\n"
        "%s\n",
        end, words, file, end);
}

void cp_sweep_script_slurm(CpCli *cli, const CpSweepScript *s)
{
    print_head(cli, s, "A sweep as a Slurm job array");
    cp_out_raw(cli,
               "# Indexes of an array go up to MaxArraySize - 1.\n"
               "max=$(scontrol show config | awk '$1 == \"MaxArraySize\" { print $3 }')\n"
               "case $max in '' | *[!0-9]*) max=1001 ;; esac\n"
               "[ \"$shards\" -le \"$max\" ] || shards=$max\n"
               "printf '%%s\\n' \"$shards\" >\"$folder/shards\"\n");
    print_task(cli, s);
    cp_out_raw(
        cli,
        "cat >\"$folder/array.sh\" <<'END_OF_ARRAY'\n"
        "#!/bin/sh\n"
        "exec sh \"$1/task.sh\" \"$1\" \"$SLURM_ARRAY_TASK_ID\" \"$2\" \"$3\"\n"
        "END_OF_ARRAY\n"
        "cat >\"$folder/merge.sh\" <<'END_OF_MERGE'\n"
        "#!/bin/sh\n"
        "exec \"${COREPLAY:-coreplay}\" merge \"$1\" \"$2\"/shard-*.db\n"
        "END_OF_MERGE\n"
        "# TERM comes a minute before the time limit, time to store what runs.\n"
        "array=$(sbatch --parsable --job-name=coreplay-sweep --array=\"0-$((shards - 1))\" "
        "\\\n"
        "    --requeue --open-mode=append --signal=B:TERM@60 --cpus-per-task=\"$jobs\" \\\n"
        "    --output=\"$folder/task-%%a.log\" ${SBATCH_OPTIONS:-} \\\n"
        "    \"$folder/array.sh\" \"$folder\" \"$shards\" \"$jobs\")\n"
        "merge=$(sbatch --parsable --job-name=coreplay-merge "
        "--dependency=\"afterany:${array%%%%;*}\" \\\n"
        "    --output=\"$folder/merge.log\" ${SBATCH_OPTIONS:-} \\\n"
        "    \"$folder/merge.sh\" \"$target\" \"$folder\")\n"
        "echo \"array ${array%%%%;*}: $shards tasks; merge ${merge%%%%;*} writes "
        "$target\"\n");
}

void cp_sweep_script_parallel(CpCli *cli, const CpSweepScript *s)
{
    print_head(cli, s, "A sweep with GNU Parallel");
    cp_out_raw(cli, "printf '%%s\\n' \"$shards\" >\"$folder/shards\"\n");
    print_task(cli, s);
    cp_out_raw(
        cli,
        "# HOSTS='-S host1,host2 --wd .' spreads it over machines that share this folder.\n"
        "seq 0 $((shards - 1)) |\n"
        "    parallel --will-cite --joblog \"$folder/joblog\" ${HOSTS:-} "
        "\\\n"
        "    -q sh \"$folder/task.sh\" \"$folder\" '{}' \"$shards\" \"$jobs\" ||\n"
        "    echo \"parallel ended with $?: see $folder/joblog; what is stored is joined\" "
        ">&2\n"
        "\"${COREPLAY:-coreplay}\" merge \"$target\" \"$folder\"/shard-*.db\n");
}
