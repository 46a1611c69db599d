#include "lang/slurp.h"

#include "sim/error.h"
#include "lang/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much is read of a file that has no end. */

static gboolean fail(const char *path, const char *why, int code, GError **error)
{
    g_autofree char *clean = cp_clean_text(path, -1);
    g_set_error(error, CP_ERROR, code, "%s: %s", clean, why);
    return FALSE;
}

static gboolean fail_errno(const char *path, int why, GError **error)
{
    bool host = why == EMFILE || why == ENFILE || why == ENOMEM;
    return fail(path, g_strerror(why), host ? CP_ERROR_OUTPUT : CP_ERROR_INPUT, error);
}

static gboolean read_all(int fd, const char *path, GString *text, GError **error)
{
    char buffer[65536];
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno(path, errno, error);
        }
        if (n == 0) {
            return TRUE;
        }
        g_string_append_len(text, buffer, n);
        if (text->len > CP_SLURP_MAX) {
            g_autofree char *why = g_strdup_printf(
                "more than %d MiB, which no such file has", CP_SLURP_MAX >> 20);
            return fail(path, why, CP_ERROR_INPUT, error);
        }
    }
}

gboolean cp_slurp(const char *path, bool only_regular, char **text, gsize *len,
                  GError **error)
{
    /* Whoever waits for a pipe's other end says so by its name on the command line. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | (only_regular ? O_NONBLOCK : 0));
    if (fd < 0) {
        return fail_errno(path, errno, error);
    }
    struct stat st;
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    g_autoptr(GString) all = g_string_new(NULL);
    gboolean ok = regular || !only_regular
                      ? read_all(fd, path, all, error)
                      : fail(path, "is no regular file", CP_ERROR_INPUT, error);
    close(fd);
    if (ok) {
        *len = all->len;
        *text = g_string_free(g_steal_pointer(&all), FALSE);
    }
    return ok;
}
