/* The .cpr reader on any bytes: a refusal or records, never a fault.  The checksum of the
 * tables is put right first, so that damage reaches what lies behind it; the same bytes are
 * also unpacked as one block. */
#include "traces/cpr-pack.h"
#include "traces/cpr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_checksum(uint8_t *bytes, size_t size)
{
    enum { TRAILER = 40 };
    if (size < TRAILER) {
        return;
    }
    uint8_t *trailer = bytes + size - TRAILER;
    uint64_t offset = cp_get_u64(trailer), n = cp_get_u64(trailer + 8);
    if (offset <= size - TRAILER && n == size - TRAILER - offset) {
        cp_put_u64(trailer + 16, cp_cpr_checksum(bytes + offset, n, 0));
    }
}

static void read_file(const uint8_t *bytes, size_t size, CpRecord *out)
{
    int fd = memfd_create("cpr", 0);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) {
        abort();
    }
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) error = NULL;
    CpCpr *cpr = cp_cpr_open(path, &error);
    for (uint32_t i = 0; cpr != NULL && i < cp_cpr_n_blocks(cpr); i++) {
        size_t n;
        g_autoptr(GError) local = NULL;
        cp_cpr_read(cpr, i, out, &n, &local);
    }
    for (uint32_t i = 0; cpr != NULL && i <= cp_cpr_n_threads(cpr); i++) {
        if (strlen(cp_cpr_text(cpr, cp_cpr_thread_at(cpr, i)->name)) > size) {
            abort();
        }
    }
    cp_cpr_free(cpr);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = g_malloc0(size + CP_CPR_SLACK);
    CpRecord *out = g_new(CpRecord, CP_RECORD_BLOCK);
    if (size > 0) {
        memcpy(copy, data, size);
        cp_cpr_unpack(copy, size, out, 1 + data[0] * 16u);
    }
    mend_checksum(copy, size);
    read_file(copy, size, out);
    g_free(copy);
    g_free(out);
    return 0;
}
