/*
 * A stack that was copied while its thread ran, put together from its oldest frame to its newest. The chain of frames that begins at the
 * newest one was followed in the copy (walk/stack.h), but where that frame was, another one may stand by the time its memory is copied.
 * The oldest frames are the steadiest: each says whether it runs, or waits for a frame that it has pushed, which then lies right behind it.
 */
#ifndef SPPROF_SAMPLE_CLIMB_H
#define SPPROF_SAMPLE_CLIMB_H

#include "sample/capture.h"

enum climb_end {
    CLIMB_WHOLE,   /* the last frame is the newest */
    CLIMB_SILENT,  /* the last one does not name the frame that comes next anywhere, so that nobody knows whether it has called it */
    CLIMB_DOUBT,   /* the last one names the frame that comes next, but in another line, and seems to wait */
    CLIMB_ELSEWHERE, /* the same, but does not seem to wait: the one that comes next has come, or gone, in between */
    CLIMB_BROKEN,  /* what comes next is none, or no longer one */
    CLIMB_NOTHING, /* not even the oldest frame is known */
};

struct climb {
    enum climb_end end;
    enum spprof_drop reason;     /* unless it is whole */
    struct captured_frame caller, doubt; /* these three: the frame whose line calls it, and the frame that comes next */
};

/* Puts the frames of the reading that has just ended into capture->frames, in place of those that no longer stand. */
struct climb climb(struct capture *capture, struct capture_context *context);

/*
 * The same before the chain was followed, where the newest chunk alone tells all: most stacks are plain, and only their top has changed.
 * False: it does not.
 */
bool climb_in_copy(struct capture *capture, struct capture_context *context);

#endif
