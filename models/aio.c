#include "models/pyflow.h"
void py_loop_ready(Py *p, uint32_t loop, uint32_t kind, uint32_t fut)
{
    (void)p;
    (void)loop;
    (void)kind;
    (void)fut;
}
void py_loop_wake(Py *p, uint32_t loop)
{
    (void)p;
    (void)loop;
}
void py_loops_clear(PySim *ps)
{
    (void)ps;
}
bool py_loop_metric(const CpSim *sim, const char *name, int64_t *value)
{
    (void)sim;
    (void)name;
    (void)value;
    return false;
}
CpStep py_task_ended(Py *p, uint32_t fut)
{
    (void)p;
    (void)fut;
    return CP_STEP_NEXT;
}
bool py_task_cancel(Py *p, uint32_t fut)
{
    (void)p;
    (void)fut;
    return false;
}
void py_group_child(Py *p, uint32_t group, uint32_t child)
{
    (void)p;
    (void)group;
    (void)child;
}
CpStep py_aio_step(Py *p)
{
    (void)p;
    return CP_STEP_NEXT;
}
CpStep py_aio_object(Py *p)
{
    (void)p;
    return CP_STEP_NEXT;
}
bool py_signal(Py *p, CpProcId proc, uint32_t number)
{
    (void)p;
    (void)proc;
    (void)number;
    return false;
}
