/* gdb's current inferior, as core wants to see it: the tables of spprof/debugger.h. */
#ifndef SPPROF_GDB_INFERIOR_H
#define SPPROF_GDB_INFERIOR_H

#include "spprof/debugger.h"

extern const struct spprof_debugger_ops inferior_target_ops;
extern const struct spprof_console_ops inferior_console_ops;

/* To be called before each command: what was asked of gdb in the last one is asked anew. */
void inferior_begin(void);

#endif
