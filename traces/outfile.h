/* A file that is written in full or not at all.
 *
 * It has no name until it is complete, where the file system can do that, so nothing is
 * left of one that is given up, even by a kill; elsewhere, and for the moment in which what
 * was there is replaced, it is a file beside the target, named target.tmp-XXXXXX, which is
 * removed, after a kill by the next writer of the target.  A symbolic link keeps pointing
 * where it does: what it names is replaced.  A device or a pipe is written as it is, and so
 * is "-", the standard output. */
#ifndef CP_TRACES_OUTFILE_H
#define CP_TRACES_OUTFILE_H

#include <glib.h>

typedef struct CpOutFile CpOutFile;

/* All errors are CP_ERROR_OUTPUT and name the path as it was given. */
CpOutFile *cp_outfile_new(const char *path, GError **error);
gboolean cp_outfile_write(CpOutFile *file, const void *bytes, size_t n, GError **error);
/* Waits until the bytes are on the disk. */
gboolean cp_outfile_sync(CpOutFile *file, GError **error);
/* Gives the file its name; only cp_outfile_free may follow. */
gboolean cp_outfile_commit(CpOutFile *file, GError **error);
/* Removes what files being written have beside their targets; for the end of the program, a
 * signal handler included. */
void cp_outfile_abandon(void);
/* A file that others write, or the folder of such; the text must stay until it is
 * forgotten.
 */
void cp_outfile_remember(char *name);
void cp_outfile_forget(char *name);
/* Without a commit nothing is left. */
void cp_outfile_free(CpOutFile *file);

#endif
