/* gdb's current inferior, as core wants to see it: the tables of spprof/debugger.h. */
#ifndef SPPROF_GDB_INFERIOR_H
#define SPPROF_GDB_INFERIOR_H

#include "python.h"
#include "spprof/debugger.h"

extern const struct spprof_debugger_ops inferior_target_ops;
extern const struct spprof_console_ops inferior_console_ops;

/* The kernel's id of a thread of gdb's; 0: unknown. */
int64_t inferior_thread_tid(PyObject *thread);

/* To be called before each command: what was asked of gdb in the last one is asked anew. */
void inferior_begin(void);

#endif
