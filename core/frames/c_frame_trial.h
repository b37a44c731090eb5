/*
 * Whether what a C frame of 3.11 or 3.12 names is the newest frame, in a target that stands still. A C frame becomes the current one before it
 * names its newest frame (the first lines of _PyEval_EvalFrameDefault), so until then it names whatever was on the C stack. What it names is on
 * trial until the frame where the interpreter was entered is met, which must lead to the newest frame of the C frame before; else that is
 * where the stack begins.
 */
#ifndef SPPROF_FRAMES_C_FRAME_TRIAL_H
#define SPPROF_FRAMES_C_FRAME_TRIAL_H

#include "frames/c_frame.h"
#include "frames/frame.h"

struct c_frame_trial {
    bool is_on;
    bool entering;   /* the C frame says neither what it runs nor which one was before it (layout/cframe.h): a moment later it does */
    uint64_t before; /* the newest frame of the C frame before */
    size_t count;    /* frames that came while on trial: should one of them prove to be none, the stack begins behind them */
    /*
     * What did not stand the trial. It is kept: the data stack tells whether the C frame had not named its newest frame yet, or one of its
     * frames is damaged (stack_check.h).
     */
    struct {
        struct raw_frame *frames; /* owned */
        size_t count;
        char *reason; /* owned; NULL: nothing was rejected */
        bool popped;  /* it named what had been popped */
    } rejected;
};

/* Why nothing tells the newest frame of a thread that is entering. */
extern const char frames_C_FRAME_ENTERING[];

void frames_c_frame_trial_free(struct c_frame_trial *trial); /* its contents */

/* Puts what a thread's current C frame names on trial. With trial->entering it names none. */
enum read_cache_status frames_c_frame_trial_begin(struct c_frame_trial *trial, struct reader *reader, uint64_t thread_state,
                                                  const struct c_frame *current);

/* A frame has been read, which had been popped from the data stack, or not. False: what is on trial cannot be. */
bool frames_c_frame_trial_goes_on(struct c_frame_trial *trial, const struct raw_frame *frame, bool popped);

/* Ends a trial in which frames were walked, and takes them over. */
void frames_c_frame_trial_reject(struct c_frame_trial *trial, struct raw_frame *frames, size_t count, bool popped, const char *reason);

#endif
