/* A binary input, read at any place: numbers of either byte order, through a window, so
 * that the memory does not grow with the file. */
#ifndef CP_TRACES_IMPORT_BYTES_H
#define CP_TRACES_IMPORT_BYTES_H

#include "traces/import/input.h"

enum { CP_BYTES_WINDOW = 1 << 20 /* most bytes asked for at a time */ };

typedef struct CpBytes CpBytes;

/* The input's content; what cannot be read twice, or is packed, is copied into a file
 * without a name first.  CP_ERROR_INPUT. */
CpBytes *cp_bytes_new(CpInput *input, GError **error);
/* An empty file without a name, to be appended to.  CP_ERROR_OUTPUT. */
CpBytes *cp_bytes_new_empty(GError **error);
bool cp_bytes_append(CpBytes *bytes, const void *data, size_t n);
void cp_bytes_free(CpBytes *bytes);
uint64_t cp_bytes_size(const CpBytes *bytes);
/* `n` bytes from `offset` on, n <= CP_BYTES_WINDOW, valid until the next call; NULL: the
 * file ends before, or cannot be read. */
const uint8_t *cp_bytes_at(CpBytes *bytes, uint64_t offset, size_t n);

/* The same without the window, for places far from each other: false instead of NULL. */
bool cp_bytes_copy(const CpBytes *bytes, uint64_t offset, void *out, size_t n);
/* The file as messages name it. */
const char *cp_bytes_name(const CpBytes *bytes);

/* Numbers as they stand in a file. */
static inline uint16_t cp_get16(const uint8_t *at, bool big)
{
    return (uint16_t)(big ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
}

static inline uint32_t cp_get32(const uint8_t *at, bool big)
{
    return big ? (uint32_t)cp_get16(at, true) << 16 | cp_get16(at + 2, true)
               : (uint32_t)cp_get16(at + 2, false) << 16 | cp_get16(at, false);
}

static inline uint64_t cp_get64(const uint8_t *at, bool big)
{
    return big ? (uint64_t)cp_get32(at, true) << 32 | cp_get32(at + 4, true)
               : (uint64_t)cp_get32(at + 4, false) << 32 | cp_get32(at, false);
}

#endif
