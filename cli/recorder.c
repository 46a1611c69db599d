#include "cli/recorder.h"

#include "cli/options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* How the recorder is found and started.  What it does is traces/record, which needs no
 * coreplay. */

#define RECORDER "coreplay_record.py"

int cp_recorder_run(CpCli *cli, const char *python, const char *const *words)
{
    g_autofree char *recorder = cp_data_path(RECORDER);
    if (recorder == NULL) {
        cp_error(cli, "the recorder, %s, is not installed", RECORDER);
        cp_help(cli, "make install, or set COREPLAY_DATA to the directory that holds it");
        return CP_EXIT_INPUT;
    }
    python = python != NULL ? python : "python3";
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (char *)python);
    g_ptr_array_add(argv, recorder);
    for (; *words != NULL; words++) {
        g_ptr_array_add(argv, (char *)*words);
    }
    g_ptr_array_add(argv, NULL);
    /* Terminal, signals and exit code are those of what is started. */
    execvp(python, (char **)argv->pdata);
    cp_error(cli, "%s: %s", python, g_strerror(errno));
    cp_help(cli, "an interpreter of Python 3.8 or newer is needed");
    return CP_EXIT_INPUT;
}
