/*
 * Samples on their way into the profile. They wait for a moment until it is sure that every code object on them has lived on: one that
 * died, and whose address was used again, would give its name to another's samples.
 */
#ifndef SPPROF_SAMPLE_PENDING_H
#define SPPROF_SAMPLE_PENDING_H

#include "sample/thread_table.h"

struct pending_sample {
    struct sampled_thread *thread;
    size_t top; /* number of its newest frame; PENDING_NONE: it has none */
    enum capture_result result;
    bool retried;
};

/* A frame on its callers. Samples that have the same oldest frames share them, so that what has not changed is not copied again. */
struct pending_frame {
    struct sampled_thread *thread;
    size_t caller; /* its number, which is smaller; PENDING_NONE: there is none */
    struct code_entry *code;
    int64_t offset;
    bool incomplete;
    bool dead;     /* its code object, or that of a caller, has died */
    bool wanted;   /* a sample is to be counted that has it */
    uint32_t node; /* of the profile, where that is so */
};

#define PENDING_NONE SIZE_MAX

struct place_slot {
    const struct code_entry *code;
    int64_t offset;
    uint32_t place;
};

struct pending {
    struct spprof_profile *profile;
    struct capture_context *context;
    uint64_t round; /* of waiting and counting; sampled_frame.pending is of the one in which this was the same */
    struct pending_sample *samples;
    size_t sample_count, sample_capacity;
    struct pending_frame *frames;
    size_t frame_count, frame_capacity;
    uint32_t root;             /* place that all stacks begin with; SPPROF_NONE: none */
    struct place_slot *places; /* by code object and offset; a newer one takes an older one's slot */
};

struct spprof_error *sample_pending_init(struct pending *pending, struct spprof_profile *profile, struct capture_context *context);
void sample_pending_free(struct pending *pending);

/* Adds what sample_capture_take has put into thread->capture.frames. False: no memory, the sample is lost. */
bool sample_pending_add(struct pending *pending, struct sampled_thread *thread, const struct capture_outcome *outcome);

/* Whether enough wait to be counted. */
bool sample_pending_is_full(const struct pending *pending);

/* Counts all samples that wait. Must be called before a thread is freed. still: the target stands still, no code object can have died. */
void sample_pending_commit(struct pending *pending, bool still);

/* Code entries are about to be freed: forgets those that it knows. Only after sample_pending_commit. */
void sample_pending_forget(struct pending *pending);

#endif
