/*
 * A stack that was copied while its thread ran, put together from its oldest frame to its newest: of a reading, and what is known, come
 * frames and doubts. Nothing is read here, and nothing learnt: the same reading and the same knowledge give the same stack.
 *
 * The chain of frames that begins at the newest one was followed in the reading, but where that frame was, another one may stand by the time
 * its memory is copied. The oldest frames are the steadiest: each says whether it runs, or waits for a frame that it has pushed, which then
 * lies right behind it.
 */
#ifndef SPPROF_SAMPLE_STACK_RECONSTRUCT_H
#define SPPROF_SAMPLE_STACK_RECONSTRUCT_H

#include "sample/stack/inquiry.h"

enum reconstructed {
    STACK_LACKS,     /* inquiry.lack is to be supplied, then reconstruct goes on */
    STACK_WHOLE,     /* the last frame is the newest */
    STACK_SILENT,    /* the last one does not name the frame that comes next anywhere, so that nobody knows whether it has called it */
    STACK_DOUBT,     /* the last one names the frame that comes next, but in another line, and seems to wait */
    STACK_ELSEWHERE, /* the same, but does not seem to wait: the one that comes next has come, or gone, in between */
    STACK_BROKEN,    /* what comes next is none, or no longer one */
    STACK_NOTHING,   /* not even the oldest frame is known */
};

/* What is made of a reading. */
enum reconstruct_by {
    BY_CHUNK, /* the newest chunk alone, before the chain is followed: most stacks are plain, and only their top has changed */
    BY_CHAIN, /* the chain, which led to the oldest frame that is known */
    BY_BYTES, /* all that was read, where the chain leads nowhere */
};

struct reconstruction {
    enum reconstructed end;
    enum spprof_drop reason;            /* of BROKEN */
    struct sampled_frame caller, doubt; /* of SILENT, DOUBT, ELSEWHERE: the frame whose line calls it, and the frame that comes next */
    bool witness; /* of those: the two were copied in one piece, so that this counts as one of the stacks by which they are proven in the end */
    size_t kept;  /* so many of the oldest frames are those that were known before */
    /* For its own use. */
    enum reconstruct_by by;
    bool begun;
    size_t chain_left; /* so many frames of the chain are newer than the one that was found last; 0, too, where it broke off */
    size_t generators; /* so many were found */
};

/*
 * Puts the frames of a reading into frames, in place of those that no longer stand.
 * BY_CHUNK: anything but WHOLE says no more than that the chunk alone does not tell. *made begins as {.by = …}.
 */
void sample_reconstruct(struct reconstruction *made, struct inquiry *inquiry, struct sampled_frames *frames);

#endif
