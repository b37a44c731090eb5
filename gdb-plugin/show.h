/* What a command has to say, shown as gdb shows things: through its pager, errors as errors. */
#ifndef SPPROF_GDB_SHOW_H
#define SPPROF_GDB_SHOW_H

#include <stdbool.h>

#include "spprof/debugger.h"

/* Writes UTF-8 text through gdb; false with an exception set: the user has quit the pager. */
bool show_text(const char *text, size_t size);

/* Shows the result of a command and raises its error, which is freed. False with an exception set. */
bool show_result(const struct spprof_console_result *result, struct spprof_error *error);

#endif
