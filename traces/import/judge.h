/* What a foreign trace is like as a whole, judged by its first events: whether the heads of
 * its lines can be believed, how its kernel prints states, which names are the kernel's. */
#ifndef CP_TRACES_IMPORT_JUDGE_H
#define CP_TRACES_IMPORT_JUDGE_H

#include "traces/import/event.h"

/* The thread that starts the threads of the kernel. */
enum { CP_KTHREADD = 2 };

/* States in which threads left their CPUs, as printed. */
typedef struct {
    uint64_t thread[128], idle[128]; /* by letter; '+': preempted */
    bool are_numbers;
} CpStatesSeen;

void cp_states_note(CpStatesSeen *seen, const CpTraceEvent *e);

/* Kernels 4.14 to 4.20 print states one place too high in the order R S D T t X Z P I: the
 * idle task, which can always run, leaves with S. */
bool cp_states_are_shifted(const CpStatesSeen *seen);

/* The state as meant: letter and CP_SWITCH_ bits. */
uint32_t cp_state_of(uint32_t printed, bool shifted);

/* Heads of lines give pids of a container in some traces, names of somebody else in others:
 * then they do not agree with who left the CPU in switches. */
bool cp_heads_are_good(uint64_t right, uint64_t wrong);

/* Whether only a thread of the kernel is called so. */
bool cp_kernel_thread_name(const char *name);

#endif
