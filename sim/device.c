#include "sim/engine.h"

#include <string.h>

/* Everything that happens beside the CPUs: devices, open arrival streams, interrupt noise,
 * and the queues of items that objects keep. */

/* An interrupt takes `cost` from whoever runs there, without charging it. */
void cp_irq(CpSim *sim, CpCpu cpu, CpTime cost)
{
    CpCore *core = &sim->cores[cpu];
    if (cost > 0 && core->curr != CP_NONE) {
        cp_core_advance(sim, core);
        core->irq_left += cost;
        cp_core_arm(sim, core);
    }
}

/* --- requests in flight --- */

uint32_t cp_request_new(CpSim *sim)
{
    if (sim->free_request != CP_NONE) {
        uint32_t row = sim->free_request;
        sim->free_request = g_array_index(sim->requests, CpRequest, row).next_free;
        return row;
    }
    CpRequest empty = {0};
    g_array_append_val(sim->requests, empty);
    return sim->requests->len - 1;
}

void cp_request_free(CpSim *sim, uint32_t request)
{
    g_array_index(sim->requests, CpRequest, request).next_free = sim->free_request;
    sim->free_request = request;
}

/* --- devices --- */

static void device_start(CpSim *sim, CpObj *dev, uint32_t request)
{
    const CpRequest *r = &g_array_index(sim->requests, CpRequest, request);
    dev->running++;
    cp_record_wide(sim, CP_REC_DEVICE, r->obj, CP_RECORD_NO_CPU, 1, r->tid, r->service);
    cp_timer_push(sim, CP_TIMER_DEVICE, sim->now + r->service, request, 0);
}

/* How long so many bytes take on the device's line. */
static CpTime transfer_time(const CpObjDecl *decl, int64_t bytes)
{
    __int128 ns = decl->bandwidth > 0 ? (__int128)bytes * CP_S / decl->bandwidth : 0;
    return ns < CP_NEVER / 4 ? (CpTime)ns : CP_NEVER / 4;
}

void cp_device_submit(CpSim *sim, CpObjId obj, CpTid tid, CpTime service, int64_t bytes)
{
    CpObj *dev = &sim->objs[obj];
    const CpObjDecl *decl = cp_obj_decl(sim->w, obj);
    uint32_t row = cp_request_new(sim);
    CpRequest *r = &g_array_index(sim->requests, CpRequest, row);
    if (service < 0) {
        service =
            decl->service_arg == CP_ARG_NONE
                ? 0
                : cp_operand(sim, cp_flow_of(sim, tid), decl->service_arg, decl->service);
    }
    *r = (CpRequest){
        .obj = obj, .tid = tid, .service = service, .transfer = transfer_time(decl, bytes)};
    dev->acquired++;
    cp_record_wide(sim, CP_REC_DEVICE, obj, CP_RECORD_NO_CPU, 0, tid, service);
    if (decl->n == 0 || dev->running < (uint64_t)decl->n) {
        device_start(sim, dev, row);
    } else {
        dev->contended++;
        cp_items_push(dev, (CpItem){.value = row, .sent = sim->now});
    }
}

/* The request has been served and wants the device's line, which carries one transfer after
 * the other; `since` is when the line is free. */
static void device_transfer(CpSim *sim, CpObj *dev, uint32_t request)
{
    CpRequest *r = &g_array_index(sim->requests, CpRequest, request);
    CpTime start = MAX(dev->since, sim->now);
    dev->since = start + r->transfer;
    r->service += dev->since - sim->now;
    r->transfer = 0;
    cp_timer_push(sim, CP_TIMER_DEVICE, dev->since, request, 0);
}

void cp_device_done(CpSim *sim, uint32_t request)
{
    CpRequest r = g_array_index(sim->requests, CpRequest, request);
    CpObj *dev = &sim->objs[r.obj];
    if (r.transfer > 0) {
        device_transfer(sim, dev, request);
        return;
    }
    CpCpu cpu = cp_thread(sim, r.tid)->cpu;
    cp_request_free(sim, request);
    dev->running--;
    cp_record_wide(sim, CP_REC_DEVICE, r.obj, cpu, 2, r.tid, r.service);
    if (dev->n > 0) {
        CpItem next = cp_items_pop(dev);
        CpTime waited = sim->now - MAX(next.sent, sim->counted_from);
        dev->wait_ns += waited;
        dev->wait_max_ns = MAX(dev->wait_max_ns, waited);
        device_start(sim, dev, (uint32_t)next.value);
    }
    cp_irq(sim, cpu, cp_obj_decl(sim->w, r.obj)->latency);
    sim->irq_cpu = cpu;
    cp_wake_thread(sim, r.tid, CP_NONE, CP_WAKE_DEVICE, 0);
    sim->irq_cpu = CP_NONE;
}

/* --- open arrival streams --- */

bool cp_arrival_time(CpSim *sim, CpStream *stream, CpFlow *flow)
{
    const CpArrivalsDecl *d =
        &g_array_index(sim->w->arrivals, CpArrivalsDecl, stream->desc);
    if (d->arg == CP_ARG_NONE) {
        const CpList *list = &g_array_index(sim->w->lists, CpList, d->gap);
        if (stream->index >= list->n) {
            return false;
        }
        stream->next = g_array_index(sim->w->values, int64_t, list->first + stream->index);
    } else {
        CpTime from = stream->index == 0 ? sim->now : stream->next;
        CpTime gap = cp_operand(sim, flow, d->arg, d->gap);
        stream->next = gap > CP_NEVER / 2 - from ? CP_NEVER / 2 : from + gap;
    }
    stream->index++;
    return stream->next <= d->until;
}

void cp_arrival_next(CpSim *sim, CpStream *stream, CpFlow *flow)
{
    uint32_t row = (uint32_t)(stream - (CpStream *)(void *)sim->streams->data);
    if (cp_arrival_time(sim, stream, flow)) {
        cp_timer_push(sim, CP_TIMER_ARRIVAL, stream->next, row, 0);
    } else {
        stream->index = UINT32_MAX;
        CpTime until = g_array_index(sim->w->arrivals, CpArrivalsDecl, stream->desc).until;
        cp_timer_push(sim, CP_TIMER_ARRIVAL, until == CP_NEVER ? sim->now : until, row, 1);
    }
}

void cp_arrival_fire(CpSim *sim, uint32_t row)
{
    CpStream stream = g_array_index(sim->streams, CpStream, row);
    const CpThread *t = cp_thread(sim, stream.tid);
    if (t->state == CP_THREAD_ENDED) {
        return;
    }
    if (stream.index == UINT32_MAX) {
        cp_wake_thread(sim, stream.tid, CP_NONE, CP_WAKE_TIMER, 0);
        return;
    }
    cp_flow_outside(sim, &stream);
    cp_arrival_next(sim, &g_array_index(sim->streams, CpStream, row),
                    cp_flow_of(sim, stream.tid));
}

/* --- interrupt noise --- */

static void noise_arm(CpSim *sim, uint32_t noise, CpCpu cpu)
{
    const CpNoiseDecl *d = &g_array_index(sim->w->noises, CpNoiseDecl, noise);
    uint64_t id = 0x200000000u + (uint64_t)noise * CP_CPUS_MAX + cpu;
    uint64_t draw = sim->noise_draws[noise * sim->n_cpus + cpu]++;
    CpTime gap = cp_dist_sample(&d->every, (const int64_t *)(void *)sim->w->values->data,
                                cp_rng_key(sim->seed, id, 2 * draw));
    sim->n_noise++;
    cp_timer_push(sim, CP_TIMER_NOISE, sim->now + (gap > 0 ? gap : 1), noise, cpu);
}

void cp_noise_fire(CpSim *sim, uint32_t noise, uint32_t cpu)
{
    const CpNoiseDecl *d = &g_array_index(sim->w->noises, CpNoiseDecl, noise);
    uint64_t id = 0x200000000u + (uint64_t)noise * CP_CPUS_MAX + cpu;
    uint64_t draw = sim->noise_draws[noise * sim->n_cpus + cpu];
    sim->n_noise--;
    cp_irq(sim, cpu,
           cp_dist_sample(&d->steal, (const int64_t *)(void *)sim->w->values->data,
                          cp_rng_key(sim->seed, id, 2 * draw + 1)));
    noise_arm(sim, noise, cpu);
}

void cp_noises_init(CpSim *sim)
{
    for (uint32_t noise = 0; noise < sim->w->noises->len; noise++) {
        const CpNoiseDecl *d = &g_array_index(sim->w->noises, CpNoiseDecl, noise);
        for (CpCpu cpu = 0; cpu < sim->n_cpus; cpu++) {
            if (d->cpus == CP_NONE ||
                cp_cpumask_has(&g_array_index(sim->w->masks, CpCpuMask, d->cpus), cpu)) {
                noise_arm(sim, noise, cpu);
            }
        }
    }
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
    obj->items[(obj->head + obj->n) % obj->cap] = item;
    obj->n++;
    obj->n_max = MAX(obj->n_max, obj->n);
}

CpItem cp_items_pop(CpObj *obj)
{
    cp_assert(obj->n > 0);
    CpItem item = obj->items[obj->head];
    obj->head = (obj->head + 1) % obj->cap;
    obj->n--;
    return item;
}
