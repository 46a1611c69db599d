#include "traces/outfile.h"

#include "sim/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* When a file gets its name, and what is left of one that is given up. */

enum {
    LINKS_MAX = 40,   /* of a chain, as the kernel has it */
    PENDING_MAX = 32, /* files written at once: one, or those of a folder */
    LETTERS = 11,     /* .tmp-abcdef */
    DIGITS = 13,      /* .tmp-01234567 */
    STALE_S = 60,
};

struct CpOutFile {
    char *path;   /* as given */
    char *target; /* with links followed; NULL: written in place */
    char *temp;   /* name of the file beside it; NULL: it has none */
    int fd;       /* -1: closed */
};

/* Names beside targets, for cp_outfile_abandon: a signal handler can reach nothing but
 * globals.  Files beyond are forgotten there. */
static char *pending[PENDING_MAX];

void cp_outfile_remember(char *name)
{
    for (int i = 0; i < PENDING_MAX; i++) {
        if (g_atomic_pointer_compare_and_exchange(&pending[i], NULL, name)) {
            return;
        }
    }
}

void cp_outfile_forget(char *name)
{
    for (int i = 0; i < PENDING_MAX; i++) {
        if (g_atomic_pointer_compare_and_exchange(&pending[i], name, NULL)) {
            return;
        }
    }
}

void cp_outfile_abandon(void)
{
    for (int i = 0; i < PENDING_MAX; i++) {
        char *name = g_atomic_pointer_get(&pending[i]);
        if (name != NULL) {
            unlink(name);
        }
    }
    for (int i = 0; i < PENDING_MAX; i++) { /* folders, once they are empty */
        char *name = g_atomic_pointer_get(&pending[i]);
        if (name != NULL) {
            rmdir(name);
        }
    }
}

static gboolean fail(const CpOutFile *f, const char *what, GError **error)
{
    int why = errno;
    g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "cannot %s '%s': %s", what, f->path,
                g_strerror(why));
    return FALSE;
}

/* Where the links lead, the last one to a file that need not be there yet. */
static char *follow(const char *path)
{
    char *at = g_strdup(path);
    for (int i = 0; i < LINKS_MAX; i++) {
        g_autofree char *to = g_file_read_link(at, NULL);
        if (to == NULL) {
            break;
        }
        g_autofree char *dir = g_path_get_dirname(at);
        g_free(at);
        at =
            g_path_is_absolute(to) ? g_steal_pointer(&to) : g_build_filename(dir, to, NULL);
    }
    return at;
}

/* A file without a name in the target's folder; -1: this file system has none. */
static int open_unnamed(const char *target)
{
    g_autofree char *dir = g_path_get_dirname(target);
    if (access("/proc/self/fd", X_OK) != 0) {
        return -1; /* no way to name it later */
    }
    return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
}

/* Whether a name is one that a writer of `base` gives: target.tmp- and six letters of
 * mkstemp, or eight digits of give_name. */
static bool is_temp(const char *name, const char *base)
{
    size_t n = strlen(base);
    return strncmp(name, base, n) == 0 && g_str_has_prefix(name + n, ".tmp-") &&
           (strlen(name + n) == LETTERS || strlen(name + n) == DIGITS);
}

/* Removes what a killed writer left beside the target: nobody has it locked.  One of
 * mkstemp may be so new that its writer only comes to that. */
static void remove_stale(const char *target)
{
    g_autofree char *folder = g_path_get_dirname(target);
    g_autofree char *base = g_path_get_basename(target);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        if (!is_temp(name, base)) {
            continue;
        }
        g_autofree char *path = g_build_filename(folder, name, NULL);
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        bool linked = strlen(name) == strlen(base) + DIGITS;
        struct stat st;
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
            (linked || st.st_mtime + STALE_S < time(NULL)) &&
            flock(fd, LOCK_EX | LOCK_NB) == 0) {
            unlink(path);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
}

static int open_named(CpOutFile *f)
{
    f->temp = g_strdup_printf("%s.tmp-XXXXXX", f->target);
    int fd = g_mkstemp_full(f->temp, O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0) {
        g_clear_pointer(&f->temp, g_free);
        return fd;
    }
    cp_outfile_remember(f->temp);
    return fd;
}

CpOutFile *cp_outfile_new(const char *path, GError **error)
{
    CpOutFile *f = g_new0(CpOutFile, 1);
    struct stat st;
    errno = 0;
    f->path = g_strdup(path);
    if (strcmp(path, "-") == 0) {
        f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    } else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        f->fd = open(path, O_WRONLY | O_CLOEXEC);
    } else if (errno == ELOOP) {
        f->fd = -1; /* links that lead nowhere */
    } else {
        f->target = follow(path);
        f->fd = open_unnamed(f->target);
        f->fd = f->fd >= 0 ? f->fd : open_named(f);
        if (f->fd >= 0) {
            flock(f->fd, LOCK_EX | LOCK_NB); /* somebody writes it: see remove_stale */
            remove_stale(f->target);
        }
    }
    if (f->fd < 0) {
        fail(f, f->target != NULL ? "create" : "write", error);
        cp_outfile_free(f);
        return NULL;
    }
    return f;
}

gboolean cp_outfile_write(CpOutFile *f, const void *bytes, size_t n, GError **error)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t done = write(f->fd, p, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return fail(f, "write", error);
        }
        p += done;
        n -= (size_t)done;
    }
    return TRUE;
}

gboolean cp_outfile_sync(CpOutFile *f, GError **error)
{
    /* A pipe cannot, and need not. */
    bool ok = fsync(f->fd) == 0 || errno == EINVAL || errno == EROFS;
    return ok ? TRUE : fail(f, "write", error);
}

/* Names the file: as the target if there is none, else beside it. */
static bool give_name(CpOutFile *f)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", f->fd);
    if (linkat(AT_FDCWD, self, AT_FDCWD, f->target, AT_SYMLINK_FOLLOW) == 0) {
        return true;
    }
    for (int i = 0; i < 100 && errno == EEXIST; i++) {
        g_free(f->temp);
        f->temp = g_strdup_printf("%s.tmp-%08x", f->target, g_random_int());
        if (linkat(AT_FDCWD, self, AT_FDCWD, f->temp, AT_SYMLINK_FOLLOW) == 0) {
            return true;
        }
    }
    g_clear_pointer(&f->temp, g_free);
    return false;
}

/* Between its two names the file must not be caught by a signal that ends the program. */
static bool name_safely(CpOutFile *f)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = f->temp != NULL || give_name(f);
    if (ok && f->temp != NULL) {
        ok = g_rename(f->temp, f->target) == 0;
    }
    int why = errno;
    if (f->temp != NULL && !ok) {
        g_unlink(f->temp);
    }
    cp_outfile_forget(f->temp);
    g_clear_pointer(&f->temp, g_free);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return ok;
}

/* Some file systems report a full disk only now. */
static bool close_file(CpOutFile *f)
{
    int fd = f->fd;
    f->fd = -1;
    return close(fd) == 0;
}

gboolean cp_outfile_commit(CpOutFile *f, GError **error)
{
    /* A file without a name gets one through its descriptor. */
    bool unnamed = f->target != NULL && f->temp == NULL;
    bool ok = unnamed ? name_safely(f) && close_file(f)
                      : close_file(f) && (f->target == NULL || name_safely(f));
    return ok ? TRUE : fail(f, "write", error);
}

void cp_outfile_free(CpOutFile *f)
{
    if (f == NULL) {
        return;
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    if (f->temp != NULL) {
        g_unlink(f->temp);
        cp_outfile_forget(f->temp);
    }
    g_free(f->path);
    g_free(f->target);
    g_free(f->temp);
    g_free(f);
}
