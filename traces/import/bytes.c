#include "traces/import/bytes.h"

#include "sim/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which part of a file is in memory. */

struct CpBytes {
    char *name;
    int fd;
    uint64_t size;
    uint64_t from;   /* place of the window */
    size_t n;        /* bytes in it */
    uint8_t *window; /* 2 * CP_BYTES_WINDOW */
};

CpBytes *cp_bytes_new(CpInput *input, GError **error)
{
    int fd = cp_input_descriptor(input, error);
    if (fd < 0) {
        return NULL;
    }
    struct stat st;
    CpBytes *b = g_new0(CpBytes, 1);
    b->fd = fd;
    b->name = g_strdup(cp_input_name(input));
    b->size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    b->window = g_malloc(2 * CP_BYTES_WINDOW);
    return b;
}

CpBytes *cp_bytes_new_empty(GError **error)
{
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("coreplay-XXXXXX", &name, error);
    if (fd < 0) {
        return NULL;
    }
    unlink(name);
    CpBytes *b = g_new0(CpBytes, 1);
    b->fd = fd;
    b->name = g_strdup(name);
    b->window = g_malloc(2 * CP_BYTES_WINDOW);
    return b;
}

bool cp_bytes_append(CpBytes *b, const void *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = pwrite(b->fd, (const uint8_t *)data + done, n - done, (off_t)b->size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        done += (size_t)put;
        b->size += (uint64_t)put;
    }
    b->n = 0; /* the window may have ended with the file */
    return true;
}

void cp_bytes_free(CpBytes *b)
{
    if (b != NULL) {
        close(b->fd);
        g_free(b->name);
        g_free(b->window);
        g_free(b);
    }
}

const char *cp_bytes_name(const CpBytes *b)
{
    return b->name;
}

uint64_t cp_bytes_size(const CpBytes *b)
{
    return b->size;
}

/* Bytes read, less than `n` at the end of the file. */
static size_t read_at(const CpBytes *b, uint64_t offset, uint8_t *out, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(b->fd, out + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

bool cp_bytes_copy(const CpBytes *b, uint64_t offset, void *out, size_t n)
{
    return offset <= b->size && n <= b->size - offset && read_at(b, offset, out, n) == n;
}

const uint8_t *cp_bytes_at(CpBytes *b, uint64_t offset, size_t n)
{
    if (n > CP_BYTES_WINDOW || offset > b->size || n > b->size - offset) {
        return NULL;
    }
    bool inside = offset >= b->from && offset + n <= b->from + b->n;
    if (!inside) {
        b->from = offset;
        b->n = read_at(b, offset, b->window, 2 * CP_BYTES_WINDOW);
    }
    if (n > b->n) {
        return NULL;
    }
    return b->window + (offset - b->from);
}
