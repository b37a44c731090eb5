/*
 * One stack of one thread of a target that runs. A reading is taken (reading.h), a stack made of it (reconstruct.h), and its leaf found
 * (leaf.h). Here it is decided when more is to be read, when to look again, what is proven by looking long enough, and when to give up;
 * what an accepted sample teaches is remembered.
 *
 * What is read piece by piece while the target runs may be of different moments, so a caller and a callee count as a pair only where they
 * are known to be one: the caller's line mentions the callee (callee_names.h), the two were seen together in many samples, or through many
 * readings (call_sites.h), or they stand as they did in the sample before.
 */
#ifndef SPPROF_SAMPLE_STACK_CAPTURE_H
#define SPPROF_SAMPLE_STACK_CAPTURE_H

#include "sample/evidence/context.h"
#include "sample/stack/leaf.h"
#include "spprof/profile.h"

struct capture {
    struct stack_reader reader;
    struct leaf_slots *leaf_slots; /* NULL: none are remembered (3.9, 3.10) */
    struct sampled_frames frames;  /* as they were reconstructed; of a sample that was dropped what still stands */
    size_t learnt;                 /* what so many of them teach is remembered */
    size_t standing;               /* so many of them are on the newest sample, */
    struct sampled_frames newest;  /* and these on top of them */
    struct instant instant;        /* of the sample */
    int meetings;                  /* how often a function that was to be met again was, of late */
    uint32_t passes;               /* samples in which that was not worth trying */
    size_t deaths;                 /* of code objects, when it was last made sure that these frames have none that is dead */
    uint64_t root;                 /* address of the oldest frame; 0: not known yet */
    uint32_t strangers;            /* readings, one after the other, that have come to another oldest frame */
};

enum capture_result { CAPTURE_WHOLE, CAPTURE_RECOVERED, CAPTURE_CUT, CAPTURE_DROPPED };

struct capture_outcome {
    enum capture_result result;
    enum spprof_drop reason; /* of one that was dropped */
    bool retried;
};

struct spprof_error *sample_capture_init(struct capture *capture, struct spprof_target *target, const struct layout *layout, uint64_t thread_state);
void sample_capture_free(struct capture *capture);

/* Code entries are about to be freed: forgets those that it knows. */
void sample_capture_forget(struct capture *capture);

/* The frames of the sample, the oldest first. */
size_t sample_capture_depth(const struct capture *capture);
struct sampled_frame *sample_capture_frame(const struct capture *capture, size_t index);

/* Takes a sample. still: the target stands still, and everything it says is of one moment. */
struct capture_outcome sample_capture_take(struct capture *capture, struct capture_context *context, bool still);

#endif
