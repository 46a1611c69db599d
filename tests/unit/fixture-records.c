#include "tests/unit/fixture-records.h"

enum { CPUS = 8 };

uint64_t fixture_random(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15u;
    uint64_t z = (*seed ^ *seed >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

GArray *fixture_mixed_records(size_t n, uint32_t n_threads)
{
    GArray *r = g_array_new(FALSE, FALSE, sizeof(CpRecord));
    uint64_t seed = 3;
    CpTime now = 0;
    while (r->len < n) {
        uint64_t x = fixture_random(&seed);
        now += (CpTime)(x >> 8) % 100000;
        uint32_t cpu = (uint32_t)(x % CPUS), id = (uint32_t)(x >> 32) % n_threads;
        uint32_t target = (uint32_t)(x >> 16) % CPUS;
        CpRecord part[4] = {cp_record_make(now, CP_REC_WAKING, id, cpu, target),
                            cp_record_make(now, CP_REC_MIGRATE, id, cpu, target),
                            cp_record_make(now + 900, CP_REC_WAKEUP, id, target, 0),
                            cp_record_make(now + 1700, CP_REC_SWITCH, id, target, 'S')};
        now += 1700;
        if (x >> 62 == 0) {
            g_array_append_vals(r, part, 4);
        } else if (x >> 62 == 1) {
            g_array_append_vals(r, part + 2, 2);
        } else {
            part[3].arg = 'R' | CP_SWITCH_PREEMPTED;
            part[3].id = x >> 61 == 7 ? CP_NONE : id;
            g_array_append_val(r, part[3]);
        }
    }
    return r;
}
