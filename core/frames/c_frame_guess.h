/*
 * The newest frame as C frames of 3.11 and 3.12 name it, in a target that runs. There is no trial (c_frame_trial.h): what the current C frame
 * names is taken as it is, and whether it can be is for others to judge.
 */
#ifndef SPPROF_FRAMES_C_FRAME_GUESS_H
#define SPPROF_FRAMES_C_FRAME_GUESS_H

#include "frames/c_frame.h"
#include "frames/data_stack.h"
#include "frames/frame.h"
#include "frames/frame_links.h"

struct c_frame_guess {
    struct frame_link *links; /* borrowed; NULL: none are kept */
    uint64_t newest;          /* frame */
    uint64_t caller;          /* the frame that called the C code that runs it; 0: none; or STACK_UNTOLD */
    uint64_t address;         /* of the C frame that names it; 0: none does */
    uint32_t shims;           /* so often nobody knew what a C frame ran */
};

enum read_cache_status frames_c_frame_guess_newest(struct c_frame_guess *guess, struct reader *reader, uint64_t thread_state,
                                                   const struct c_frame *current, const struct data_stack *data_stack);

/* The shim of the newest C frame has been met, which was entered with a frame, and called by another. */
void frames_c_frame_guess_remember(struct c_frame_guess *guess, uint64_t entered_with, uint64_t caller);

#endif
