/* Ctrl-C and SIGTERM: the first one asks the command to finish what it has in hand, the
 * second one ends the program at once. */
#ifndef CP_CLI_INTERRUPT_H
#define CP_CLI_INTERRUPT_H

/* From here on a signal that ends the program takes files with it that are not complete. */
void cp_interrupt_clean(void);
/* From here on the first signal only sets the flag. */
void cp_interrupt_catch(void);
/* From here on the flag is set when there is no memory left but what was kept for ending in
 * order; cp_interrupt_code is CP_EXIT_OUTPUT then. */
void cp_interrupt_without_memory(void);
/* Non-zero once a signal came; for CpSimConfig.interrupt. */
const volatile int *cp_interrupt_flag(void);
/* CP_EXIT_SIGINT or CP_EXIT_SIGTERM, 0: no signal came. */
int cp_interrupt_code(void);

#endif
