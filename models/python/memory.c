#include "models/python/py.h"

/* What Python processes take of the machine's memory, counted, not simulated: bytes that go
 * away when they end.  Pages that processes share are counted once, as proportional set
 * size does; measured so with real interpreters, see docs/python-runtime.md. */

/* Of an empty interpreter, what a child of the fork server shares with it. */
enum { SERVER_SHARES_PERCENT = 45 };

static int64_t with_overhead(const PyProc *proc, int64_t bytes)
{
    bool free = proc->kind == PY_GIL_NONE && !proc->version.foreign;
    return free ? bytes + (int64_t)((__int128)bytes * proc->v[PYP_MEM_FREE] / 1000000)
                : bytes;
}

static int64_t bare_size(const PyProc *proc)
{
    return with_overhead(proc, py_bare_size(&proc->version));
}

static int64_t whole_size(const PyProc *proc)
{
    int64_t given = with_overhead(proc, proc->v[PYP_MEM_PROCESS]);
    return given > 0 ? given : bare_size(proc);
}

static void book(PySim *ps, PyProc *proc, int64_t bytes)
{
    proc->memory += bytes;
    cp_assert(proc->memory >= 0);
    py_memory(ps, bytes);
}

void py_memory_process(PySim *ps, PyProc *proc)
{
    cp_assert(!proc->counted);
    proc->counted = true;
    book(ps, proc, whole_size(proc));
}

/* A fork copies what it writes to, and reading an object writes its count of references. */
void py_memory_child(PySim *ps, PyProc *parent, PyProc *child, uint8_t method)
{
    cp_assert(!child->counted);
    int64_t whole = whole_size(child), own = whole;
    child->counted = true;
    if (method == CP_START_FORK) {
        own = child->v[PYP_MEM_FORKED] +
              (int64_t)((__int128)whole * child->v[PYP_MEM_TOUCHED] / 1000000);
    } else if (method == CP_START_FORKSERVER) {
        own -= bare_size(child) * SERVER_SHARES_PERCENT / 100;
        if (!parent->served) {
            parent->served = true;
            book(ps, parent, bare_size(parent));
        }
    }
    book(ps, child, MIN(own, whole));
}

/* It imports what the program imports once more. */
void py_memory_interpreter(PySim *ps, PyProc *proc)
{
    book(ps, proc,
         with_overhead(proc, proc->v[PYP_MEM_INTERP]) + whole_size(proc) - bare_size(proc));
}

void py_memory_thread(PySim *ps, PyProc *proc, int sign)
{
    py_memory(ps, sign * proc->v[PYP_MEM_THREAD]);
}

void py_memory_gone(PySim *ps, PyProc *proc)
{
    book(ps, proc, -proc->memory);
}
