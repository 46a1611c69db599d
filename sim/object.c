#include "sim/object.h"

/* Decides how objects begin, and keeps what waits in them. */

void cp_objects_init(CpSim *sim)
{
    sim->objs = g_new0(CpObj, sim->w->objs->len + 1);
    for (uint32_t i = 0; i < sim->w->objs->len; i++) {
        const CpObjDecl *d = cp_obj_decl(sim->w, i);
        sim->objs[i] = (CpObj){.kind = d->kind,
                               .flags = d->flags,
                               .decl = i,
                               .owner = CP_NONE,
                               .lock = d->lock,
                               .value = d->kind == CP_OBJ_SEMAPHORE ? d->n : 0,
                               .chan = cp_channel_new(sim),
                               .chan2 = cp_channel_new(sim),
                               .joiners = cp_channel_new(sim)};
    }
}

void cp_objects_clear(CpSim *sim)
{
    for (uint32_t i = 0; sim->objs != NULL && i < sim->w->objs->len; i++) {
        g_free(sim->objs[i].items);
    }
    g_clear_pointer(&sim->objs, g_free);
}

/* --- rings of items --- */

void cp_items_push(CpObj *obj, CpItem item)
{
    if (obj->n == obj->cap) {
        uint32_t cap = obj->cap == 0 ? 16 : 2 * obj->cap;
        CpItem *items = g_new(CpItem, cap);
        for (uint32_t i = 0; i < obj->n; i++) {
            items[i] = obj->items[(obj->head + i) % obj->cap];
        }
        g_free(obj->items);
        obj->items = items;
        obj->head = 0;
        obj->cap = cap;
    }
    cp_assert(obj->n < obj->cap && obj->head < obj->cap);
    obj->items[(obj->head + obj->n) % obj->cap] = item;
    obj->n++;
    obj->n_max = MAX(obj->n_max, obj->n);
}

CpItem cp_items_pop(CpObj *obj)
{
    cp_assert(obj->n > 0 && obj->n <= obj->cap);
    CpItem item = obj->items[obj->head];
    obj->head = (obj->head + 1) % obj->cap;
    obj->n--;
    return item;
}
