/* The C stack and the Python stack of gdb's selected thread, side by side. Owns all it holds: what the console has read may change. */
#ifndef SPPROF_GDB_MIXED_STACK_H
#define SPPROF_GDB_MIXED_STACK_H

#include "c_stack.h"
#include "python.h"
#include "spprof/debugger.h"
#include "spprof/native.h"

/* A Python frame, escaped: ready for a terminal. */
struct python_frame {
    char *function, *file;
    int32_t line;             /* below 1: not known */
    uint64_t thread, address; /* of the thread state and of the frame */
    size_t depth;             /* in its thread; 0: newest */
};

struct mixed_stack {
    size_t references;
    struct c_stack c_stack;
    struct spprof_native_pairs *pairs;
    struct python_frame *python_frames; /* of all threads of the pairs, one behind the other */
    size_t python_frame_count;
    size_t *begins;        /* where those of each thread begin */
    size_t numbered_level; /* of the C frame whose number gdb printed last, and the line that got it; NULL: none yet */
    const struct python_frame *numbered_frame;
    char *truncated; /* why a Python stack ends early, escaped; NULL: it does not */
};

/* Reads both. *stacks is NULL where the thread runs no Python, or Ctrl-C came. One reference is the caller's. */
struct spprof_error *mixed_stack_read(struct spprof_console *console, struct mixed_stack **stacks);

/* What stands for the C frame of this level; first counts in python_frames. False: nothing is known of it. */
bool mixed_stack_run(struct mixed_stack *stacks, size_t level, struct spprof_native_run *run);

/* Of python_frames those without a C frame, as a list that the caller owns; NULL: out of memory. The whole C stack is looked at. */
size_t *mixed_stack_apart(struct mixed_stack *stacks, size_t *count);

struct mixed_stack *mixed_stack_keep(struct mixed_stack *stacks);
void mixed_stack_release(struct mixed_stack *stacks); /* NULL is allowed */

/* Text of the target made safe, owned by the caller; NULL where memory has run out, or the text is not known. */
char *mixed_stack_escaped(const char *bytes, size_t size);

#endif
