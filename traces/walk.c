#include "traces/walk.h"

/* Decides which blocks of a recording are read for a window, and what is known before it.
 */

/* First block that ends at or after `from`; n_blocks if there is none. */
static uint32_t first_block(const CpCpr *cpr, CpTime from)
{
    uint32_t low = 0, high = cp_cpr_n_blocks(cpr);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        CpTime begin, end;
        cp_cpr_block_range(cpr, middle, &begin, &end);
        if (end < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

gboolean cp_walk_records(CpCpr *cpr, CpTime from, CpTime to, CpRecordsFn fn, void *data,
                         GError **error)
{
    g_autofree CpRecord *records = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t b = first_block(cpr, from); b < cp_cpr_n_blocks(cpr); b++) {
        CpTime begin, end;
        cp_cpr_block_range(cpr, b, &begin, &end);
        if (begin > to) {
            break;
        }
        size_t n = 0;
        if (!cp_cpr_read(cpr, b, records, &n, error)) {
            return FALSE;
        }
        if (!fn(data, records, n)) {
            break;
        }
    }
    return TRUE;
}

/* Tells the timeline who ran on each CPU before the first block that is read for `from`:
 * goes back block by block until every CPU has been seen. */
static gboolean tell_running(CpCpr *cpr, CpTime from, CpTimeline *tl, GError **error)
{
    uint32_t n_cpus = tl->n_cpus, n_unknown = n_cpus;
    g_autofree CpRecord *records = g_new(CpRecord, CP_RECORD_BLOCK);
    for (uint32_t b = first_block(cpr, from); b-- > 0 && n_unknown > 0;) {
        size_t n = 0;
        if (!cp_cpr_read(cpr, b, records, &n, error)) {
            return FALSE;
        }
        while (n-- > 0) {
            const CpRecord *r = &records[n];
            if (cp_record_kind(r) == CP_REC_SWITCH && r->cpu < n_cpus &&
                cp_timeline_running(tl, r->cpu) == CP_UNKNOWN) {
                cp_timeline_runs(tl, r->cpu, r->id);
                n_unknown--;
            }
        }
    }
    return TRUE;
}

static CpTime end_of(const CpCpr *cpr, const CpWalk *walk)
{
    CpTime end = cp_cpr_info(cpr)->end;
    return walk->to == 0 ? end : MIN(walk->to, end);
}

CpTimeline *cp_walk_timeline(CpCpr *cpr, const CpWalk *walk, const CpTimelineHooks *hooks,
                             void *data)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    CpTimelineConfig config = {.from = MAX(walk->from, info->start),
                               .to = end_of(cpr, walk),
                               .n_cpus = CLAMP(info->n_cpus, 1, CP_RECORD_NO_CPU),
                               .n_threads = MAX(cp_cpr_n_threads(cpr), 1),
                               .simulated = info->origin == CP_ORIGIN_SIMULATED,
                               .hooks = hooks,
                               .data = data};
    return cp_timeline_new(&config);
}

static bool feed(void *data, const CpRecord *records, size_t n)
{
    cp_timeline_feed(data, records, n);
    return true;
}

gboolean cp_walk_feed(CpCpr *cpr, const CpWalk *walk, CpTimeline *tl, GError **error)
{
    CpTime start = cp_cpr_info(cpr)->start;
    CpTime from = walk->near ? MAX(walk->from, start) : start;
    return (!walk->near || tell_running(cpr, from, tl, error)) &&
           cp_walk_records(cpr, from, end_of(cpr, walk), feed, tl, error);
}

gboolean cp_walk(CpCpr *cpr, const CpWalk *walk, const CpTimelineHooks *hooks, void *data,
                 GError **error)
{
    CpTimeline *tl = cp_walk_timeline(cpr, walk, hooks, data);
    gboolean ok = cp_walk_feed(cpr, walk, tl, error);
    if (ok) {
        cp_timeline_finish(tl, end_of(cpr, walk));
    }
    cp_timeline_free(tl);
    return ok;
}
