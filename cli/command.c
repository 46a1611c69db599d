#include "cli/cmd.h"

#include "sim/params.h"
#include "sim/words.h"

#include <string.h>

/* Which command a word means. */

const CpCmd *cp_command_find(const CpCli *cli, const char *name)
{
    for (const CpCmd *const *cmd = cli->commands; *cmd != NULL; cmd++) {
        if (strcmp((*cmd)->name, name) == 0) {
            return *cmd;
        }
    }
    return NULL;
}

/* A word people type for another command: "simulate" for run. */
static const CpCmd *find_synonym(const CpCli *cli, const char *word)
{
    for (const CpCmd *const *cmd = cli->commands; *cmd != NULL; cmd++) {
        g_auto(GStrv) also = g_strsplit((*cmd)->also ? (*cmd)->also : "", " ", -1);
        if (g_strv_contains((const char *const *)also, word)) {
            return *cmd;
        }
    }
    return NULL;
}

int cp_command_unknown(const CpCli *cli, const char *word)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const CpCmd *const *cmd = cli->commands; *cmd != NULL; cmd++) {
        g_ptr_array_add(names, (void *)(*cmd)->name);
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *lower = g_ascii_strdown(word, -1);
    const char *near = cp_nearest(lower, (const char *const *)names->pdata);
    const CpCmd *synonym = find_synonym(cli, lower);
    cp_error(cli, "unknown command '%s'", word);
    if (g_file_test(word, G_FILE_TEST_EXISTS)) {
        bool is_recording = g_str_has_suffix(word, ".cpr");
        cp_help(cli,
                is_recording
                    ? "to draw the recording: coreplay plot occupancy %s -o fig.svg"
                    : "to simulate that file: coreplay run %s",
                word);
    } else if (synonym != NULL || near != NULL) {
        cp_help(cli, "did you mean 'coreplay %s'?", synonym ? synonym->name : near);
    } else {
        cp_help(cli, "coreplay help lists the commands");
    }
    return CP_EXIT_USAGE;
}
