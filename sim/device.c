#include "sim/device.h"

#include "sim/cpu.h"
#include "sim/flow.h"
#include "sim/object.h"
#include "sim/recorder.h"
#include "sim/thread.h"
#include "sim/timer.h"

/* Decides when a device serves a request, and whose turn it is on its line. */

/* --- requests in flight --- */

uint32_t cp_request_new(CpSim *sim)
{
    if (sim->requests.free != CP_NONE) {
        uint32_t row = sim->requests.free;
        cp_assert(row < sim->requests.rows->len);
        sim->requests.free = cp_request(sim, row)->next_free;
        return row;
    }
    CpRequest empty = {0};
    g_array_append_val(sim->requests.rows, empty);
    return sim->requests.rows->len - 1;
}

void cp_request_free(CpSim *sim, uint32_t request)
{
    cp_assert(request < sim->requests.rows->len);
    cp_assert(request != sim->requests.free); /* nobody frees it twice */
    cp_request(sim, request)->next_free = sim->requests.free;
    sim->requests.free = request;
}

/* --- devices --- */

static void device_start(CpSim *sim, CpObj *dev, uint32_t request)
{
    const CpRequest *r = cp_request(sim, request);
    cp_assert(&sim->objs[r->obj] == dev && dev->kind == CP_OBJ_DEVICE);
    dev->running++;
    cp_assert(cp_obj_decl(sim->w, r->obj)->n == 0 ||
              dev->running <= (uint64_t)cp_obj_decl(sim->w, r->obj)->n);
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
    cp_assert(dev->kind == CP_OBJ_DEVICE);
    cp_assert(cp_thread(sim, tid)->block == CP_BLOCK_IO && sim->cold[tid].object == obj);
    uint32_t row = cp_request_new(sim);
    CpRequest *r = cp_request(sim, row);
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
    CpRequest *r = cp_request(sim, request);
    cp_assert(r->transfer > 0 && cp_obj_decl(sim->w, r->obj)->bandwidth > 0);
    CpTime start = MAX(dev->since, sim->now);
    dev->since = start + r->transfer;
    r->service += dev->since - sim->now;
    r->transfer = 0;
    cp_timer_push(sim, CP_TIMER_DEVICE, dev->since, request, 0);
}

void cp_device_done(CpSim *sim, uint32_t request)
{
    CpRequest r = *cp_request(sim, request);
    CpObj *dev = &sim->objs[r.obj];
    cp_assert(dev->running > 0);
    cp_assert(dev->n == 0 || dev->running == (uint64_t)cp_obj_decl(sim->w, r.obj)->n);
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
