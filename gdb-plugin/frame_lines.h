/* What `bt` prints, one decorator a line: gdb's own for C frames, ours for Python frames. */
#ifndef SPPROF_GDB_FRAME_LINES_H
#define SPPROF_GDB_FRAME_LINES_H

#include <stdbool.h>

#include "mixed_stack.h"

/* Makes the types; false with an exception set. May be called again. */
bool frame_lines_init(void);

/*
 * An iterator over the decorators of items, where Python frames stand in place of the C frames that run them, and what only leads from one
 * to another is left out; what could not be paired follows behind. C frames without a name are named as gdb names them. Keeps the stacks; NULL:
 * no Python frames are shown. console is asked for values, when gdb wants them.
 */
PyObject *frame_lines_new(PyObject *items, struct mixed_stack *stacks, struct spprof_console *console);

#endif
