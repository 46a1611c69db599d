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
    SKIP_MAX = 256 << 20, /* bytes of lines that are too long */
};

struct CpInput {
    char *name;
    int fd;           /* -1: from memory */
    char *buffer;     /* BUFFER + CP_LINE_SLACK bytes */
    size_t at, end;   /* unread part of buffer */
    bool eof;         /* nothing more will come into the buffer */
    bool skipping;    /* inside a line that is too long */
    uint64_t skipped; /* bytes of lines that are too long */
    bool seekable, cut;
    uint64_t number, n_long, bytes;
    GConverter *gz;      /* unpacks, or turns UTF-16 into UTF-8; NULL: plain text */
    const char *packing; /* what it unpacks, for messages */
    bool one_member;     /* what comes behind is no more of it */
    char *raw;           /* compressed bytes */
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
            if (l->one_member) {
                l->raw_eof = true;
                l->raw_at = l->raw_end;
            }
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
        g_autofree char *what =
            g_strdup_printf("damaged %s data; copy the file again", l->packing);
        return fail(l, what, error);
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
        return fail(l,
                    "is a directory, expected a file; instead of a CTF trace (LTTng) "
                    "record with perf sched record, and import its perf.data",
                    error);
    }
    l->seekable = S_ISREG(st.st_mode);
    return TRUE;
}

/* What comes from byte `from` on goes through the converter, which is taken. */
static gboolean start_converter(CpInput *l, GConverter *converter, const char *packing,
                                size_t from, GError **error)
{
    l->raw = g_malloc(BUFFER);
    l->raw_end = l->end - from;
    memcpy(l->raw, l->buffer + from, l->raw_end);
    l->end = 0;
    l->bytes = 0;
    l->gz = converter;
    l->packing = packing;
    return refill(l, error);
}

/* atrace -z: chatter, "TRACE:" and a zlib stream.  Returns where that begins,
 * 0: none. */
static size_t zlib_start(const CpInput *l)
{
    const char *trace = memmem(l->buffer, MIN(l->end, (size_t)4096), "TRACE:", 6);
    size_t at = trace != NULL ? (size_t)(trace - l->buffer) + 6 : 0;
    if (at == 0 || (trace > l->buffer && trace[-1] != '\n')) {
        return 0;
    }
    at += l->buffer[at] == '\r';
    at += l->buffer[at] == '\n';
    const unsigned char *z = (const unsigned char *)l->buffer + at;
    bool is_zlib = at + 2 < l->end && z[0] == 0x78 && (z[0] << 8 | z[1]) % 31 == 0;
    return is_zlib ? at : 0;
}

/* "LE", "BE": UTF-16, as shells of Windows redirect output; NULL: it is not. */
static const char *utf16(const CpInput *l, size_t *mark)
{
    const unsigned char *b = (const unsigned char *)l->buffer;
    *mark = 0;
    if (l->end >= 2 && ((b[0] == 0xff && b[1] == 0xfe) || (b[0] == 0xfe && b[1] == 0xff))) {
        *mark = 2;
        return b[0] == 0xff ? "UTF-16LE" : "UTF-16BE";
    }
    if (l->end >= 8 && b[1] == 0 && b[3] == 0 && b[5] == 0 && b[0] && b[2] && b[4]) {
        return "UTF-16LE";
    }
    bool big = l->end >= 8 && b[0] == 0 && b[2] == 0 && b[4] == 0 && b[1] && b[3] && b[5];
    return big ? "UTF-16BE" : NULL;
}

static gboolean start_unpacking(CpInput *l, GError **error)
{
    size_t mark, at = zlib_start(l);
    const char *charset = utf16(l, &mark);
    if (l->end >= 2 && memcmp(l->buffer, "\x1f\x8b", 2) == 0) {
        GZlibDecompressor *gzip = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
        return start_converter(l, G_CONVERTER(gzip), "gzip", 0, error);
    }
    if (at > 0) {
        GZlibDecompressor *zlib = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
        l->one_member = true;
        return start_converter(l, G_CONVERTER(zlib), "zlib", at, error);
    }
    if (charset != NULL) {
        GCharsetConverter *converter = g_charset_converter_new("UTF-8", charset, error);
        return converter != NULL &&
               start_converter(l, G_CONVERTER(converter), "UTF-16", mark, error);
    }
    if (l->end >= 3 && memcmp(l->buffer, "\xef\xbb\xbf", 3) == 0) {
        l->at = 3; /* the mark of UTF-8 */
    }
    return TRUE;
}

CpInput *cp_input_open(const char *path, GError **error)
{
    bool standard = strcmp(path, "-") == 0;
    CpInput *l = input_alloc(standard ? "standard input" : path);
    l->fd = standard ? dup(STDIN_FILENO) : g_open(path, O_RDONLY | O_CLOEXEC);
    if (!check_file(l, error) || !refill(l, error) || !start_unpacking(l, error)) {
        cp_input_free(l);
        return NULL;
    }
    l->seekable &= !standard;
    return l;
}

const char *cp_input_name(const CpInput *l)
{
    return l->name;
}

static gboolean copy_to(CpInput *l, int fd, GError **error)
{
    while (l->at < l->end || !l->eof) {
        if (l->at == l->end) {
            if (!refill(l, error)) {
                return FALSE;
            }
            continue;
        }
        ssize_t n = write(fd, l->buffer + l->at, l->end - l->at);
        if (n < 0 && errno != EINTR) {
            g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                        "cannot keep a copy of %s in the folder for temporary files: %s",
                        l->name, g_strerror(errno));
            return FALSE;
        }
        l->at += n > 0 ? (size_t)n : 0;
    }
    return TRUE;
}

int cp_input_descriptor(CpInput *l, GError **error)
{
    struct stat st;
    if (l->gz == NULL && fstat(l->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        return dup(l->fd);
    }
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("coreplay-XXXXXX", &name, error);
    if (fd < 0) {
        return -1;
    }
    unlink(name);
    if (!copy_to(l, fd, error)) {
        close(fd);
        return -1;
    }
    return fd;
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

/* The unread part holds no line end: reads on, gives up on a long line, or
 * takes the rest of the file as the last line. */
static bool next_slow(CpInput *l, const char **line, size_t *len, bool *again,
                      GError **error)
{
    *again = false;
    if (l->end - l->at > CP_LINE_MAX) {
        l->skipping = true;
        l->skipped += l->end - l->at;
        l->at = l->end;
        if (l->skipped > SKIP_MAX) { /* a device, or anything but text */
            fail(l, "a line of more than 256 MiB: this is no recording", error);
            return false;
        }
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
