#include "sweeps/sweep.h"

#include "sim/error.h"
#include "sweeps/runner.h"

#include <math.h>
#include <string.h>

/* Which points are run, by which worker, how often, and when a sweep ends. */

enum {
    BLOCK = 1024,          /* points whose rows are looked up at once */
    AHEAD_PER_WORKER = 4,  /* rows handed out beyond those running */
    BATCH_US = 900 * 1000, /* a batch is on the disk within a second */
    BATCH_FIRST_US = 20 * 1000,
    WAIT_US = 100 * 1000,
    WORKERS_MAX = 1024,
};

typedef struct {
    uint64_t point;
    uint32_t repeat;
    bool last; /* no work: the worker ends */
} Task;

typedef struct {
    GAsyncQueue *tasks, *rows;
    const CpPlan *plan;
    CpCompiled *compiled;
    const CpSink *records;
} Pool;

/* Everything of one sweep; touched by the calling thread only. */
typedef struct {
    const CpSweepOptions *o;
    CpSweepResult *result;
    Pool pool;
    GThread **threads;
    unsigned n_workers;
    unsigned in_flight;
    int64_t begun_us, batch_us, shown_us; /* batch_us 0: no open batch */
    uint64_t total;
    bool stopping;
    GError *error; /* the first one */
} Sweep;

/* --- workers --- */

static void keep_error(Sweep *s, GError *error)
{
    s->stopping = true;
    if (s->error == NULL) {
        s->error = error;
    } else {
        g_error_free(error);
    }
}

static void *work(void *data)
{
    Pool *pool = data;
    CpRunner *runner = cp_runner_new(pool->plan, pool->compiled);
    cp_runner_sink(runner, pool->records);
    for (;;) {
        Task *task = g_async_queue_pop(pool->tasks);
        bool last = task->last;
        if (!last) {
            g_async_queue_push(pool->rows,
                               cp_runner_run(runner, task->point, task->repeat));
        }
        g_free(task);
        if (last) {
            break;
        }
    }
    cp_runner_free(runner);
    return NULL;
}

/* As many workers as are wanted, and as there are rows to run at first; where the host has
 * no room for so many, those that could be started do the work. */
static void pool_start(Sweep *s, uint64_t n_rows)
{
    unsigned wanted = s->o->n_workers != 0 ? s->o->n_workers : g_get_num_processors();
    wanted = MIN(wanted, WORKERS_MAX);
    wanted = (unsigned)CLAMP(n_rows, 1, wanted);
    s->pool.tasks = g_async_queue_new();
    s->pool.rows = g_async_queue_new();
    s->pool.plan = s->o->plan;
    s->pool.records = s->o->records;
    s->pool.compiled = cp_compiled_new(s->o->plan);
    s->threads = g_new0(GThread *, wanted);
    g_autoptr(GError) error = NULL;
    while (s->n_workers < wanted && error == NULL) {
        GThread *thread = g_thread_try_new("sweep", work, &s->pool, &error);
        if (thread != NULL) {
            s->threads[s->n_workers++] = thread;
        }
    }
    s->result->workers = s->n_workers;
    s->result->workers_wanted = wanted;
    if (s->n_workers == 0) {
        keep_error(s, g_error_new(CP_ERROR, CP_ERROR_OUTPUT,
                                  "not one of %u workers could be started: %s; see ulimit "
                                  "-u and ulimit -v",
                                  wanted, error->message));
    }
}

static void pool_stop(Sweep *s)
{
    for (unsigned i = 0; i < s->n_workers; i++) {
        Task *task = g_new0(Task, 1);
        task->last = true;
        g_async_queue_push(s->pool.tasks, task);
    }
    for (unsigned i = 0; i < s->n_workers; i++) {
        g_thread_join(s->threads[i]);
    }
    g_free(s->threads);
    cp_compiled_free(s->pool.compiled);
    g_async_queue_unref(s->pool.tasks);
    g_async_queue_unref(s->pool.rows);
}

/* --- rows --- */

static void show_progress(Sweep *s, int64_t now)
{
    if (s->o->progress == NULL || now - s->shown_us < WAIT_US) {
        return;
    }
    s->shown_us = now;
    double seconds = (double)(now - s->begun_us) / 1e6;
    CpSweepProgress p = {s->result->rows, s->total, s->result->found, s->result->failed,
                         seconds > 0 ? (double)s->result->rows / seconds : 0};
    s->o->progress(&p, s->o->data);
}

static void store_row(Sweep *s, CpRow *row)
{
    s->in_flight--;
    if (row->lost) {
        keep_error(s, g_error_new_literal(CP_ERROR, CP_ERROR_OUTPUT, row->error));
    }
    if (s->error != NULL) {
        cp_row_free(row);
        return;
    }
    s->batch_us = s->batch_us == 0 ? g_get_monotonic_time() : s->batch_us;
    s->result->rows++;
    s->result->failed += row->failed;
    s->result->missed += !row->failed && row->expects_failed > 0;
    s->stopping = s->stopping || (row->failed && s->o->fail_fast);
    cp_store_add(s->o->store, row);
}

static void commit(Sweep *s)
{
    GError *error = NULL;
    s->batch_us = 0;
    if (s->error == NULL && !cp_store_commit(s->o->store, s->o->plan, &error)) {
        keep_error(s, error);
    }
}

/* Takes one row if there is one soon, and does what is due. */
static void take_row(Sweep *s)
{
    CpRow *row = g_async_queue_timeout_pop(s->pool.rows, WAIT_US);
    if (row != NULL) {
        store_row(s, row);
    }
    int64_t now = g_get_monotonic_time();
    /* Batches grow with the age of the sweep: little is lost early on either. */
    int64_t batch = CLAMP((now - s->begun_us) / 4, BATCH_FIRST_US, BATCH_US);
    if (s->batch_us != 0 && now - s->batch_us >= batch) {
        commit(s);
    }
    show_progress(s, now);
    if (s->o->interrupt != NULL && *s->o->interrupt != 0) {
        s->stopping = true;
    }
}

/* Hands out one row; false: no more are wanted. */
static bool give(Sweep *s, uint64_t point, uint32_t repeat)
{
    while (s->in_flight >= s->n_workers * AHEAD_PER_WORKER && !s->stopping) {
        take_row(s);
    }
    if (s->o->interrupt != NULL && *s->o->interrupt != 0) {
        s->stopping = true;
    }
    if (s->stopping) {
        return false;
    }
    Task *task = g_new0(Task, 1);
    task->point = point;
    task->repeat = repeat;
    s->in_flight++;
    g_async_queue_push(s->pool.tasks, task);
    return true;
}

static void drain(Sweep *s)
{
    if (s->stopping) {
        /* Rows not begun are taken back. */
        Task *task;
        while ((task = g_async_queue_try_pop(s->pool.tasks)) != NULL) {
            s->in_flight--;
            g_free(task);
        }
    }
    while (s->in_flight > 0) {
        take_row(s);
    }
    commit(s);
}

/* --- what is there --- */

/* Walks over points with the rows that are stored, block by block. */
typedef struct {
    const CpSweepOptions *o;
    GArray *done;       /* CpRowId, sorted, of the present block or point */
    uint64_t block_end; /* first point behind the block */
    guint at;           /* in done */
} Known;

static bool is_mine(const CpSweepOptions *o, uint64_t point)
{
    return o->n_shards <= 1 || point % o->n_shards == o->shard;
}

/* A sampled walk jumps about, a full one goes upwards. */
static gboolean look_up(Known *k, uint64_t point, GError **error)
{
    if (k->o->store == NULL) {
        return TRUE;
    }
    bool sampled = cp_grid_walk_end(k->o->plan->grid) < cp_grid_size(k->o->plan->grid);
    if (point >= k->block_end || sampled) {
        g_array_set_size(k->done, 0);
        k->at = 0;
        k->block_end = point + (sampled ? 1 : BLOCK);
        if (!cp_store_done(k->o->store, point, k->block_end, k->done, error)) {
            return FALSE;
        }
    }
    while (k->at < k->done->len && g_array_index(k->done, CpRowId, k->at).point < point) {
        k->at++;
    }
    return TRUE;
}

static bool is_done(Known *k, uint64_t point, uint32_t repeat)
{
    while (k->at < k->done->len) {
        CpRowId id = g_array_index(k->done, CpRowId, k->at);
        if (id.point != point || id.repeat > repeat) {
            return false;
        }
        k->at++;
        if (id.repeat == repeat) {
            return true;
        }
    }
    return false;
}

/* Hands a row out, or counts the one that is stored. */
static void give_missing(Sweep *s, Known *k, uint64_t point, uint32_t repeat)
{
    if (!is_done(k, point, repeat)) {
        give(s, point, repeat);
        return;
    }
    CpRowId id = g_array_index(k->done, CpRowId, k->at - 1);
    s->result->found++;
    s->result->failed += id.failed;
    s->result->missed += !id.failed && id.missed;
}

gboolean cp_sweep_missing(const CpSweepOptions *o,
                          void (*visit)(uint64_t point, uint32_t rows, void *data),
                          CpSweepCount *count, GError **error)
{
    Known k = {.o = o, .done = g_array_new(FALSE, FALSE, sizeof(CpRowId))};
    gboolean ok = TRUE;
    *count = (CpSweepCount){0};
    uint64_t end = cp_grid_walk_end(o->plan->grid);
    for (uint64_t i = 0; ok && i < end; i++) {
        uint64_t point;
        if (!cp_grid_walk(o->plan->grid, i, &point) || !is_mine(o, point)) {
            continue;
        }
        ok = look_up(&k, point, error);
        uint32_t rows = 0;
        for (uint32_t r = 0; ok && r < o->repeats; r++) {
            rows += !is_done(&k, point, r);
        }
        count->points += rows > 0;
        count->rows += rows;
        if (ok && rows > 0 && visit != NULL) {
            visit(point, rows, o->data);
        }
    }
    g_array_unref(k.done);
    return ok;
}

static void give_all(Sweep *s)
{
    Known k = {.o = s->o, .done = g_array_new(FALSE, FALSE, sizeof(CpRowId))};
    uint64_t end = cp_grid_walk_end(s->o->plan->grid);
    for (uint64_t i = 0; i < end && !s->stopping; i++) {
        uint64_t point;
        GError *error = NULL;
        if (!cp_grid_walk(s->o->plan->grid, i, &point) || !is_mine(s->o, point)) {
            continue;
        }
        if (!look_up(&k, point, &error)) {
            keep_error(s, error);
        }
        for (uint32_t r = 0; r < s->o->repeats && !s->stopping; r++) {
            give_missing(s, &k, point, r);
        }
    }
    g_array_unref(k.done);
}

/* --- until the interval is narrow --- */

/* A statistic of the values, and half its 95 % interval. */
static double half_interval(const GArray *values, CpStatistic what, double *size)
{
    size_t n = values->len;
    g_autofree double *v = g_new(double, n + 1);
    g_autofree double *seeds = g_new(double, n + 1);
    for (guint i = 0; i < n; i++) {
        v[i] = (double)g_array_index(values, int64_t, i);
        seeds[i] = i;
    }
    const CpSample sample = {v, seeds, n};
    double low, high, half = cp_sample_ci95(&sample);
    if (what.kind != CP_STAT_MEAN) {
        cp_sample_bootstrap(&sample, what, &low, &high);
        half = (high - low) / 2;
    }
    *size = cp_statistic_of(what, v, n);
    return half;
}

/* How many repeats a point should have, given those it has. */
static uint32_t repeats_wanted(Sweep *s, uint64_t point)
{
    GError *error = NULL;
    GArray *values = cp_store_values(s->o->store, point, s->o->until_metric, &error);
    if (values == NULL) {
        keep_error(s, error);
        return 0;
    }
    uint32_t n = values->len;
    double size, half = half_interval(values, s->o->until_what, &size);
    g_array_unref(values);
    s->result->no_values = s->result->no_values && n == 0;
    if (n < 2) {
        return n; /* a failed point, or a metric it does not have */
    }
    double wide = fabs(half / size);
    if (half == 0 || wide <= s->o->until_ci) {
        return n;
    }
    double more = (double)n * (wide / s->o->until_ci) * (wide / s->o->until_ci);
    return (uint32_t)MIN(ceil(MIN(more, 2.0 * n)), s->o->repeats_max);
}

/* One round over all points; true if rows were added. */
static bool narrow(Sweep *s)
{
    bool any = false;
    uint64_t end = cp_grid_walk_end(s->o->plan->grid);
    GArray *done = g_array_new(FALSE, FALSE, sizeof(CpRowId));
    for (uint64_t i = 0; i < end && !s->stopping; i++) {
        uint64_t point;
        GError *error = NULL;
        if (!cp_grid_walk(s->o->plan->grid, i, &point) || !is_mine(s->o, point)) {
            continue;
        }
        uint32_t wanted = repeats_wanted(s, point);
        g_array_set_size(done, 0);
        if (!cp_store_done(s->o->store, point, point + 1, done, &error)) {
            keep_error(s, error);
        }
        for (uint32_t r = done->len; r < wanted && !s->stopping; r++) {
            s->total++;
            any = give(s, point, r) || any;
        }
    }
    g_array_unref(done);
    return any;
}

/* --- the sweep --- */

static void begin(Sweep *s, const CpSweepOptions *o, uint64_t n_rows, CpSweepResult *result)
{
    *result = (CpSweepResult){0};
    *s = (Sweep){.o = o, .result = result, .begun_us = g_get_monotonic_time()};
    s->total = n_rows;
    pool_start(s, o->until_ci > 0 ? UINT64_MAX : n_rows);
}

static gboolean end(Sweep *s, GError **error)
{
    drain(s);
    pool_stop(s);
    s->result->stopped = s->stopping;
    if (s->error != NULL) {
        g_propagate_error(error, s->error);
        return FALSE;
    }
    return TRUE;
}

gboolean cp_sweep_run(const CpSweepOptions *o, CpSweepResult *result, GError **error)
{
    CpSweepCount count;
    if (!cp_sweep_missing(o, NULL, &count, error)) {
        return FALSE;
    }
    Sweep s;
    begin(&s, o, count.rows, result);
    give_all(&s);
    result->no_values = o->until_ci > 0;
    while (o->until_ci > 0 && !s.stopping) {
        drain(&s);
        if (!narrow(&s)) {
            break;
        }
    }
    return end(&s, error);
}

gboolean cp_sweep_run_points(const CpSweepOptions *o, const uint64_t *points, size_t n,
                             CpSweepResult *result, GError **error)
{
    Sweep s;
    begin(&s, o, n * o->repeats, result);
    Known k = {.o = o, .done = g_array_new(FALSE, FALSE, sizeof(CpRowId))};
    for (size_t i = 0; i < n && !s.stopping; i++) {
        GError *own = NULL;
        g_array_set_size(k.done, 0);
        k.at = 0;
        if (!cp_store_done(o->store, points[i], points[i] + 1, k.done, &own)) {
            keep_error(&s, own);
        }
        for (uint32_t r = 0; r < o->repeats && !s.stopping; r++) {
            give_missing(&s, &k, points[i], r);
        }
    }
    g_array_unref(k.done);
    return end(&s, error);
}
