#include "cli/interrupt.h"

#include "cli/cmd.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What the first and the second Ctrl-C do. */

/* A signal handler can reach nothing but a global; this is the program's only one, and no
 * part of the library. */
static volatile int caught;

static void on_signal(int number)
{
    if (caught != 0) {
        _exit(128 + number);
    }
    caught = number;
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
    return caught == 0 ? 0 : 128 + caught;
}
