/* The functions of CPython that lead from one Python frame to the next, by name: union of 3.9 to 3.15. */
#ifndef SPPROF_NATIVE_MACHINERY_H
#define SPPROF_NATIVE_MACHINERY_H

#include <stdbool.h>

/* _PyEval_EvalFrameDefault, or what the compiler made of it. Exported, so that stripped builds have the name, too. */
bool native_machinery_is_evaluator(const char *function);

/* Calls something, whatever it is: Objects/call.c and the tp_call, tp_vectorcall and slot functions around it. */
bool native_machinery_calls(const char *function);

/* Code that CPython makes at run time: "py::NAME:FILE", its trampolines for perf (3.12 and later), and "py::jit:…", its JIT (3.15). */
bool native_machinery_is_generated(const char *function);

/* Whatever of the interpreter can stand between two Python frames and does no work that a user would look for. */
bool native_machinery_connects(const char *function);

#endif
