/* Protocol buffers, written: fields are appended to a byte array. */
#ifndef CP_TRACES_EXPORT_PROTO_H
#define CP_TRACES_EXPORT_PROTO_H

#include <glib.h>
#include <stdint.h>
#include <string.h>

/* A bare number, as packed fields hold them. */
static inline void cp_proto_varint(GByteArray *out, uint64_t value)
{
    uint8_t bytes[10];
    unsigned n = 0;
    while (value >= 0x80) {
        bytes[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    g_byte_array_append(out, bytes, n);
}

static inline void cp_proto_number(GByteArray *out, unsigned field, uint64_t value)
{
    cp_proto_varint(out, (uint64_t)field << 3);
    cp_proto_varint(out, value);
}

static inline void cp_proto_bytes(GByteArray *out, unsigned field, const void *bytes,
                                  size_t n)
{
    cp_proto_varint(out, (uint64_t)field << 3 | 2);
    cp_proto_varint(out, n);
    g_byte_array_append(out, bytes, (guint)n);
}

static inline void cp_proto_text(GByteArray *out, unsigned field, const char *text)
{
    cp_proto_bytes(out, field, text, strlen(text));
}

/* A message, or packed numbers, that stands complete in `in`, which is emptied. */
static inline void cp_proto_message(GByteArray *out, unsigned field, GByteArray *in)
{
    cp_proto_bytes(out, field, in->data, in->len);
    g_byte_array_set_size(in, 0);
}

#endif
