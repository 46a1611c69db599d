/* The command line: what a command is, and what every command gets.
 *
 * A command is one file cmd-X.c exporting one CpCmd, listed in commands.c.  Its option
 * table feeds the parser, the help text, the OPTIONS part of the man page and the shell
 * completions alike, so that these cannot disagree.
 *
 * Data goes to standard output through cp_out, everything else to standard error through
 * cp_error, cp_help and cp_note.  A command returns its exit code and never calls exit. */
#ifndef CP_CLI_CMD_H
#define CP_CLI_CMD_H

#include "sim/error.h"
#include "sim/types.h"
#include "lang/json-writer.h"

/* Exit codes; help.c says what each means. */
typedef enum {
    CP_EXIT_OK = 0,
    CP_EXIT_EXPECT = 1,
    CP_EXIT_USAGE = 2,
    CP_EXIT_INPUT = 3,
    CP_EXIT_MODEL = 4,
    CP_EXIT_OUTPUT = 5,
    CP_EXIT_SIGINT = 130,
    CP_EXIT_SIGTERM = 143,
} CpExit;

/* How an option's value is checked; all values are kept as text. */
typedef enum {
    CP_OPT_FLAG, /* takes no value */
    CP_OPT_TEXT,
    CP_OPT_FILE,
    CP_OPT_LIST,   /* text, may be given several times */
    CP_OPT_NUMBER, /* 1 or more */
    CP_OPT_COUNT,  /* 0 or more */
    CP_OPT_TIME,   /* "1.5ms" */
    CP_OPT_WORD,   /* one of `choices` */
} CpOptKind;

typedef struct {
    const char *name; /* long form without dashes; NULL ends a table */
    char letter;      /* short form; 0: none */
    CpOptKind kind;
    const char *arg;     /* name of the value in help, NULL for flags */
    const char *choices; /* CP_OPT_WORD: "auto|always|never" */
    const char *list;    /* completion: names of `coreplay list LIST`; NULL: none */
    const char *group;   /* heading in help */
    const char *help;    /* what it does; a sentence part, lower case, no full stop */
} CpOption;

typedef struct {
    const char *command, *shows; /* as typed; what it does */
} CpExample;

typedef struct CpCli CpCli;

/* What the kinds are that an option may work on or not, see applies.def. */
typedef enum {
    CP_KINDS_OF_FILES,  /* what each operand is by its content */
    CP_KINDS_OF_WORDS,  /* the first operand; "other" stands for all that are not named */
    CP_KINDS_OF_CHARTS, /* charts, in the first operand; `kinds` is NULL */
} CpKindsAre;

typedef struct {
    const char *name, *summary;
    const char *operands;           /* usage: "FILE..." */
    const char *operand_list;       /* completion: "files", "commands", or "a|b|c" */
    int operands_min, operands_max; /* max -1: any number */
    const char *kinds;              /* "workload recording"; NULL: all inputs are alike */
    CpKindsAre kinds_are;
    const char *also; /* other words people type for it, space-separated */
    CpExample examples[3];
    const CpOption *options; /* beside the global ones */
    /* Further ones, of what the command works with: static, ended by a NULL name. */
    const CpOption *(*more_options)(void);
    const char *see_also;   /* "coreplay-plot(1), coreplay-list(1)" */
    int (*run)(CpCli *cli); /* returns the exit code */
} CpCmd;

typedef struct CpOptions CpOptions;

/* One invocation. */
struct CpCli {
    const CpCmd *const *commands; /* NULL-ended, in the order of the help page */
    const CpCmd *cmd;             /* NULL before it is known */
    CpOptions *options;           /* of the command and the global ones */
    char **operands;              /* NULL-ended; owned by options */
    int n_operands;
    bool quiet, verbose, json;
    bool colour;   /* standard error takes colours */
    bool progress; /* a progress line may be drawn on standard error */
    int out_errno; /* why standard output failed; 0: it works */
};

/* The command of that name, or NULL. */
const CpCmd *cp_command_find(const CpCli *cli, const char *name);
/* Says what may be meant by a word that is no command; returns the exit code. */
int cp_command_unknown(const CpCli *cli, const char *word);

/* --- values of options; the name must be in the table --- */

bool cp_opt_flag(const CpCli *cli, const char *name);
/* The value, or NULL if not given. */
const char *cp_opt_text(const CpCli *cli, const char *name);
/* The number, or `otherwise` if not given. */
int64_t cp_opt_number(const CpCli *cli, const char *name, int64_t otherwise);
/* The same for a time, in ns. */
CpTime cp_opt_time(const CpCli *cli, const char *name, CpTime otherwise);
/* NULL-ended, possibly empty; borrowed. */
char **cp_opt_list(const CpCli *cli, const char *name);
/* Where the value came from: CP_ORIGIN_TYPED, a file name, "COREPLAY_JOBS"; NULL: not
 * given. */
#define CP_ORIGIN_TYPED "the command line"
const char *cp_opt_origin(const CpCli *cli, const char *name);

/* --- talking --- */

/* Prints to standard output.  Failures are latched and become the exit code at the end. */
void cp_out(CpCli *cli, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same, byte for byte: what a program reads. */
void cp_out_raw(CpCli *cli, const char *format, ...) G_GNUC_PRINTF(2, 3);
void cp_out_bytes(CpCli *cli, const void *bytes, size_t n);
/* Closes the outermost object and prints it on a line; takes the writer. */
void cp_out_json(CpCli *cli, CpJson *json);
/* Hands what was printed to the system; false once standard output cannot be written any
 * more (closed pipe, disk full). */
bool cp_out_flush(CpCli *cli);
/* The last act: returns `code`, or CP_EXIT_OUTPUT with a message (none for a closed pipe)
 * if something could not be written. */
int cp_out_finish(CpCli *cli, int code);

/* "coreplay run: error: ..." on standard error; control characters are escaped. */
void cp_error(const CpCli *cli, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* "   help: ..." under it. */
void cp_help(const CpCli *cli, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A line on standard error, not with --quiet. */
void cp_note(const CpCli *cli, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Prints a library error; returns the exit code it asks for. */
int cp_fail(const CpCli *cli, const GError *error);
/* An unknown word: names the nearest candidate, else how to list them; returns 2. */
int cp_unknown(const CpCli *cli, const char *what, const char *word,
               const char *const *candidates, const char *list_command);

/* --- files --- */

/* Writes a whole text file through a temporary one; "-" is standard output, and what is
 * not a regular file (a device, a pipe) is written directly. */
int cp_write_file(CpCli *cli, const char *path, const char *text, size_t n);
/* Whether a result may be written there, the same rule for every command: its ending, if it
 * is one of coreplay's, is among `endings` (".cpr .cpw"; NULL: the command looks itself);
 * what is no regular file cannot be replaced; an input must not be overwritten; standard
 * output, "-", must be free for it; and a file that is there is replaced only by one of its
 * own kind that nobody edits (a recording by a recording, a chart by a chart), everything
 * else with --force.  `inputs` is NULL-ended or NULL. */
int cp_output_check(const CpCli *cli, const char *path, const char *endings,
                    char *const *inputs);
/* The row of option tables for it. */
#define CP_OPTION_FORCE                                                                    \
    {                                                                                      \
        "force", 0, CP_OPT_FLAG, NULL, NULL, NULL, "Output",                               \
            "overwrite a file that exists, whatever it holds"                              \
    }
/* Refuses "-" for a result that cannot be a stream. */
int cp_output_no_pipe(const CpCli *cli, const char *path);
/* Directory or file of the examples shipped with the program: `name` beneath the data
 * directory, new text, or NULL if it is not there. */
char *cp_data_path(const char *name);

#endif
