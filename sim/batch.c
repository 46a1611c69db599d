#include "sim/batch.h"

#include "sim/assert.h"

enum {
    WORKERS_MAX = 1024,
    /* Results that may wait for an earlier one, a worker. */
    WINDOW_PER_WORKER = 4,
};

typedef struct {
    void *result;
    bool is_there;
} Slot;

/* Shared by the workers and the caller; everything under `lock`. */
typedef struct {
    const CpBatch *batch;
    uint64_t n;
    uint64_t next;      /* index handed out next */
    uint64_t delivered; /* index delivered next */
    bool stopped;
    Slot *window; /* result of index i at i % window_size */
    uint64_t window_size;
    GMutex lock;
    GCond room;   /* next < delivered + window_size, or stopped */
    GCond result; /* some slot was filled */
} Run;

typedef struct {
    Run *run;
    unsigned number;
} Worker;

/* Takes the next index; false when there is none. */
static bool take_index(Run *run, uint64_t *index)
{
    while (!run->stopped && run->next < run->n &&
           run->next - run->delivered >= run->window_size) {
        g_cond_wait(&run->room, &run->lock);
    }
    if (run->stopped || run->next == run->n) {
        return false;
    }
    *index = run->next++;
    cp_assert(run->next - run->delivered <= run->window_size);
    return true;
}

static void *work(void *data)
{
    const Worker *worker = data;
    Run *run = worker->run;
    const CpBatch *batch = run->batch;
    uint64_t index;
    g_mutex_lock(&run->lock);
    while (take_index(run, &index)) {
        g_mutex_unlock(&run->lock);
        void *result = batch->job(index, worker->number, batch->data);
        g_mutex_lock(&run->lock);
        cp_assert(!run->window[index % run->window_size].is_there);
        run->window[index % run->window_size] = (Slot){result, true};
        g_cond_signal(&run->result);
    }
    g_mutex_unlock(&run->lock);
    return NULL;
}

/* Hands over results in order until all are or `done` says stop. */
static void deliver(Run *run)
{
    g_mutex_lock(&run->lock);
    while (!run->stopped && run->delivered < run->n) {
        Slot *slot = &run->window[run->delivered % run->window_size];
        if (!slot->is_there) {
            g_cond_wait(&run->result, &run->lock);
            continue;
        }
        void *result = slot->result;
        cp_assert(run->delivered < run->next); /* what nobody began is not there */
        *slot = (Slot){0};
        g_mutex_unlock(&run->lock);
        bool goes_on = run->batch->done(run->delivered, result, run->batch->data);
        g_mutex_lock(&run->lock);
        run->delivered++;
        run->stopped = !goes_on;
        if (run->stopped) {
            g_cond_broadcast(&run->room);
        } else {
            g_cond_signal(&run->room);
        }
    }
    g_mutex_unlock(&run->lock);
}

static void drop_undelivered(Run *run)
{
    for (uint64_t i = 0; i < run->window_size; i++) {
        if (run->window[i].is_there && run->batch->drop != NULL) {
            run->batch->drop(run->window[i].result);
        }
    }
}

/* One worker needs no thread. */
static uint64_t run_inline(const CpBatch *batch, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (!batch->done(i, batch->job(i, 0, batch->data), batch->data)) {
            return i + 1;
        }
    }
    return n;
}

uint64_t cp_batch_run(const CpBatch *batch, uint64_t n)
{
    cp_require(batch->job != NULL && batch->done != NULL);
    uint64_t wanted = batch->n_workers != 0 ? batch->n_workers : g_get_num_processors();
    unsigned n_workers = (unsigned)MIN(wanted, MIN(n, WORKERS_MAX));
    if (n_workers <= 1) {
        return run_inline(batch, n);
    }
    Run run = {.batch = batch, .n = n, .window_size = n_workers * WINDOW_PER_WORKER};
    run.window = g_new0(Slot, run.window_size);
    g_mutex_init(&run.lock);
    g_cond_init(&run.room);
    g_cond_init(&run.result);
    Worker *workers = g_new(Worker, n_workers);
    GThread **threads = g_new(GThread *, n_workers);
    unsigned started = 0;
    while (started < n_workers) {
        workers[started] = (Worker){&run, started};
        threads[started] = g_thread_try_new("batch", work, &workers[started], NULL);
        if (threads[started] == NULL) {
            break; /* the host has no room for more; fewer do the same */
        }
        started++;
    }
    if (started == 0) {
        n = run.n = run.delivered = run_inline(batch, n);
    }
    n_workers = started;
    deliver(&run);
    for (unsigned i = 0; i < n_workers; i++) {
        g_thread_join(threads[i]);
    }
    drop_undelivered(&run);
    cp_assert(run.stopped || run.delivered == n);
    g_free(threads);
    g_free(workers);
    g_free(run.window);
    g_cond_clear(&run.result);
    g_cond_clear(&run.room);
    g_mutex_clear(&run.lock);
    return run.delivered;
}
