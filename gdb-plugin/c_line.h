/* The line of a C frame: gdb's own decorator, but for a name that gdb lacks, and for arguments that its machine interface cannot take. */
#ifndef SPPROF_GDB_C_LINE_H
#define SPPROF_GDB_C_LINE_H

#include <stdbool.h>

#include "python.h"

/* Makes the type; false with an exception set. May be called again. */
bool c_line_init(void);

/*
 * The decorator to show for a C frame; c_frame is what it decorates, NULL: not known. dap: the adapter of the debug adapter protocol asks. Takes the
 * reference to decorator, and gives one.
 */
PyObject *c_line_new(PyObject *decorator, PyObject *c_frame, bool dap);

#endif
