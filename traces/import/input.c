#include "traces/import/input.h"

#include "sim/error.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What of a file is compressed, where its lines end, and what is no line. */

enum {
    BUFFER = 4 << 20,
    RAW = 256 << 10,
};

struct CpInput {
    char *name;
    int fd;         /* -1: from memory */
    char *buffer;   /* BUFFER + CP_LINE_SLACK bytes */
    size_t at, end; /* unread part of buffer */
    bool eof;       /* nothing more will come into the buffer */
    bool skipping;  /* inside a line that is too long */
    bool seekable, cut;
    uint64_t number, n_long, bytes;
    GConverter *gz; /* NULL: plain text */
    char *raw;      /* compressed bytes */
    size_t raw_at, raw_end;
    bool raw_eof;
    bool member; /* inside a compressed member */
};

static gboolean fail(CpInput *l, const char *what, GError **error)
{
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: %s", l->name, what);
    return FALSE;
}

static gboolean read_raw(CpInput *l, char *out, size_t room, size_t *n, GError **error)
{
    ssize_t got;
    do {
        got = l->fd < 0 ? 0 : read(l->fd, out, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fail(l, g_strerror(errno), error);
    }
    *n = (size_t)got;
    return TRUE;
}

/* A gzip file may consist of several members one after the other. */
static gboolean read_gz(CpInput *l, char *out, size_t room, size_t *n, GError **error)
{
    for (;;) {
        if (l->raw_at == l->raw_end && !l->raw_eof) {
            l->raw_at = 0;
            if (!read_raw(l, l->raw, RAW, &l->raw_end, error)) {
                return FALSE;
            }
            l->raw_eof = l->raw_end == 0;
        }
        gsize used = 0, made = 0;
        g_autoptr(GError) local = NULL;
        GConverterResult result = g_converter_convert(
            l->gz, l->raw + l->raw_at, l->raw_end - l->raw_at, out, room,
            l->raw_eof ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS, &used, &made,
            &local);
        l->raw_at += used;
        l->member |= used > 0;
        *n = made;
        if (result == G_CONVERTER_FINISHED) {
            g_converter_reset(l->gz);
            l->member = false;
        }
        if (made > 0 || (l->raw_eof && result == G_CONVERTER_FINISHED)) {
            return TRUE;
        }
        if (result != G_CONVERTER_ERROR) {
            continue;
        }
        if (l->raw_eof && l->raw_at == l->raw_end) {
            /* The end of the last member, or a cut file: what came so far is kept. */
            l->cut |= l->member;
            return TRUE;
        }
        return fail(l, "damaged gzip data; copy the file again", error);
    }
}

/* Moves the unread part to the front and fills the rest of the buffer. */
static gboolean refill(CpInput *l, GError **error)
{
    memmove(l->buffer, l->buffer + l->at, l->end - l->at);
    l->end -= l->at;
    l->at = 0;
    size_t n = 0, room = BUFFER - l->end;
    char *to = l->buffer + l->end;
    if (!(l->gz ? read_gz(l, to, room, &n, error) : read_raw(l, to, room, &n, error))) {
        return FALSE;
    }
    l->end += n;
    l->bytes += n;
    l->eof = n == 0;
    memset(l->buffer + l->end, 0, CP_LINE_SLACK);
    return TRUE;
}

static CpInput *input_alloc(const char *name)
{
    CpInput *l = g_new0(CpInput, 1);
    l->name = g_strdup(name);
    l->fd = -1;
    l->buffer = g_malloc(BUFFER + CP_LINE_SLACK);
    memset(l->buffer, 0, CP_LINE_SLACK);
    return l;
}

static gboolean check_file(CpInput *l, GError **error)
{
    struct stat st;
    if (l->fd < 0 || fstat(l->fd, &st) != 0) {
        return fail(l, g_strerror(errno), error);
    }
    if (S_ISDIR(st.st_mode)) {
        return fail(l, "is a directory, expected a text file", error);
    }
    l->seekable = S_ISREG(st.st_mode);
    return TRUE;
}

static gboolean start_gz(CpInput *l, GError **error)
{
    if (l->end < 2 || memcmp(l->buffer, "\x1f\x8b", 2) != 0) {
        return TRUE;
    }
    l->raw = g_malloc(BUFFER);
    memcpy(l->raw, l->buffer, l->end);
    l->raw_end = l->end;
    l->end = 0;
    l->bytes = 0;
    l->gz = G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
    return refill(l, error);
}

CpInput *cp_input_open(const char *path, GError **error)
{
    bool standard = strcmp(path, "-") == 0;
    CpInput *l = input_alloc(standard ? "standard input" : path);
    l->fd = standard ? dup(STDIN_FILENO) : g_open(path, O_RDONLY | O_CLOEXEC);
    if (!check_file(l, error) || !refill(l, error) || !start_gz(l, error)) {
        cp_input_free(l);
        return NULL;
    }
    l->seekable &= !standard;
    return l;
}

void cp_input_free(CpInput *l)
{
    if (l == NULL) {
        return;
    }
    if (l->fd >= 0) {
        close(l->fd);
    }
    g_clear_object(&l->gz);
    g_free(l->name);
    g_free(l->buffer);
    g_free(l->raw);
    g_free(l);
}

/* The unread part holds no line end: reads on, gives up on a long line, or takes the rest
 * of the file as the last line. */
static bool next_slow(CpInput *l, const char **line, size_t *len, bool *again,
                      GError **error)
{
    *again = false;
    if (l->end - l->at > CP_LINE_MAX) {
        l->skipping = true;
        l->at = l->end;
    }
    if (!l->eof) {
        *again = refill(l, error);
        return false;
    }
    if (l->at == l->end && !l->skipping) {
        return false;
    }
    *line = l->buffer + l->at;
    *len = l->end - l->at;
    l->at = l->end;
    l->number++;
    l->cut = true;
    bool skipped = l->skipping;
    l->n_long += skipped;
    l->skipping = false;
    return !skipped;
}

bool cp_input_line(CpInput *l, const char **line, size_t *len, GError **error)
{
    for (;;) {
        const char *start = l->buffer + l->at;
        const char *end = memchr(start, '\n', l->end - l->at);
        if (G_UNLIKELY(end == NULL)) {
            bool again, found = next_slow(l, line, len, &again, error);
            if (again) {
                continue;
            }
            return found;
        }
        l->at = (size_t)(end - l->buffer) + 1;
        l->number++;
        size_t n = (size_t)(end - start);
        if (G_UNLIKELY(l->skipping || n > CP_LINE_MAX)) {
            l->skipping = false;
            l->n_long++;
            continue;
        }
        *line = start;
        *len = n - (n > 0 && end[-1] == '\r');
        return true;
    }
}

gboolean cp_input_read(CpInput *l, void *out, size_t room, size_t *n, GError **error)
{
    if (l->at == l->end && !l->eof && !refill(l, error)) {
        return FALSE;
    }
    *n = MIN(room, l->end - l->at);
    memcpy(out, l->buffer + l->at, *n);
    l->at += *n;
    return TRUE;
}

gboolean cp_input_peek(CpInput *l, const char **bytes, size_t *n, GError **error)
{
    if (l->at == l->end && !l->eof && l->fd >= 0 && !refill(l, error)) {
        return FALSE;
    }
    *bytes = l->buffer + l->at;
    *n = l->end - l->at;
    return TRUE;
}

uint64_t cp_input_n_lines(const CpInput *l)
{
    return l->number;
}

uint64_t cp_input_n_long(const CpInput *l)
{
    return l->n_long;
}

uint64_t cp_input_n_bytes(const CpInput *l)
{
    return l->bytes;
}

bool cp_input_seekable(const CpInput *l)
{
    return l->seekable;
}

bool cp_input_cut(const CpInput *l)
{
    return l->cut;
}
