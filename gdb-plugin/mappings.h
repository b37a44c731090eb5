/* The memory of the process that gdb has, from `info proc mappings`: behind gdbserver, too. */
#ifndef SPPROF_GDB_MAPPINGS_H
#define SPPROF_GDB_MAPPINGS_H

#include "spprof/debugger.h"

/* Calls add for each range that can be read; for none where gdb cannot tell, as behind stubs that have no /proc to show. */
struct spprof_error *mappings_list(void *debugger, void (*add)(void *context, const struct spprof_mapping *region), void *context);

#endif
