/* Operands of instructions: how each letter of an operation's row is checked and printed,
 * and which registers it names.  For the verifier, the listing and the engine's assembly.
 */
#ifndef CP_SIM_OPERAND_H
#define CP_SIM_OPERAND_H

#include "sim/program.h"

/* A check under way; `subject` says of what, for messages: "thread 0 (main)". */
typedef struct {
    const CpWorkload *w;
    char subject[64];
    GError **error;
} CpCheck;

/* Each returns whether all is well, and sets the error if not. */
bool cp_check_fail(CpCheck *check, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool cp_check_exists(CpCheck *check, const char *what, uint64_t index, guint n);
bool cp_check_exists_or_none(CpCheck *check, const char *what, uint32_t index, guint n);
/* A value given by CP_ARG_*: in an instruction or in a declaration. */
bool cp_check_argument(CpCheck *check, unsigned arg, uint32_t index, bool may_lack);
/* Every operand of the instruction but its registers; the operation is known. */
bool cp_check_operands(CpCheck *check, const CpInsn *insn);

typedef struct {
    uint32_t end; /* one above the highest one; 0: none */
    bool release; /* CP_REG_RELEASE is among them */
} CpRegsNamed;

/* The registers an instruction names; one that has been checked. */
CpRegsNamed cp_operands_registers(const CpWorkload *w, const CpInsn *insn);

/* "r2, timeout r3, mutex"; also of instructions no check has seen. */
void cp_operands_print(const CpWorkload *w, const CpInsn *insn, GString *out);

/* Whether ops may use it in their rows. */
bool cp_operand_known(char letter);

/* The text of a row that may not be there. */
const char *cp_operand_name(const CpWorkload *w, uint32_t string);

#endif
