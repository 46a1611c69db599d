#include "traces/export/stream.h"

#include "traces/outfile.h"

/* When bytes reach the file. */

typedef struct {
    CpStream stream; /* first */
    CpOutFile *file;
    uint64_t flushed;
    GError *error; /* the first failure */
} Stream;

CpStream *cp_stream_new(const char *path, GError **error)
{
    CpOutFile *file = cp_outfile_new(path, error);
    if (file == NULL) {
        return NULL;
    }
    Stream *stream = g_new(Stream, 1);
    stream->stream.n = 0;
    stream->file = file;
    stream->flushed = 0;
    stream->error = NULL;
    return &stream->stream;
}

void cp_stream_free(CpStream *s)
{
    if (s != NULL) {
        Stream *stream = (Stream *)s;
        cp_outfile_free(stream->file);
        g_clear_error(&stream->error);
        g_free(stream);
    }
}

void cp_stream_flush(CpStream *s)
{
    Stream *stream = (Stream *)s;
    if (stream->error == NULL) {
        cp_outfile_write(stream->file, s->bytes, s->n, &stream->error);
    }
    stream->flushed += s->n;
    s->n = 0;
}

gboolean cp_stream_close(CpStream *s, GError **error)
{
    Stream *stream = (Stream *)s;
    cp_stream_flush(s);
    if (stream->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&stream->error));
        return FALSE;
    }
    return cp_outfile_sync(stream->file, error) && cp_outfile_commit(stream->file, error);
}

uint64_t cp_stream_offset(const CpStream *s)
{
    return ((const Stream *)s)->flushed + s->n;
}

bool cp_stream_failed(const CpStream *s)
{
    return ((const Stream *)s)->error != NULL;
}

void cp_stream_bytes(CpStream *s, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    while (n > 0) {
        if (s->n == CP_STREAM_ROOM) {
            cp_stream_flush(s);
        }
        size_t part = MIN(n, CP_STREAM_ROOM - s->n);
        memcpy(s->bytes + s->n, p, part);
        s->n += part;
        p += part;
        n -= part;
    }
}

void cp_stream_zeros(CpStream *s, size_t n)
{
    static const uint8_t zeros[64];
    while (n > 0) {
        size_t part = MIN(n, sizeof zeros);
        cp_stream_bytes(s, zeros, part);
        n -= part;
    }
}

void cp_stream_unsigned(CpStream *s, uint64_t value, unsigned digits)
{
    enum { DIGITS = 20 /* of 2^64 */ };
    char text[DIGITS];
    unsigned at = DIGITS;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (at > 0 && DIGITS - at < digits) {
        text[--at] = '0';
    }
    uint8_t *room = cp_stream_room(s);
    memcpy(room, text + at, DIGITS - at);
    s->n += DIGITS - at;
}

void cp_stream_int(CpStream *s, int64_t value)
{
    if (value < 0) {
        cp_stream_char(s, '-');
    }
    cp_stream_unsigned(s, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
}
