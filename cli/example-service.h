/* The workload of `coreplay init python-service`. */
#ifndef CP_CLI_EXAMPLE_SERVICE_H
#define CP_CLI_EXAMPLE_SERVICE_H

#include "sim/error.h"
#include "sim/types.h"

#include <glib.h>

#define CP_SERVICE_NAME    "python-service"
#define CP_SERVICE_SUMMARY "one Python service as processes, threads, asyncio and more"

/* As given on the command line. */
typedef struct {
    const char *rate, *cpu, *io, *released, *memory;
} CpService;

/* New text of the workload; NULL: CP_ERROR_USAGE. */
char *cp_service_workload(const CpService *service, GError **error);

#endif
