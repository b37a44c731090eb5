/* Python frames in gdb's own `bt`, in place of the interpreter's C frames; `set spprof bt-python on|off`. */
#ifndef SPPROF_GDB_FRAME_FILTER_H
#define SPPROF_GDB_FRAME_FILTER_H

#include <stdbool.h>

#include "spprof/debugger.h"

/* Registers the frame filter and its setting; false with an exception set. May be called again. console must outlive gdb's Python. */
bool frame_filter_define(struct spprof_console *console);

#endif
