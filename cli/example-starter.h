/* The workload `coreplay init` can write without any installed file. */
#ifndef CP_CLI_EXAMPLE_STARTER_H
#define CP_CLI_EXAMPLE_STARTER_H

#define CP_STARTER_NAME    "first"
#define CP_STARTER_SUMMARY "to begin with: three threads share a lock and two cores"

extern const char cp_starter_workload[];

#endif
