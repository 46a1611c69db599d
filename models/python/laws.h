/* The laws of the python runtime, checked on a stream of records: of a run while it goes on
 * (the checker is a CpSink's `write`), or of a recording, block by block.
 *
 *   one holder      an interpreter lock has at most one holder, and who gives it up has it
 *   on a CPU        who takes an interpreter lock is running
 *   with the lock   a thread whose interpreter has a lock holds it while it runs iterations
 *                   and steps of a loop, marks and responds
 *   one step        steps of a loop follow each other within its iterations, on its own
 *                   thread, not more of them than there were handles
 *   ends once       a task or call that was made ends, and only once; a pool's call that
 *                   was submitted has ended when the program is done
 *   one owner       a lock has at most one owner
 *
 * What was not seen to begin (a recording of a part of a run) breaks no law. */
#ifndef CP_MODELS_PYTHON_LAWS_H
#define CP_MODELS_PYTHON_LAWS_H

#include "sim/record.h"

typedef struct CpPyLaws CpPyLaws;

CpPyLaws *cp_pylaws_new(void);
void cp_pylaws_free(CpPyLaws *laws);
/* Whole records in order; CP_ERROR_MODEL names the law, the time and who broke it. */
gboolean cp_pylaws_read(void *laws, const CpRecord *records, size_t n, GError **error);
/* After the last record, once.  `done`: all processes have come to their end by themselves.
 */
gboolean cp_pylaws_end(CpPyLaws *laws, bool done, GError **error);

#endif
