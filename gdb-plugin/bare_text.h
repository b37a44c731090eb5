/* Text that gdb prints as it is, where it wants a gdb.Value: of a string it would make quotes, escapes, or an array of numbers. */
#ifndef SPPROF_GDB_BARE_TEXT_H
#define SPPROF_GDB_BARE_TEXT_H

#include <stdbool.h>

#include "python.h"

/* Registers the pretty-printer that knows the text of such a value; false with an exception set. May be called again. */
bool bare_text_init(void);

/* A value that is to be printed soon: only the last few hundred texts are kept. NULL with an exception set. */
PyObject *bare_text_value(PyObject *text);

#endif
