/* The machine coreplay runs on, as far as the kernel tells under /sys. */
#ifndef CP_SCENARIO_HOST_H
#define CP_SCENARIO_HOST_H

#include <glib.h>

/* Where Linux shows CPUs and nodes. */
#define CP_HOST_DEVICES "/sys/devices/system"

/* Settings of a machine like it: "key", "value", ..., new and owned texts.  `root` is
 * "/sys/devices/system".  NULL after setting error: nothing can be read, or its cores are
 * not alike, which the settings cannot say. */
GPtrArray *cp_host_machine(const char *root, GError **error);

#endif
