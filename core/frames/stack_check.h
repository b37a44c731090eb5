/*
 * Whether the chain of frames of a thread that stands still is all that it runs. From 3.11 on the frames of calls lie one upon the other on
 * the thread's data stack (_PyThreadState_PushFrame, Python/pystate.c), each as large as its code object says, so that one word that was
 * overwritten cannot make frames vanish without a gap there.
 */
#ifndef SPPROF_FRAMES_STACK_CHECK_H
#define SPPROF_FRAMES_STACK_CHECK_H

#include "frames/stack.h"

/*
 * Goes on with a stack that is DONE, as far as memory is there. In the end stack.truncated says what is missing, or
 * contradicts itself, and frames that are none of this thread's are gone.
 */
void frames_stack_check_step(struct stack *stack, struct reader *reader, struct code_table *codes);

#endif
