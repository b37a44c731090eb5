/*
 * Whether the chain of frames agrees with what lies on the C stack: CFrame of 3.10, _PyCFrame of 3.11 and 3.12 (Include/cpython/pystate.h), one
 * for each call of _PyEval_EvalFrameDefault, each of which names, from 3.11 on, the newest frame that it runs.
 */
#ifndef SPPROF_FRAMES_ENTRY_CHECK_H
#define SPPROF_FRAMES_ENTRY_CHECK_H

#include "frames/stack.h"

/* For a stack that is whole, of a target that stands still. Other versions have no such chain: then they agree. */
enum read_cache_status frames_entry_check_step(struct stack *stack, struct reader *reader, bool *agree);

#endif
