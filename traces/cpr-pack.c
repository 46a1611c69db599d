#include "traces/cpr-pack.h"

#include "sim/assert.h"

#include <string.h>

/* How a block of records is packed. */

/* Packed block: 32 bytes of header, dictionary (4 bytes an entry), then the columns `what`
 * (code and CPU), ids, time steps and continuation values.
 *
 *   0 u16 dictionary entries    2 u16 ids          4 u16 continuation records
 *   6 u8 bits of a code         7 u8 bits of a CPU  8 u8 bits of an id
 *   9 u8 time unit: 0 ns, 1 us  10..15 zero        16 i64 time of the first record
 *   24 u64 zero
 *
 * A column with exceptions begins with u8 bits, u8 zero, u16 number of exceptions. */
enum {
    HEADER = 32,
    COLUMN_HEADER = 4,
    KEY_NONE = 1 << 8, /* the id is CP_NONE */
    KEY_SAME = 1 << 9, /* the id is the last one that was not CP_NONE */
    KEY_ARG_SHIFT = 16,
    VALUE_BITS = 56,
};

#define TIME_MAX (INT64_MAX >> 8)
#define TIME_MIN (INT64_MIN >> 8)

/* --- bits --- */

typedef struct {
    uint8_t *at;
    uint64_t bits;
    unsigned fill; /* bits waiting, below 8 */
} BitWriter;

/* Writes 8 bytes each time and advances by whole bytes: no branch.  width <= 56. */
static inline void bits_put(BitWriter *w, uint64_t value, unsigned width)
{
    w->bits |= value << w->fill;
    cp_put_u64(w->at, w->bits);
    unsigned fill = w->fill + width;
    w->at += fill >> 3;
    w->bits >>= fill & ~7u;
    w->fill = fill & 7;
}

static uint8_t *bits_end(BitWriter *w)
{
    if (w->fill > 0) {
        *w->at++ = (uint8_t)w->bits;
    }
    return w->at;
}

static inline uint64_t bits_get(const uint8_t *bytes, size_t bit, unsigned width)
{
    uint64_t word = cp_get_u64(bytes + (bit >> 3));
    return word >> (bit & 7) & (((uint64_t)1 << width) - 1);
}

static size_t bits_size(size_t n, unsigned width)
{
    return (n * width + 7) / 8;
}

static unsigned width_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

/* --- columns with exceptions --- */

/* The width that makes the column shortest.  An exception costs its position and the upper
 * bits, seven a byte; five bytes is near enough to choose by. */
static unsigned best_width(const uint64_t *values, size_t n)
{
    uint32_t count[65] = {0};
    for (size_t i = 0; i < n; i++) {
        count[width_of(values[i])]++;
    }
    size_t best = SIZE_MAX, above = 0;
    unsigned width = 0;
    for (unsigned w = 64; w-- > 0;) {
        above += count[w + 1];
        size_t size = bits_size(n, w) + above * 5;
        if (w <= VALUE_BITS && size <= best) {
            best = size;
            width = w;
        }
    }
    return width;
}

static uint8_t *put_exception(uint8_t *p, size_t i, uint64_t high)
{
    *p++ = (uint8_t)i;
    *p++ = (uint8_t)(i >> 8);
    while (high >= 0x80) {
        *p++ = (uint8_t)(high | 0x80);
        high >>= 7;
    }
    *p++ = (uint8_t)high;
    return p;
}

static uint8_t *column_pack(const uint64_t *values, size_t n, uint8_t *out)
{
    unsigned width = best_width(values, n);
    uint64_t mask = ((uint64_t)1 << width) - 1;
    size_t n_exceptions = 0;
    BitWriter w = {out + COLUMN_HEADER, 0, 0};
    for (size_t i = 0; i < n; i++) {
        n_exceptions += values[i] > mask;
    }
    for (size_t i = 0; width > 0 && i < n; i++) {
        bits_put(&w, values[i] & mask, width);
    }
    uint8_t *p = bits_end(&w);
    for (size_t i = 0, left = n_exceptions; left > 0; i++) {
        if (values[i] > mask) {
            p = put_exception(p, i, values[i] >> width);
            left--;
        }
    }
    out[0] = (uint8_t)width;
    out[1] = 0;
    out[2] = (uint8_t)n_exceptions;
    out[3] = (uint8_t)(n_exceptions >> 8);
    return p;
}

typedef struct {
    const uint8_t *at, *end;
} Input;

static bool get_exception(Input *in, uint64_t *values, size_t n, unsigned width)
{
    if (in->end - in->at < 3) {
        return false;
    }
    size_t i = in->at[0] | (size_t)in->at[1] << 8;
    in->at += 2;
    uint64_t high = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (in->at == in->end || shift > 63) {
            return false;
        }
        uint8_t byte = *in->at++;
        high |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    if (i >= n || width_of(high) + width > 64) {
        return false;
    }
    values[i] |= high << width;
    return true;
}

static bool column_unpack(Input *in, uint64_t *values, size_t n)
{
    if (in->end - in->at < COLUMN_HEADER) {
        return false;
    }
    unsigned width = in->at[0];
    size_t n_exceptions = in->at[2] | (size_t)in->at[3] << 8;
    in->at += COLUMN_HEADER;
    if (width > VALUE_BITS || bits_size(n, width) > (size_t)(in->end - in->at)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = bits_get(in->at, i * width, width);
    }
    in->at += bits_size(n, width);
    for (; n_exceptions > 0; n_exceptions--) {
        if (!get_exception(in, values, n, width)) {
            return false;
        }
    }
    return true;
}

/* --- packing --- */

static void next_generation(CpCprPacker *packer)
{
    if (++packer->generation == 0) {
        memset(packer->slot, 0, sizeof packer->slot);
        packer->generation = 1;
    }
}

/* A block has fewer distinct keys than the table has slots, so probing ends. */
static inline uint32_t code_of(CpCprPacker *packer, uint32_t key, uint32_t *n_codes)
{
    uint32_t i = (key * 0x9e3779b1u) >> 19;
    for (;; i = (i + 1) % CP_CPR_DICT) {
        CpCprSlot *slot = &packer->slot[i];
        if (slot->generation != packer->generation) {
            *slot = (CpCprSlot){key, (uint16_t)*n_codes, packer->generation};
            packer->key[*n_codes] = key;
            return (*n_codes)++;
        }
        if (slot->key == key) {
            return slot->code;
        }
    }
}

/* What one pass over the records finds out. */
typedef struct {
    uint32_t n_codes, n_ids, n_steps, n_more;
    uint32_t cpus, ids; /* all values or-ed together */
    bool in_order;
} Columns;

static Columns split(CpCprPacker *packer, const CpRecord *records, size_t n)
{
    Columns c = {.in_order = true};
    uint32_t last = CP_NONE, code = 0, last_key = CP_NONE;
    CpTime before = cp_record_time(&records[0]);
    for (size_t i = 0; i < n; i++) {
        const CpRecord *r = &records[i];
        uint32_t kind = (uint32_t)cp_record_kind(r);
        bool none = r->id == CP_NONE, same = !none && r->id == last;
        uint32_t key = kind | (none ? KEY_NONE : 0) | (same ? KEY_SAME : 0) |
                       (uint32_t)r->arg << KEY_ARG_SHIFT;
        uint32_t cpu = (uint16_t)(r->cpu + 1);
        if (key != last_key) {
            code = code_of(packer, key, &c.n_codes);
            last_key = key;
        }
        packer->what[i] = code | cpu << 16;
        c.cpus |= cpu;
        /* Written always, kept only if the key does not say it. */
        packer->id[c.n_ids] = r->id;
        bool keep = !none && !same;
        c.n_ids += keep;
        c.ids |= keep ? r->id : 0;
        last = none ? last : r->id;
        if (kind == CP_REC_MORE) {
            packer->more[c.n_more++] = zigzag(cp_record_value(r));
            continue;
        }
        CpTime time = cp_record_time(r);
        c.in_order &= time >= before;
        packer->step[c.n_steps++] = (uint64_t)time - (uint64_t)before;
        before = time;
    }
    return c;
}

/* A multiple of 1000 divided by it: for a number that is none the result is larger than any
 * quotient.  125 times its inverse is 1 modulo 2^64. */
static inline uint64_t exact_thousandth(uint64_t v)
{
    uint64_t q = (v >> 3) * UINT64_C(0x1cac083126e978d5);
    return v & 7 ? UINT64_MAX : q;
}

/* Recordings with microsecond stamps need ten bits less a step. */
static bool whole_microseconds(uint64_t *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (exact_thousandth(steps[i]) > UINT64_MAX / 1000) {
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        steps[i] = exact_thousandth(steps[i]);
    }
    return true;
}

static uint8_t *put_dictionary(const CpCprPacker *packer, uint32_t n, uint8_t *p)
{
    for (uint32_t i = 0; i < n; i++, p += 4) {
        cp_put_u32(p, packer->key[i]);
    }
    return p;
}

static uint8_t *put_what(const CpCprPacker *packer, size_t n, unsigned code_bits,
                         unsigned cpu_bits, uint8_t *p)
{
    BitWriter w = {p, 0, 0};
    for (size_t i = 0; i < n; i++) {
        uint32_t what = packer->what[i];
        bits_put(&w, (what & 0xffff) | (uint64_t)(what >> 16) << code_bits,
                 code_bits + cpu_bits);
    }
    return bits_end(&w);
}

static uint8_t *put_ids(const CpCprPacker *packer, size_t n, unsigned bits, uint8_t *p)
{
    BitWriter w = {p, 0, 0};
    for (size_t i = 0; i < n; i++) {
        bits_put(&w, packer->id[i], bits);
    }
    return bits_end(&w);
}

size_t cp_cpr_pack(CpCprPacker *packer, const CpRecord *records, size_t n, uint8_t *out)
{
    cp_require(n > 0 && n <= CP_RECORD_BLOCK);
    next_generation(packer);
    Columns c = split(packer, records, n);
    if (!c.in_order || cp_record_kind(&records[0]) == CP_REC_MORE) {
        return 0;
    }
    memset(out, 0, HEADER);
    out[0] = (uint8_t)c.n_codes;
    out[1] = (uint8_t)(c.n_codes >> 8);
    out[2] = (uint8_t)c.n_ids;
    out[3] = (uint8_t)(c.n_ids >> 8);
    out[4] = (uint8_t)c.n_more;
    out[5] = (uint8_t)(c.n_more >> 8);
    out[6] = (uint8_t)width_of(c.n_codes - 1);
    out[7] = (uint8_t)width_of(c.cpus);
    out[8] = (uint8_t)width_of(c.ids);
    out[9] = whole_microseconds(packer->step, c.n_steps);
    cp_put_u64(out + 16, (uint64_t)cp_record_time(&records[0]));
    uint8_t *p = put_dictionary(packer, c.n_codes, out + HEADER);
    p = put_what(packer, n, out[6], out[7], p);
    p = put_ids(packer, c.n_ids, out[8], p);
    p = column_pack(packer->step, c.n_steps, p);
    p = column_pack(packer->more, c.n_more, p);
    return (size_t)(p - out);
}

/* --- unpacking --- */

typedef struct {
    const uint8_t *dict, *what, *ids;
    uint32_t n_codes, n_ids, n_more;
    unsigned code_bits, cpu_bits, id_bits;
    uint64_t unit;
    CpTime start;
} Layout;

/* Reads the header and checks that everything up to the time steps lies inside. */
static bool layout_read(Layout *l, const uint8_t *b, size_t size, size_t n, Input *rest)
{
    if (size < HEADER) {
        return false;
    }
    *l = (Layout){
        .n_codes = b[0] | (uint32_t)b[1] << 8,
        .n_ids = b[2] | (uint32_t)b[3] << 8,
        .n_more = b[4] | (uint32_t)b[5] << 8,
        .code_bits = b[6],
        .cpu_bits = b[7],
        .id_bits = b[8],
        .unit = b[9] ? 1000 : 1,
        .start = (CpTime)cp_get_u64(b + 16),
    };
    if (l->n_codes == 0 || l->n_ids > n || l->n_more >= n || l->code_bits > 12 ||
        l->cpu_bits > 16 || l->id_bits > 32 || b[9] > 1 || l->start < TIME_MIN ||
        l->start > TIME_MAX) {
        return false;
    }
    size_t dict = (size_t)l->n_codes * 4, what = bits_size(n, l->code_bits + l->cpu_bits);
    size_t ids = bits_size(l->n_ids, l->id_bits);
    if (dict + what + ids > size - HEADER) {
        return false;
    }
    l->dict = b + HEADER;
    l->what = l->dict + dict;
    l->ids = l->what + what;
    *rest = (Input){l->ids + ids, b + size};
    return true;
}

/* Where the reading of the columns is. */
typedef struct {
    size_t i_id, i_step, i_more;
    uint32_t last;
    uint64_t time;
} Cursor;

static bool take_id(const Layout *l, Cursor *c, uint32_t key, uint32_t *id)
{
    if (key & KEY_NONE) {
        *id = CP_NONE;
        return true;
    }
    if (!(key & KEY_SAME)) {
        if (c->i_id >= l->n_ids) {
            return false;
        }
        c->last = (uint32_t)bits_get(l->ids, c->i_id++ * l->id_bits, l->id_bits);
    }
    *id = c->last;
    return true;
}

/* Fills id, cpu and arg, and takes time or value from its column. */
static bool take_record(const Layout *l, Cursor *c, size_t i, const uint64_t *steps,
                        const uint64_t *more, size_t n, CpRecord *out)
{
    unsigned width = l->code_bits + l->cpu_bits;
    uint64_t what = bits_get(l->what, i * width, width);
    uint32_t code = (uint32_t)(what & (((uint64_t)1 << l->code_bits) - 1));
    if (code >= l->n_codes) {
        return false;
    }
    uint32_t key = cp_get_u32(l->dict + (size_t)code * 4), id;
    if (!take_id(l, c, key, &id)) {
        return false;
    }
    CpRecordKind kind = (CpRecordKind)(key & 0xff);
    CpTime at;
    if (kind == CP_REC_MORE) {
        if (c->i_more >= l->n_more || i == 0) {
            return false;
        }
        at = unzigzag(more[c->i_more++]);
    } else {
        if (c->i_step >= n - l->n_more) {
            return false;
        }
        c->time += steps[c->i_step++] * l->unit;
        at = (CpTime)c->time;
    }
    if (at < TIME_MIN || at > TIME_MAX) {
        return false;
    }
    uint32_t cpu = (uint32_t)(what >> l->code_bits) - 1;
    *out = cp_record_make(at, kind, id, cpu, key >> KEY_ARG_SHIFT);
    return true;
}

bool cp_cpr_unpack(const uint8_t *bytes, size_t size, CpRecord *out, size_t n)
{
    cp_require(n > 0 && n <= CP_RECORD_BLOCK);
    Layout l;
    Input rest;
    uint64_t steps[CP_RECORD_BLOCK], more[CP_RECORD_BLOCK];
    if (!layout_read(&l, bytes, size, n, &rest) ||
        !column_unpack(&rest, steps, n - l.n_more) ||
        !column_unpack(&rest, more, l.n_more)) {
        return false;
    }
    Cursor c = {.last = CP_NONE, .time = (uint64_t)l.start};
    CpTime before = l.start;
    for (size_t i = 0; i < n; i++) {
        if (!take_record(&l, &c, i, steps, more, n, &out[i])) {
            return false;
        }
        if ((CpTime)c.time < before) {
            return false;
        }
        before = (CpTime)c.time;
    }
    return true;
}

/* --- checksum --- */

/* Four lanes, so that the multiplications overlap.  Every step is a bijection of the lane,
 * which is why one changed word can never go unseen. */
uint64_t cp_cpr_checksum(const void *bytes, size_t size, uint64_t seed)
{
    const uint8_t *p = bytes;
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t lane[4] = {seed ^ size, seed + k, seed ^ k, ~seed};
    for (; size >= 32; size -= 32, p += 32) {
        for (unsigned i = 0; i < 4; i++) {
            uint64_t v = (lane[i] ^ cp_get_u64(p + i * 8)) * k;
            lane[i] = v ^ v >> 29;
        }
    }
    uint8_t rest[32] = {0};
    if (size > 0) {
        memcpy(rest, p, size);
    }
    uint64_t sum = seed;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t v = (lane[i] ^ cp_get_u64(rest + i * 8)) * k;
        sum = (sum ^ v ^ v >> 32) * k;
        sum ^= sum >> 31;
    }
    return sum;
}
