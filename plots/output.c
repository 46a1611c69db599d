#include "plots/output.h"

#include "sim/error.h"
#include "traces/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file on its way. */
typedef struct {
    char *target; /* with symbolic links followed; owned */
    char *temp;   /* NULL: written in place; owned */
} Pending;

static gboolean fail(GError **error, const char *path, const char *what, int code)
{
    g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "cannot %s %s: %s", what, path,
                g_strerror(code));
    return FALSE;
}

static gboolean write_all(int fd, GBytes *bytes)
{
    size_t n;
    const char *data = g_bytes_get_data(bytes, &n);
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return FALSE;
        }
        data += done;
        n -= (size_t)done;
    }
    return TRUE;
}

/* Some file systems report a full disk only when the file is closed. */
static gboolean write_and_close(int fd, const char *path, GBytes *bytes, GError **error)
{
    bool ok = write_all(fd, bytes);
    int code = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        code = errno;
    }
    return ok ? TRUE : fail(error, path, "write", code);
}

/* Opens a new file beside `target` with the permissions a plain open would give. */
static int open_temp(const char *target, char **temp)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        *temp = g_strdup_printf("%s.tmp-%08x", target, g_random_int());
        int fd = open(*temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
        g_clear_pointer(temp, g_free);
    }
    return -1;
}

static gboolean prepare(Pending *pending, const CpOutput *output, GError **error)
{
    struct stat status;
    char *real = realpath(output->path, NULL);
    pending->target = g_strdup(real != NULL ? real : output->path);
    free(real);
    if (stat(pending->target, &status) == 0 && !S_ISREG(status.st_mode)) {
        int fd = open(pending->target, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? fail(error, output->path, "write", errno)
                      : write_and_close(fd, output->path, output->bytes, error);
    }
    int fd = open_temp(pending->target, &pending->temp);
    if (fd < 0) {
        int code = errno;
        g_clear_pointer(&pending->temp, g_free);
        return fail(error, output->path, "create", code);
    }
    return write_and_close(fd, output->path, output->bytes, error);
}

static gboolean rename_all(Pending *pending, const CpOutput *outputs, size_t n,
                           GError **error)
{
    for (size_t i = 0; i < n; i++) {
        if (pending[i].temp == NULL) {
            continue;
        }
        if (rename(pending[i].temp, pending[i].target) != 0) {
            return fail(error, outputs[i].path, "write", errno);
        }
        g_clear_pointer(&pending[i].temp, g_free);
    }
    return TRUE;
}

gboolean cp_output_write(const CpOutput *outputs, size_t n, GError **error)
{
    g_autofree Pending *pending = g_new0(Pending, n + 1);
    gboolean ok = TRUE;
    for (size_t i = 0; i < n && ok; i++) {
        ok = prepare(&pending[i], &outputs[i], error);
    }
    ok = ok && rename_all(pending, outputs, n, error);
    for (size_t i = 0; i < n; i++) {
        if (pending[i].temp != NULL) {
            g_unlink(pending[i].temp);
            g_free(pending[i].temp);
        }
        g_free(pending[i].target);
    }
    return ok;
}

gboolean cp_output_format(const char *path, CpFormat *format, GError **error)
{
    static const struct {
        const char *ending;
        CpFormat format;
    } known[] = {{".png", CP_FORMAT_PNG},
                 {".svg", CP_FORMAT_SVG},
                 {".pdf", CP_FORMAT_PDF},
                 {".txt", CP_FORMAT_TXT}};
    g_autofree char *lower = g_ascii_strdown(path, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_str_has_suffix(lower, known[i].ending)) {
            *format = known[i].format;
            return TRUE;
        }
    }
    g_autofree char *clean = cp_clean_text(path, -1);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "the ending of '%s' names no chart format; use .svg, .pdf, .png or .txt",
                clean);
    return FALSE;
}
