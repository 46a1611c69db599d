/* The work of `make bench-peers` as a plain loop over GLib's balanced tree: first come
 * first served instead of EEVDF, nothing measured, no costs.  The least one would write by
 * hand.
 *
 *   peer-gtree THREADS CPUS MS */
#include "tests/bench/bench.h"

#include <glib.h>
#include <math.h>

typedef struct {
    int64_t at;
    uint64_t order; /* first in, first out at equal times */
    uint32_t thread;
    bool is_end; /* of a burst; else of a sleep */
} Event;

typedef struct {
    GTree *events;
    GQueue *ready;
    uint64_t order, bursts, seed;
    unsigned idle;
} Loop;

static gint compare(gconstpointer a, gconstpointer b, gpointer data)
{
    const Event *x = a, *y = b;
    (void)data; /* the order needs nothing else */
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static int64_t exponential(Loop *loop, double mean_ns)
{
    loop->seed = loop->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    double unit = ((double)(loop->seed >> 11) + 0.5) * 0x1p-53;
    return (int64_t)(-log(unit) * mean_ns);
}

static void add(Loop *loop, int64_t at, uint32_t thread, bool is_end)
{
    Event *event = g_new(Event, 1);
    *event = (Event){at, loop->order++, thread, is_end};
    g_tree_insert(loop->events, event, event);
}

static void start(Loop *loop, int64_t now, uint32_t thread)
{
    loop->idle--;
    add(loop, now + exponential(loop, 200e3), thread, true);
}

static void handle(Loop *loop, const Event *event)
{
    if (!event->is_end && loop->idle == 0) {
        g_queue_push_tail(loop->ready, GUINT_TO_POINTER(event->thread));
        return;
    }
    if (!event->is_end) {
        start(loop, event->at, event->thread);
        return;
    }
    loop->bursts++;
    loop->idle++;
    add(loop, event->at + exponential(loop, 2e6), event->thread, false);
    if (!g_queue_is_empty(loop->ready)) {
        start(loop, event->at, GPOINTER_TO_UINT(g_queue_pop_head(loop->ready)));
    }
}

int main(int argc, char **argv)
{
    char *quick[] = {argv[0], "16", "2", "100", NULL};
    if (argc == 2 && bench_quick(argc, argv)) {
        argv = quick;
    } else if (argc != 4) {
        fprintf(stderr, "usage: peer-gtree THREADS CPUS MS\n");
        return 2;
    }
    Loop loop = {.events = g_tree_new_full(compare, NULL, g_free, NULL),
                 .ready = g_queue_new(),
                 .idle = (unsigned)atoi(argv[2]),
                 .seed = 1};
    int64_t end = atoi(argv[3]) * INT64_C(1000000);
    for (uint32_t i = 0; i < (uint32_t)atoi(argv[1]); i++) {
        add(&loop, 0, i, false);
    }
    double begin = bench_now_ns();
    for (;;) {
        GTreeNode *first = g_tree_node_first(loop.events);
        Event event = *(const Event *)g_tree_node_key(first);
        if (event.at > end) {
            break;
        }
        g_tree_remove(loop.events, g_tree_node_key(first));
        handle(&loop, &event);
    }
    double ns = bench_now_ns() - begin;
    printf("%llu %.1f\n", (unsigned long long)loop.bursts, ns / (double)loop.bursts);
    g_tree_unref(loop.events);
    g_queue_free(loop.ready);
    return 0;
}
