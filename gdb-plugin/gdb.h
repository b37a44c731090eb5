/* gdb's Python module, called from C. What fails returns NULL, and leaves no exception behind. */
#ifndef SPPROF_GDB_GDB_H
#define SPPROF_GDB_GDB_H

#include <stdbool.h>
#include <stdint.h>

#include "python.h"

/* Imports the module gdb; false with an exception set. */
bool gdb_import(void);

/* An attribute of the module, or of an object; a method's result. New references. */
PyObject *gdb_get(const char *name);
PyObject *gdb_get_of(PyObject *object, const char *name);
PyObject *gdb_call(const char *function);
PyObject *gdb_call_of(PyObject *object, const char *method);

/* Runs a command and gives what it prints, owned by the caller; nothing is shown. */
char *gdb_execute(const char *command);

/* Copies of a str object as UTF-8 (owned by the caller), and of an int; NULL and fallback where it is none. */
char *gdb_text(PyObject *object);
int64_t gdb_number(PyObject *object, int64_t fallback);

/* Clears the exception that is set. */
void gdb_forget_error(void);

/* Whether gdb was started to be driven by another program, through its machine interface. */
bool gdb_speaks_mi(void);

/* Whether the user has pressed Ctrl-C since gdb_begin. */
bool gdb_interrupted(void);
void gdb_begin(void);

#endif
