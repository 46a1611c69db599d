/* A file that is written piece by piece: bytes, text and numbers in the forms that foreign
 * formats have.
 *
 * Failures are latched: what follows one is dropped, and cp_stream_close reports it. */
#ifndef CP_TRACES_EXPORT_STREAM_H
#define CP_TRACES_EXPORT_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct CpStream CpStream;

enum { CP_STREAM_ROOM = 1 << 16 /* bytes kept before they are written */ };

/* For the functions below only. */
struct CpStream {
    size_t n;
    uint8_t bytes[CP_STREAM_ROOM];
};

/* CP_ERROR_OUTPUT; "-" is the standard output. */
CpStream *cp_stream_new(const char *path, GError **error);
/* Gives the file its name; nothing is left of one that failed. */
gboolean cp_stream_close(CpStream *s, GError **error);
void cp_stream_free(CpStream *s);

/* Bytes written so far. */
uint64_t cp_stream_offset(const CpStream *s);
/* Whether something failed, so that going on is of no use. */
bool cp_stream_failed(const CpStream *s);
/* Hands everything to the file. */
void cp_stream_flush(CpStream *s);
void cp_stream_bytes(CpStream *s, const void *bytes, size_t n);
void cp_stream_zeros(CpStream *s, size_t n);

/* Room for n <= 64 bytes at the end, to be filled by the caller, who adds to `n`. */
static inline uint8_t *cp_stream_room(CpStream *s)
{
    if (s->n > CP_STREAM_ROOM - 64) {
        cp_stream_flush(s);
    }
    return s->bytes + s->n;
}

static inline void cp_stream_text(CpStream *s, const char *text)
{
    cp_stream_bytes(s, text, strlen(text));
}

static inline void cp_stream_char(CpStream *s, char c)
{
    *cp_stream_room(s) = (uint8_t)c;
    s->n++;
}

/* Decimal digits; at least `digits` of them, with zeros in front. */
void cp_stream_unsigned(CpStream *s, uint64_t value, unsigned digits);
void cp_stream_int(CpStream *s, int64_t value);

/* Little-endian. */
static inline void cp_stream_u16(CpStream *s, uint16_t value)
{
    uint16_t v = GUINT16_TO_LE(value);
    memcpy(cp_stream_room(s), &v, sizeof v);
    s->n += sizeof v;
}

static inline void cp_stream_u32(CpStream *s, uint32_t value)
{
    uint32_t v = GUINT32_TO_LE(value);
    memcpy(cp_stream_room(s), &v, sizeof v);
    s->n += sizeof v;
}

static inline void cp_stream_u64(CpStream *s, uint64_t value)
{
    uint64_t v = GUINT64_TO_LE(value);
    memcpy(cp_stream_room(s), &v, sizeof v);
    s->n += sizeof v;
}

#endif
