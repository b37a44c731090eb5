/* The commands that gdb's users type. */
#ifndef SPPROF_GDB_COMMANDS_H
#define SPPROF_GDB_COMMANDS_H

#include <stdbool.h>

/* Makes the console and defines py-bt, ..., `spprof` and `info spprof`; false with an exception set. May be called again. */
bool commands_define(void);

/* Defines again what another script (CPython's own) has defined since, and says so. False with an exception set. */
bool commands_defend(void);

/* What was read is forgotten: the inferior has run, or is another. */
void commands_forget(void);

#endif
