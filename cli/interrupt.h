/* Ctrl-C and SIGTERM: the first one asks the command to finish what it has in hand, the
 * second one ends the program at once. */
#ifndef CP_CLI_INTERRUPT_H
#define CP_CLI_INTERRUPT_H

/* From here on the first signal only sets the flag. */
void cp_interrupt_catch(void);
/* Non-zero once a signal came; for CpSimConfig.interrupt. */
const volatile int *cp_interrupt_flag(void);
/* CP_EXIT_SIGINT or CP_EXIT_SIGTERM, 0: no signal came. */
int cp_interrupt_code(void);

#endif
