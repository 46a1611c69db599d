#include "traces/import/judge.h"

#include "sim/record.h"

#include <string.h>

/* What is concluded from the first events of a trace about all of it. */

void cp_states_note(CpStatesSeen *seen, const CpTraceEvent *e)
{
    bool preempted = (e->state & CP_SWITCH_PREEMPTED) != 0;
    unsigned letter = preempted ? '+' : (unsigned char)CP_SWITCH_STATE(e->state) & 127;
    (e->subject.pid == 0 ? seen->idle : seen->thread)[letter]++;
    seen->are_numbers |= e->state_is_number;
}

/* Numbers of kernels before 2.6.35 said S of the idle task too: there most threads leave
 * with S, which is D where states are printed too high. */
bool cp_states_are_shifted(const CpStatesSeen *seen)
{
    bool idle = seen->idle['S'] > 0 && seen->idle['R'] == 0 && seen->idle['+'] == 0;
    return idle && seen->thread['R'] == 0 &&
           (!seen->are_numbers || seen->thread['D'] > seen->thread['S']);
}

uint32_t cp_state_of(uint32_t printed, bool shifted)
{
    static const char order[] = "RSDTtXZPI";
    char letter = CP_SWITCH_STATE(printed);
    if (shifted && !(printed & CP_SWITCH_PREEMPTED) && letter != 0) {
        const char *at = strchr(order, letter);
        letter = at != NULL && at > order ? at[-1] : letter;
    }
    letter = letter == 'Z' ? 'X' : letter;
    return (printed & ~0xffu) | (unsigned char)letter;
}

bool cp_heads_are_good(uint64_t right, uint64_t wrong)
{
    return wrong == 0 || right > 4 * wrong;
}

/* Names that kernels and their drivers give their threads; those that end in a mark are
 * followed by a number of a CPU, a queue or a device. */
bool cp_kernel_thread_name(const char *name)
{
    static const char *const prefixes[] = {
        "kworker/",      "ksoftirqd/",    "migration/",   "rcu_",       "rcuo",
        "rcub/",         "rcuc/",         "kthreadd",     "kswapd",     "cpuhp/",
        "watchdog/",     "jbd2/",         "irq/",         "napi/",      "ktimers/",
        "kcompactd",     "khugepaged",    "khungtaskd",   "kblockd",    "kauditd",
        "kdevtmpfs",     "kintegrity",    "oom_reaper",   "writeback",  "mm_percpu_wq",
        "ktimersoftd/",  "posixcputmr",   "idle_inject/", "scsi_eh_",   "scsi_tmf_",
        "ext4-rsv-conv", "xfsaild/",      "xfs-",         "nvme-",      "vhost-",
        "kvm-pit/",      "backlog_napi/", "pr/",          "card0-crtc", "usb-storage",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}
