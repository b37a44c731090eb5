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
    uint64_t pc;
    uint64_t stack_pointer, caller_stack_pointer; /* its part of the C stack lies between; equal, or 0: none, as an inlined function has */
    const char *function;                         /* its name as the debugger shows it; NULL: it has none */
    bool generated;                               /* its code was made at run time: it lies in the file of no module */
};

enum spprof_native_role {
    SPPROF_NATIVE_OTHER,     /* to be shown: code of libraries, of extensions, of the program, or of the interpreter at work */
    SPPROF_NATIVE_EVALUATOR, /* runs Python frames, which can be shown in its place */
    SPPROF_NATIVE_MACHINERY, /* the interpreter's own way from one Python frame to another */
};

/* What stands for a C frame. */
struct spprof_native_run {
    enum spprof_native_role role;
    size_t thread, first, count; /* of an evaluator: the frames [first, first + count) of that thread of the pairs, newest first */
};

/*
 * Where the C frames of a kernel thread come from. They are asked for one by one, 0, the newest, first, and only as far as they are needed. False:
 * there is no such frame. Names are borrowed for as long as the pairs live.
 */
struct spprof_native_source {
    bool (*frame)(void *context, size_t level, struct spprof_native_frame *frame);
    void *context;
};

struct spprof_native_pairs;

/*
 * Pairs the C frames of the kernel thread tid with the frames of its Python threads (more than one where interpreters call one another). What is
 * needed of the snapshot, taken with spprof_snapshot_options.entries, is copied. NULL: out of memory.
 */
struct spprof_native_pairs *spprof_native_pairs_new(const struct spprof_native_source *source, const struct spprof_snapshot *snapshot, int64_t tid);
void spprof_native_pairs_free(struct spprof_native_pairs *pairs); /* NULL is allowed */

/* The Python threads of that kernel thread which run something: the address of each, and how many frames it has. */
size_t spprof_native_pairs_thread_count(const struct spprof_native_pairs *pairs);
uint64_t spprof_native_pairs_thread(const struct spprof_native_pairs *pairs, size_t index, size_t *frame_count);

/* What stands for the C frame of this level. False: there is none, or memory has run out. */
bool spprof_native_pairs_run(struct spprof_native_pairs *pairs, size_t level, struct spprof_native_run *run);

/*
 * How many frames of a thread, counted from the newest, have their C frame; the whole C stack is looked at. Those behind are to be shown apart:
 * the unwinder did not come to their C frame, or there is doubt.
 */
size_t spprof_native_pairs_matched(struct spprof_native_pairs *pairs, size_t thread);

/* Whether no Python frame is left over, and no stack has ended early. */
bool spprof_native_pairs_all_matched(struct spprof_native_pairs *pairs);

#ifdef __cplusplus
}
#endif
#endif
