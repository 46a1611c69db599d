#include "models/pyflow.h"
CpStep py_call_ended(Py *p, uint32_t fut)
{
    (void)p;
    (void)fut;
    return CP_STEP_NEXT;
}
bool py_call_cancel(Py *p, uint32_t fut)
{
    (void)p;
    (void)fut;
    return false;
}
void py_iter_child(Py *p, uint32_t iter, uint32_t child)
{
    (void)p;
    (void)iter;
    (void)child;
}
CpStep py_pool_step(Py *p)
{
    (void)p;
    return CP_STEP_NEXT;
}
