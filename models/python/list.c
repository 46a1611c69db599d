#include "models/python/future.h"

#include "sim/service.h"

/* Lists of results: what map and gather give.  A list is a block of cells, its head first;
 * it belongs to the flow that has its name, and ends with it, or with the next one of that
 * name.
 */

/* Cells of a block are a power of two. */
static uint32_t class_of(uint32_t n_cells)
{
    uint32_t class = 0;
    while ((UINT32_C(1) << class) < n_cells) {
        class ++;
    }
    return class;
}

static PyCell *cell(const PySim *ps, uint32_t i)
{
    cp_assert(i < ps->cells.n);
    return (PyCell *)ps->cells.rows + i;
}

uint32_t py_list_new(PySim *ps, uint32_t n)
{
    uint32_t class = class_of(n + 1);
    uint32_t list = ps->free_list[class];
    if (list != 0) {
        ps->free_list[class] = (uint32_t)cell(ps, list)->value;
    } else {
        list = cp_row_new(ps->sim, &ps->cells, "results");
        for (uint32_t i = 1; i < UINT32_C(1) << class; i++) {
            cp_row_new(ps->sim, &ps->cells, "results");
        }
    }
    if (ps->cells.n < list + (UINT32_C(1) << class)) {
        return 0; /* the table is full, and the run over */
    }
    *cell(ps, list) = (PyCell){.value = n, .exc = class};
    for (uint32_t i = 1; i <= n; i++) {
        *cell(ps, list + i) = (PyCell){.value = CP_ITEM_NONE};
    }
    return list;
}

void py_list_free(PySim *ps, uint32_t list)
{
    if (list != 0) {
        uint32_t class = cell(ps, list)->exc;
        cell(ps, list)->value = ps->free_list[class];
        ps->free_list[class] = list;
    }
}

uint32_t py_list_n(const PySim *ps, uint32_t list)
{
    return list == 0 ? 0 : (uint32_t)cell(ps, list)->value;
}

void py_list_put(PySim *ps, uint32_t *list, uint32_t i, int64_t value, uint32_t exc)
{
    uint32_t n = py_list_n(ps, *list);
    if (i >= n && *list != 0 && i + 2 <= UINT32_C(1) << cell(ps, *list)->exc) {
        for (; n <= i; n++) {
            *cell(ps, *list + 1 + n) = (PyCell){.value = CP_ITEM_NONE};
        }
        cell(ps, *list)->value = n;
    } else if (i >= n) {
        uint32_t larger = py_list_new(ps, i + 1);
        for (uint32_t k = 1; larger != 0 && k <= n; k++) {
            *cell(ps, larger + k) = *cell(ps, *list + k);
        }
        py_list_free(ps, *list);
        *list = larger;
    }
    if (*list != 0) {
        *cell(ps, *list + 1 + i) = (PyCell){.value = value, .exc = exc};
    }
}

int64_t py_list_get(const PySim *ps, uint32_t list, uint32_t i)
{
    cp_assert(i < py_list_n(ps, list));
    return cell(ps, list + 1 + i)->value;
}

void py_list_own(const Py *p, uint32_t list)
{
    PyFlow *pf = py_flow(p->sim, cp_thread(p->sim, p->tid)->flow);
    if (list != 0) {
        cell(p->ps, list)->next = pf->lists;
        pf->lists = list;
    }
}

void py_lists_end(PySim *ps, PyFlow *pf)
{
    while (pf->lists != 0) {
        uint32_t list = pf->lists;
        pf->lists = cell(ps, list)->next;
        py_list_free(ps, list);
    }
}

/* As many of them as anybody reads. */
void py_print_list(CpSim *sim, CpTid tid, int64_t handle)
{
    enum { SHOWN_MAX = 1000 };
    const PySim *ps = py_sim(sim);
    uint32_t list = (uint32_t)handle, n = MIN(py_list_n(ps, list), SHOWN_MAX);
    cp_print_value(sim, tid, CP_PRINT_LIST, n);
    for (uint32_t i = 0; i < n; i++) {
        const PyCell *c = cell(ps, list + 1 + i);
        bool failed = c->exc != 0 && c->exc < PY_EXC_CANCELLED;
        cp_print_value(sim, tid, failed ? CP_PRINT_EXCEPTION : CP_PRINT_NUMBER,
                       failed ? c->exc : c->value);
    }
}
