/* What the files of the timeline share; see sim/timeline.h. */
#ifndef CP_SIM_TIMELINE_OWN_H
#define CP_SIM_TIMELINE_OWN_H

#include "sim/assert.h"
#include "sim/timeline.h"

/* A record's CPU has 16 bits, and CP_RECORD_NO_CPU is none. */
enum { CP_CPUS_ROWS_MAX = CP_RECORD_NO_CPU };

typedef struct {
    CpTimeline seen; /* what others may look at; first */
    CpTimelineHooks hooks;
    void *data;
    CpTime from, to;                   /* window */
    uint64_t wanted;                   /* bit k: records of kind k are followed */
    uint32_t cpus_max, cpus_cap;       /* rows there may be, and have room */
    uint32_t threads_max, threads_cap; /* threads_max 0: threads are not followed */
    bool simulated;
    bool past;     /* the window is over */
    bool has_head; /* a block ended between `head` and its continuation */
    CpRecord head;
    GArray *locks, *gils;  /* CpSeenLock */
    GArray *loops;         /* CpSeenLoop */
    GHashTable *tasks;     /* number -> CpSeenTask, owned; NULL: not followed */
    GHashTable *throttles; /* group and CPU -> CpThrottleSpan, owned; the same */
    GHashTable *requests;  /* device and thread -> GArray of CpDeviceSpan; the same */
} CpFollower;

/* Cuts a span that ends at *to at the window; false: nothing of it is inside. */
static inline bool cp_follow_cut(const CpFollower *f, CpTime since, CpTime to, CpTime *from)
{
    *from = since > f->from ? since : f->from;
    return *from < to || (since == to && since >= f->from);
}

static inline bool cp_follow_inside(const CpFollower *f)
{
    return f->seen.now >= f->from; /* what is behind the window is not followed */
}

/* The row of a thread, made if need be; NULL: not followed. */
CpSeenThread *cp_follow_thread(CpFollower *f, uint32_t id);

/* timeline-objects.c: locks, interpreters' locks, quotas, devices. */
void cp_follow_objects_init(CpFollower *f, unsigned keep);
void cp_follow_objects_clear(CpFollower *f);
void cp_follow_lock(CpFollower *f, const CpRecord *r, uint32_t thread);
void cp_follow_gil(CpFollower *f, const CpRecord *r, uint32_t thread);
void cp_follow_throttle(CpFollower *f, const CpRecord *r);
void cp_follow_device(CpFollower *f, const CpRecord *r, const CpRecord *more);
/* The thread has waited for something else since: when it last came back from a wait it had
 * given up waiting for the lock. */
void cp_follow_lock_left(CpFollower *f, uint32_t thread);
/* A thread that ended holds nothing and waits for nothing. */
void cp_follow_objects_exit(CpFollower *f, uint32_t thread);
void cp_follow_objects_finish(CpFollower *f);
/* What a blocked thread waits for. */
uint32_t cp_follow_object(const CpSeenThread *t, CpRecordKind *kind);

/* timeline-runtime.c: event loops and their tasks. */
void cp_follow_runtime_init(CpFollower *f, unsigned keep);
void cp_follow_runtime_clear(CpFollower *f);
void cp_follow_loop(CpFollower *f, const CpRecord *r, const CpRecord *more);
void cp_follow_task(CpFollower *f, const CpRecord *r, const CpRecord *more);
void cp_follow_runtime_finish(CpFollower *f);

#endif
