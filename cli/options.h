/* The options of a command and their values: see cmd.h for reading them.  argv.c and
 * config-file.c store them here. */
#ifndef CP_CLI_OPTIONS_H
#define CP_CLI_OPTIONS_H

#include "cli/cmd.h"

CpOptions *cp_options_new(void);
void cp_options_free(CpOptions *options);

/* Calls `visit` for each option of a command, then for the global ones; `cmd` NULL: the
 * global ones only. */
void cp_options_each(const CpCmd *cmd, void (*visit)(const CpOption *option, void *data),
                     void *data);
/* NULL: there is none of that name (the first `len` bytes), of that letter. */
const CpOption *cp_options_find(const CpCmd *cmd, const char *name, size_t len);
const CpOption *cp_options_find_letter(const CpCmd *cmd, char letter);
/* The name most like a word, or NULL. */
const char *cp_options_nearest(const CpCmd *cmd, const char *word);

/* CP_ERROR_USAGE: no value for this option. */
gboolean cp_options_check(const CpOption *option, const char *text, GError **error);
/* Checks and keeps a value; `origin` says where it is from, for messages. */
gboolean cp_options_store(CpCli *cli, const CpOption *option, const char *text,
                          const char *origin, GError **error);

/* As if it had not been given. */
void cp_options_forget(CpCli *cli, const CpOption *option);

/* One more operand; NULL: none, but there will be a list. */
void cp_options_operand(CpCli *cli, const char *word);

/* Settings of the configuration file's [settings] part: takes the value; "key", "value"
 * pairs, NULL-ended. */
void cp_options_setting(CpCli *cli, const char *key, char *value);
char **cp_options_settings(const CpCli *cli);

/* Name of the configuration file in force, or NULL; takes it. */
void cp_options_set_config(CpCli *cli, char *path);
const char *cp_options_config(const CpCli *cli);

#endif
