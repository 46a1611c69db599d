/* Devices and requests: what is on its way to an object, or being served. */
#ifndef CP_SIM_DEVICE_H
#define CP_SIM_DEVICE_H

#include "sim/object.h"

typedef struct {
    CpObjId obj;
    CpTid tid;
    CpItem item;
    uint32_t next_free;
    CpTime service;
    CpTime transfer; /* still to come, once served */
} CpRequest;

uint32_t cp_request_new(CpSim *sim);
void cp_request_free(CpSim *sim, uint32_t request);

/* Valid until the next cp_request_new. */
static inline CpRequest *cp_request(const CpSim *sim, uint32_t request)
{
    cp_assert(request < sim->requests.rows->len);
    return &g_array_index(sim->requests.rows, CpRequest, request);
}

/* `service` < 0: as the device has it; `bytes` are transferred after it. */
void cp_device_submit(CpSim *sim, CpObjId obj, CpTid tid, CpTime service, int64_t bytes);
/* The timer of a request has come. */
void cp_device_done(CpSim *sim, uint32_t request);

#endif
