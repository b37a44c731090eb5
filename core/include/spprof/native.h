/*
 * How the C frames of a thread and its Python frames interleave: which C frame runs which Python frames, and which of the others only
 * lead from one Python frame to the next.
 *
 * From 3.10 on a Python frame has an entry, an address on the C stack inside the C frame that runs it (snapshot.h), so that no names are
 * needed. 3.9 has none: there every call of _PyEval_EvalFrameDefault runs one Python frame, and they are paired only if there are as many
 * of one as of the other. What cannot be paired with certainty is not paired.
 */
#ifndef SPPROF_NATIVE_H
#define SPPROF_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A C frame as an unwinder has it. */
struct spprof_native_frame {
    uint64_t stack_pointer, caller_stack_pointer; /* its part of the C stack lies between; equal, or 0: none, as an inlined function has */
    const char *function; /* its name as the debugger shows it; NULL: it has none */
    bool in_interpreter; /* its code lies in the file that holds the interpreter: the executable, or libpython */
};

enum spprof_native_role {
    SPPROF_NATIVE_OTHER,     /* to be shown: code of libraries, of extensions, of the program, or of the interpreter at work */
    SPPROF_NATIVE_EVALUATOR, /* runs Python frames, which can be shown in its place */
    SPPROF_NATIVE_MACHINERY, /* the interpreter's own way from one Python frame to another */
};

/* What stands for a C frame. */
struct spprof_native_run {
    enum spprof_native_role role;
    size_t thread, first, count; /* of an evaluator: the frames [first, first + count) of threads[thread], newest first */
};

/*
 * Fills runs[frame_count]. frames are all C frames of one kernel thread, newest first. threads are the Python threads of that kernel thread
 * (more than one where interpreters call one another), taken with spprof_snapshot_options.entries.
 *
 * matched[thread_count] says how many frames of each thread, counted from the newest, have their C frame. Those behind are to be
 * shown apart: the unwinder did not come to their C frame, or there is doubt.
 */
void spprof_native_match(const struct spprof_native_frame *frames, size_t frame_count, const struct spprof_thread *const *threads,
                         size_t thread_count, struct spprof_native_run *runs, size_t *matched);

#ifdef __cplusplus
}
#endif
#endif
