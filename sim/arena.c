#include "sim/arena.h"

#include "sim/assert.h"
#include "sim/error.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ALIGN = 16,
    CHUNK_MIN = 64 * 1024,
    CHUNK_MAX = 4 * 1024 * 1024,
    /* Above this much touched memory it is cheaper to give the pages back and have the
     * kernel zero the ones touched again than to write them all. */
    ZERO_BY_HAND = 256 * 1024,
    RESERVED_GIB = 12, /* by all tables of a run, at most */
};

/* Anonymous memory reads as zero until written.  NULL: there is none. */
static void *map_zeroed(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

/* Zeroes the first `touched` bytes of a mapping. */
static void zero_touched(void *p, size_t touched)
{
    if (touched <= ZERO_BY_HAND || madvise(p, touched, MADV_DONTNEED) != 0) {
        memset(p, 0, touched);
    }
}

/* --- arena --- */

typedef struct Chunk Chunk;

struct Chunk {
    Chunk *next; /* in order of allocation */
    char *mem;
    size_t size, used; /* bytes */
};

struct CpArena {
    Chunk *first, *current; /* chunks after `current` are empty and zeroed */
    size_t next_size;       /* of the next chunk: doubles up to CHUNK_MAX */
};

CpArena *cp_arena_new(void)
{
    CpArena *arena = g_new0(CpArena, 1);
    arena->next_size = CHUNK_MIN;
    return arena;
}

void cp_arena_free(CpArena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (Chunk *c = arena->first, *next; c != NULL; c = next) {
        next = c->next;
        munmap(c->mem, c->size);
        g_free(c);
    }
    g_free(arena);
}

/* Makes a chunk with room for `size` the current one: an empty one left by a reset if the
 * next is large enough, else a new one put before it. */
static void arena_advance(CpArena *arena, size_t size)
{
    Chunk *current = arena->current;
    Chunk *next = current != NULL ? current->next : arena->first;
    if (next == NULL || next->size < size) {
        Chunk *c = g_new0(Chunk, 1);
        c->size = MAX(arena->next_size, (size + CHUNK_MIN - 1) & ~(size_t)(CHUNK_MIN - 1));
        c->mem = map_zeroed(c->size);
        if (c->mem == NULL) { /* as GLib ends the program */
            g_error("out of memory: %zu KiB more were needed", c->size >> 10);
        }
        c->next = next;
        arena->next_size = MIN(arena->next_size * 2, (size_t)CHUNK_MAX);
        if (current != NULL) {
            current->next = c;
        } else {
            arena->first = c;
        }
        next = c;
    }
    arena->current = next;
    cp_assert(next->used == 0);
}

void *cp_arena_alloc(CpArena *arena, size_t size)
{
    cp_require(size <= SIZE_MAX / 2);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    Chunk *c = arena->current;
    if (c == NULL || c->size - c->used < size) {
        arena_advance(arena, size);
        c = arena->current;
    }
    void *p = c->mem + c->used;
    c->used += size;
    cp_assert(c->used <= c->size);
    return p;
}

void cp_arena_reset(CpArena *arena)
{
    for (Chunk *c = arena->first; c != NULL && c->used > 0; c = c->next) {
        cp_assert(c->used <= c->size);
        zero_touched(c->mem, c->used);
        c->used = 0;
    }
    arena->current = NULL;
}

/* --- tables --- */

gboolean cp_table_init(CpTable *table, size_t row_size, uint32_t n_max, GError **error)
{
    cp_require(row_size > 0 && n_max > 0 && n_max < CP_NONE);
    *table = (CpTable){0};
    void *rows = map_zeroed(row_size * n_max);
    if (rows == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT,
                    "cannot reserve %zu MiB of address space: %s; each run at a time "
                    "reserves up to %d GiB, of which only what it uses costs memory: see "
                    "ulimit -v and vm.overcommit_memory",
                    row_size * n_max >> 20, g_strerror(errno), RESERVED_GIB);
        return FALSE;
    }
    *table = (CpTable){.rows = rows, .row_size = row_size, .n_max = n_max};
    return TRUE;
}

gboolean cp_table_ready(CpTable *table, size_t row_size, uint32_t n_max, GError **error)
{
    if (table->rows != NULL && table->row_size == row_size && table->n_max == n_max) {
        return TRUE;
    }
    cp_table_clear(table);
    return cp_table_init(table, row_size, n_max, error);
}

void cp_table_clear(CpTable *table)
{
    if (table->rows != NULL) {
        munmap(table->rows, table->row_size * table->n_max);
    }
    *table = (CpTable){0};
}

uint32_t cp_table_add(CpTable *table)
{
    cp_assert(table->n <= table->n_max && table->touched == table->n * table->row_size);
    if (table->n == table->n_max) {
        return CP_NONE;
    }
    table->touched += table->row_size;
    return table->n++;
}

void cp_table_reset(CpTable *table)
{
    cp_assert(table->touched == table->n * table->row_size);
    if (table->touched > 0) {
        zero_touched(table->rows, table->touched);
    }
    table->n = 0;
    table->touched = 0;
}
