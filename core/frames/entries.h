/*
 * Which C frame runs which Python frame, in the versions that chain a structure on the C stack for it: CFrame of 3.10 and _PyCFrame of
 * 3.11, Include/cpython/pystate.h. Later versions tell it in the chain of Python frames (frames/stack.c), 3.9 not at all.
 */
#ifndef SPPROF_FRAMES_ENTRIES_H
#define SPPROF_FRAMES_ENTRIES_H

#include "object/reader.h"
#include "frames/stack.h"

/* Goes on with a stack that is DONE, as far as memory is there; in the end its frames have their entry, or 0 where there is any doubt. */
void frames_entries_step(struct stack *stack, struct reader *reader);

#endif
