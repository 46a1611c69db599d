/* Two kinds of memory, both owned by whoever made them and freed whole:
 *   CpArena  bump allocation, zeroed, 16-byte aligned; `cp_arena_reset` keeps the pages
 *   CpTable  rows in reserved address space: growing never moves a row
 * A table reserves room for its largest size at once; only rows touched cost memory. */
#ifndef CP_SIM_ARENA_H
#define CP_SIM_ARENA_H

#include "sim/types.h"

typedef struct CpArena CpArena;

CpArena *cp_arena_new(void);
void cp_arena_free(CpArena *arena);
void *cp_arena_alloc(CpArena *arena, size_t size);
void cp_arena_reset(CpArena *arena);

typedef struct {
    void *rows;      /* first row; valid until cp_table_clear */
    size_t row_size; /* bytes */
    uint32_t n;      /* rows in use */
    uint32_t n_max;
    size_t touched; /* bytes that may be non-zero */
} CpTable;

/* CP_ERROR_OUTPUT: there is no such address space; the table is empty then. */
gboolean cp_table_init(CpTable *table, size_t row_size, uint32_t n_max, GError **error);
/* An empty table of that shape: the one it is, if it fits, else a new one.  The table is
 * empty or zero-filled before. */
gboolean cp_table_ready(CpTable *table, size_t row_size, uint32_t n_max, GError **error);
void cp_table_clear(CpTable *table);
/* Adds one zeroed row and returns its index, or CP_NONE when n_max is reached. */
uint32_t cp_table_add(CpTable *table);
/* Empties the table and zeroes what was used, keeping the address space. */
void cp_table_reset(CpTable *table);

#endif
