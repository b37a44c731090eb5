/* Why the inferior stands still: one of gdb's events, as one would say it. */
#ifndef SPPROF_GDB_STOP_H
#define SPPROF_GDB_STOP_H

#include <stdbool.h>

#include "python.h"

enum stop_kind { STOP_NONE, STOP_RESUMED, STOP_SIGNAL, STOP_BREAKPOINT, STOP_OTHER, STOP_EXIT };

struct stop {
    enum stop_kind kind;
    char signal[32]; /* "SIGURG"; "": it was none */
    char why[256];   /* "breakpoint 2", "exit code 0" */
};

/* STOP_NONE: the event is of another kind. */
void stop_read(PyObject *event, struct stop *stop);

#endif
