#include "cli/commands.h"

#include "sweeps/store.h"

/* Joins the shards of a sweep; sweeps/merge.c decides what fits together. */

static const CpOption options[] = {
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

static void print_json(CpCli *cli, const char *target, const CpMergeResult *result)
{
    CpJson *json = cp_json_new();
    cp_json_open(json, NULL, '{');
    cp_json_text(json, "file", target);
    cp_json_int(json, "rows_added", (int64_t)result->added);
    cp_json_int(json, "rows_known", (int64_t)result->known);
    cp_json_int(json, "rows_missing", (int64_t)result->missing);
    cp_out_json(cli, json);
}

static int run(CpCli *cli)
{
    const char *target = cli->operands[0];
    g_autoptr(GError) error = NULL;
    CpMergeResult result;
    int code = cp_output_no_pipe(cli, target);
    code =
        code == CP_EXIT_OK ? cp_output_check(cli, target, ".db", cli->operands + 1) : code;
    if (code != CP_EXIT_OK) {
        return code;
    }
    if (!cp_store_merge(target, cli->operands + 1, &result, &error)) {
        return cp_fail(cli, error);
    }
    if (cli->json) {
        print_json(cli, target, &result);
    } else if (!cli->quiet) {
        cp_out(cli,
               "merged  %" G_GUINT64_FORMAT " rows into %s (%" G_GUINT64_FORMAT
               " were there)   missing %" G_GUINT64_FORMAT "\n",
               result.added, target, result.known, result.missing);
    }
    if (result.missing > 0 && !cli->json) {
        cp_note(cli, "run the missing ones with: coreplay sweep ... -o %s", target);
    }
    return CP_EXIT_OK;
}

const CpCmd cp_cmd_merge = {
    .name = "merge",
    .summary = "join the result files of a sweep's shards into one",
    .operands = "TARGET.db SHARD.db...",
    .operand_list = "files",
    .operands_min = 2,
    .operands_max = -1,
    .also = "join combine collect",
    .examples = {{"coreplay merge all.db shard-*.db", "join the shards of a sweep"},
                 {"coreplay merge all.db late.db", "add one more to a file that is there"},
                 {"coreplay merge all.db shard-*.db --json",
                  "say how many rows came and are missing, as JSON"}},
    .options = options,
    .see_also = "coreplay-sweep(1), coreplay-query(1)",
    .run = run,
};
