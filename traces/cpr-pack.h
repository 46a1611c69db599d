/* One block of a .cpr recording: up to CP_RECORD_BLOCK records, packed column by column.
 *
 * What happened (kind and argument, with how the id is found) is a code into a dictionary
 * of the block; CPUs, ids, time steps and continuation values are packed with as few bits
 * as most of them need, the rest being listed as exceptions.  A thread that is the same as
 * in the record before, and the idle task, cost no id at all. */
#ifndef CP_TRACES_CPR_PACK_H
#define CP_TRACES_CPR_PACK_H

#include "sim/record.h"

enum {
    /* Room a packed block may need, and readable bytes an unpacker wants behind one. */
    CP_CPR_PACK_MAX = CP_RECORD_BLOCK * 40 + 256,
    CP_CPR_SLACK = 16,
    CP_CPR_DICT = 8192, /* slots of the packer's dictionary; a power of two */
};

typedef struct {
    uint32_t key;
    uint16_t code;
    uint16_t generation; /* the slot is free if this is not the packer's */
} CpCprSlot;

/* Scratch memory of a packer; zero-filled at first. */
typedef struct {
    CpCprSlot slot[CP_CPR_DICT];
    uint32_t key[CP_RECORD_BLOCK]; /* dictionary of the block, by code */
    uint32_t id[CP_RECORD_BLOCK + 1];
    uint32_t what[CP_RECORD_BLOCK];
    uint64_t step[CP_RECORD_BLOCK];
    uint64_t more[CP_RECORD_BLOCK];
    uint16_t generation;
} CpCprPacker;

/* Packs 1..CP_RECORD_BLOCK records in order of time, the first one no MORE record; returns
 * the number of bytes, at most CP_CPR_PACK_MAX, or 0 if the order is broken. */
size_t cp_cpr_pack(CpCprPacker *packer, const CpRecord *records, size_t n, uint8_t *out);

/* The reverse.  `bytes` has CP_CPR_SLACK readable bytes behind it.  False: not a packed
 * block of n records. */
bool cp_cpr_unpack(const uint8_t *bytes, size_t size, CpRecord *out, size_t n);

/* 64-bit checksum: any single changed word of eight bytes changes it. */
uint64_t cp_cpr_checksum(const void *bytes, size_t size, uint64_t seed);

static inline void cp_put_u32(uint8_t *p, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    __builtin_memcpy(p, &v, 4);
}

static inline void cp_put_u64(uint8_t *p, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    __builtin_memcpy(p, &v, 8);
}

static inline uint32_t cp_get_u32(const uint8_t *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, 4);
    return GUINT32_FROM_LE(v);
}

static inline uint64_t cp_get_u64(const uint8_t *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, 8);
    return GUINT64_FROM_LE(v);
}

#endif
