/* The C stack of the thread that gdb has selected, unwound only as far as it is asked for. */
#ifndef SPPROF_GDB_C_STACK_H
#define SPPROF_GDB_C_STACK_H

#include "python.h"
#include "spprof/native.h"

struct c_stack {
    PyObject *frames;            /* list of gdb.Frame, newest first */
    PyObject *names;             /* list of bytes or None, of the frames that were described */
    uint64_t next_stack_pointer; /* of the frame that is described next; 0: not read yet */
};

/* False: out of memory. To be closed in every case. */
bool c_stack_open(struct c_stack *stack);
void c_stack_close(struct c_stack *stack);

/* A frame of the stack, borrowed; NULL: there is none of this level. */
PyObject *c_stack_frame(struct c_stack *stack, size_t level);

/* For struct spprof_native_source: context is a struct c_stack. Names are kept until it is closed. */
bool c_stack_describe(void *context, size_t level, struct spprof_native_frame *frame);

/* The level of a gdb.Frame: how many frames of its thread are newer. */
size_t c_stack_level(PyObject *frame);

/* Whether gdb has no name for the function of a frame: not even that it is a signal's, or was called by gdb. */
bool c_stack_is_nameless(PyObject *frame);

#endif
