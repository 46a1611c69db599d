/* The yardstick: an EEVDF scheduler with nothing else around it.
 *
 * CPU-bound threads of mixed weights, each tied to a CPU; the only event is the end of a
 * slice.  Per CPU two heaps of four children, one of threads that wait to become eligible
 * (by virtual runtime), one of eligible threads (by virtual deadline); next events of all
 * CPUs in a winner tree; one 16-byte record a switch if asked for.  No policy interface, no
 * ticks, no metrics, no wake-ups: what any simulator of this work must do at least. */
#ifndef CP_TESTS_BARE_EEVDF_H
#define CP_TESTS_BARE_EEVDF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BARE_SLICE = 3000000, BARE_LOG = 1 << 16 }; /* ns; records kept, then overwritten */

typedef struct {
    int64_t vruntime, deadline; /* virtual ns */
    uint32_t weight, inverse;   /* 1024 = nice 0; 2^32 / weight */
} BareThread;

typedef struct {
    int64_t key;
    uint32_t thread;
} BareEntry;

typedef struct {
    BareEntry *entry;
    uint32_t n;
} BareHeap;

typedef struct {
    BareHeap waiting, eligible;
    int64_t zero;     /* virtual time that `moment` is counted from */
    int64_t moment;   /* sum of (vruntime - zero) * weight over all threads of the CPU */
    int64_t weight;   /* sum of weights */
    uint32_t running; /* thread on the CPU; in no heap */
    uint64_t since;   /* when it began, ns */
} BareCpu;

typedef struct {
    uint64_t time;
    uint32_t thread;
    uint16_t cpu, kind;
} BareRecord;

typedef struct {
    BareThread *thread;
    BareCpu *cpu;
    uint64_t *slot; /* winner tree, time << 12 | cpu */
    uint32_t n_cpus, n_threads, n_leaves;
    BareRecord *log; /* NULL: nothing is recorded */
    uint64_t n_records;
} Bare;

static inline void bare_heap_add(BareHeap *heap, int64_t key, uint32_t thread)
{
    uint32_t at = heap->n++;
    for (; at > 0; at = (at - 1) / 4) {
        uint32_t parent = (at - 1) / 4;
        if (heap->entry[parent].key <= key) {
            break;
        }
        heap->entry[at] = heap->entry[parent];
    }
    heap->entry[at] = (BareEntry){key, thread};
}

static inline uint32_t bare_heap_take(BareHeap *heap)
{
    uint32_t first = heap->entry[0].thread, hole = 0;
    BareEntry last = heap->entry[--heap->n];
    for (;;) {
        uint32_t child = 4 * hole + 1, least = child;
        if (child >= heap->n) {
            break;
        }
        uint32_t end = child + 4 < heap->n ? child + 4 : heap->n;
        for (uint32_t i = child + 1; i < end; i++) {
            least = heap->entry[i].key < heap->entry[least].key ? i : least;
        }
        if (last.key <= heap->entry[least].key) {
            break;
        }
        heap->entry[hole] = heap->entry[least];
        hole = least;
    }
    heap->entry[hole] = last;
    return first;
}

/* Eligible: not ahead of the weighted average of the CPU's threads. */
static inline bool bare_is_eligible(const BareCpu *cpu, int64_t vruntime)
{
    return (vruntime - cpu->zero) * cpu->weight <= cpu->moment;
}

static inline int64_t bare_virtual(const BareThread *t, uint64_t ns)
{
    return t->weight == 1024 ? (int64_t)ns
                             : (int64_t)((unsigned __int128)ns * t->inverse >> 22);
}

static inline void bare_start(Bare *b, uint32_t c, uint64_t now)
{
    BareCpu *cpu = &b->cpu[c];
    const BareThread *t = &b->thread[cpu->running];
    uint64_t left = ((uint64_t)(t->deadline - t->vruntime) * t->weight + 1023) >> 10;
    cpu->since = now;
    uint32_t i = b->n_leaves + c;
    uint64_t key = (now + left) << 12 | c;
    for (b->slot[i] = key; i > 1;) {
        uint64_t other = b->slot[i ^ 1];
        key = other < key ? other : key;
        i /= 2;
        b->slot[i] = key;
    }
}

/* The running thread of a CPU has used its slice: charge it, queue it, pick the next. */
static inline void bare_slice_end(Bare *b, uint32_t c, uint64_t now)
{
    BareCpu *cpu = &b->cpu[c];
    uint32_t old = cpu->running;
    BareThread *t = &b->thread[old];
    int64_t delta = bare_virtual(t, now - cpu->since);
    t->vruntime += delta;
    if (t->vruntime >= t->deadline) {
        t->deadline = t->vruntime + bare_virtual(t, BARE_SLICE);
    }
    cpu->moment += delta * t->weight;
    int64_t mean = cpu->moment / cpu->weight;
    if (mean > 1 << 24) { /* now and then, so that the products stay small */
        cpu->zero += mean;
        cpu->moment -= mean * cpu->weight;
    }
    while (cpu->waiting.n > 0 && bare_is_eligible(cpu, cpu->waiting.entry[0].key)) {
        uint32_t ripe = bare_heap_take(&cpu->waiting);
        bare_heap_add(&cpu->eligible, b->thread[ripe].deadline, ripe);
    }
    if (bare_is_eligible(cpu, t->vruntime)) {
        bare_heap_add(&cpu->eligible, t->deadline, old);
    } else {
        bare_heap_add(&cpu->waiting, t->vruntime, old);
    }
    cpu->running = bare_heap_take(cpu->eligible.n > 0 ? &cpu->eligible : &cpu->waiting);
}

/* Simulates n switches; returns the simulated time reached. */
static inline uint64_t bare_run(Bare *b, uint64_t n)
{
    uint64_t now = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t c = (uint32_t)(b->slot[1] & 4095);
        now = b->slot[1] >> 12;
        bare_slice_end(b, c, now);
        if (b->log != NULL) {
            b->log[b->n_records++ % BARE_LOG] =
                (BareRecord){now, b->cpu[c].running, (uint16_t)c, 1};
        }
        bare_start(b, c, now);
    }
    return now;
}

/* 64 scattered bits of a number. */
static inline uint64_t bare_scatter(uint64_t x)
{
    x = (x + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* Weight of a thread: nice 0 1 -1 5 -5 0 0 0, scattered. */
static inline uint32_t bare_weight(uint32_t thread)
{
    static const uint32_t weights[] = {1024, 820, 1277, 335, 3121, 1024, 1024, 1024};
    return weights[bare_scatter(thread) % 8];
}

/* Each thread has a start of its own within one slice; thread i belongs to CPU i modulo
 * n_cpus. */
static inline void bare_init(Bare *b, uint32_t n_cpus, uint32_t n_threads, bool record)
{
    *b = (Bare){.n_cpus = n_cpus, .n_threads = n_threads, .n_leaves = 1};
    while (b->n_leaves < n_cpus) {
        b->n_leaves *= 2;
    }
    b->thread = calloc(n_threads, sizeof *b->thread);
    b->cpu = calloc(n_cpus, sizeof *b->cpu);
    b->slot = malloc(2 * b->n_leaves * sizeof *b->slot);
    b->log = record ? calloc(BARE_LOG, sizeof *b->log) : NULL;
    if (b->thread == NULL || b->cpu == NULL || b->slot == NULL) {
        abort();
    }
    memset(b->slot, 0xff, 2 * b->n_leaves * sizeof *b->slot);
    for (uint32_t c = 0; c < n_cpus; c++) {
        BareCpu *cpu = &b->cpu[c];
        cpu->running = UINT32_MAX;
        cpu->waiting.entry = calloc(n_threads / n_cpus + 2, sizeof(BareEntry));
        cpu->eligible.entry = calloc(n_threads / n_cpus + 2, sizeof(BareEntry));
    }
    for (uint32_t i = 0; i < n_threads; i++) {
        BareCpu *cpu = &b->cpu[i % n_cpus];
        uint32_t w = bare_weight(i);
        int64_t start = (int64_t)(bare_scatter(i + (UINT64_C(1) << 32)) % BARE_SLICE);
        BareThread *t = &b->thread[i];
        *t = (BareThread){start, 0, w, (uint32_t)((UINT64_C(1) << 32) / w)};
        t->deadline = start + bare_virtual(t, BARE_SLICE);
        cpu->weight += w;
        cpu->moment += start * w;
        if (cpu->running == UINT32_MAX) {
            cpu->running = i;
        } else {
            bare_heap_add(&cpu->waiting, start, i);
        }
    }
    for (uint32_t c = 0; c < n_cpus; c++) {
        bare_start(b, c, 0);
    }
}

static inline void bare_clear(Bare *b)
{
    for (uint32_t c = 0; c < b->n_cpus; c++) {
        free(b->cpu[c].waiting.entry);
        free(b->cpu[c].eligible.entry);
    }
    free(b->cpu);
    free(b->thread);
    free(b->slot);
    free(b->log);
}

#endif
