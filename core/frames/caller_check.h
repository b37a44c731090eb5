/*
 * Whether frames that are objects (3.9, 3.10) can be what they seem. They lie apart, and nothing counts them, but the value stack of each
 * frame that has called another one holds what it calls, with the arguments, until the call has come back (call_function, Python/ceval.c).
 */
#ifndef SPPROF_FRAMES_CALLER_CHECK_H
#define SPPROF_FRAMES_CALLER_CHECK_H

#include "frames/stack.h"

/*
 * Of a target that stands still; the frames' code objects must be settled. words gets at most size bytes of what contradicts itself, "" where
 * nothing does; a frame that is not where it says is marked as misplaced. What cannot be read contradicts nothing.
 */
enum read_cache_status frames_caller_check(struct stack *stack, struct reader *reader, char *words, size_t size);

#endif
