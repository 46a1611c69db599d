#include "cli/interrupt.h"

#include "cli/cmd.h"
#include "cli/memory.h"
#include "traces/outfile.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What the first and the second Ctrl-C do, and the first one before anybody asked. */

enum { NO_MEMORY = -1 }; /* instead of the number of a signal */

/* A signal handler can reach nothing but a global; this is the program's only one, and no
 * part of the library. */
static volatile int caught;

static void on_signal(int number)
{
    if (caught != 0) {
        cp_outfile_abandon();
        _exit(128 + number);
    }
    caught = number;
}

/* Its disposition is the default one by now. */
static void on_end(int number)
{
    cp_outfile_abandon();
    raise(number);
}

void cp_interrupt_clean(void)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND}, before;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        /* What is ignored, as by nohup, stays so. */
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(ends[i], &action, NULL);
        }
    }
}

void cp_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

const volatile int *cp_interrupt_flag(void)
{
    return &caught;
}

int cp_interrupt_code(void)
{
    return caught == 0 ? 0 : caught == NO_MEMORY ? CP_EXIT_OUTPUT : 128 + caught;
}

void cp_interrupt_without_memory(void)
{
    cp_memory_keep(&caught, NO_MEMORY);
}
