/* Python's limited API: one extension for every gdb whose Python is 3.9 or later. Its functions come from gdb's process, never from a library. */
#ifndef SPPROF_GDB_PYTHON_H
#define SPPROF_GDB_PYTHON_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x03090000
#include <Python.h>

static inline void unref(PyObject **object)
{
    Py_XDECREF(*object);
}

/* A reference that is given up at the end of its scope. */
#define OWNED __attribute__((cleanup(unref))) PyObject *

#endif
