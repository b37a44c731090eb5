/* Lets gdb's program run for a while from within a command: run_begin, run and run_end of spprof/debugger.h. */
#ifndef SPPROF_GDB_RUN_H
#define SPPROF_GDB_RUN_H

#include "python.h"
#include "spprof/debugger.h"

struct spprof_error *run_begin(void *debugger);
struct spprof_error *run_once(void *debugger, struct spprof_run *run);
void run_end(void *debugger);

/* An event of gdb's (gdb.events). True: it belongs to a run, and nobody else is to care. */
bool run_heard(PyObject *event);
bool run_is_active(void);

#endif
