/* A program that is read from somewhere while it runs, instead of being held in memory:
 * the hook by which recordings of any length are replayed.
 *
 * The workload holds the few instructions all its pieces are made of (`compute` for a time
 * in a register, `wake` of each thread ...); a piece of a stream is a choice of one of
 * them, called a target, and a value.  The operation `replay` reads the piece at the place
 * that a register holds, moves the place on and jumps.  Where a thread is in its stream is
 * thus part of its registers: looking ahead is reading on with a copy of them, and a reader
 * may keep what it likes of what it has read, for it changes no answer. */
#ifndef CP_SIM_REPLAY_H
#define CP_SIM_REPLAY_H

#include "sim/types.h"

typedef struct {
    uint32_t target; /* row of CpReplay.targets */
    int64_t value;
} CpReplayPiece;

typedef struct CpReplay {
    GArray *targets; /* uint32_t: pc; owned */
    void *source;    /* where the streams are; owned through `free`, no run changes it */
    uint64_t hash;   /* of all streams */
    void (*free)(void *source);
    /* State of one run, which may go on beside others on other host threads. */
    void *(*open)(const void *source);
    void (*close)(void *reader);
    /* Reads the piece at *place of the stream of a thread declaration and moves *place
     * behind it.  False: it cannot be read. */
    bool (*next)(void *reader, uint32_t decl, int64_t *place, CpReplayPiece *piece,
                 GError **error);
} CpReplay;

#endif
