/*
 * One stack of one thread of a target that runs: read in one call, and climbed from its oldest frame to its newest (climb.h).
 *
 * What is read piece by piece while the target runs may be of different moments, so a caller and a callee count as a pair only where they
 * are known to be one: the caller's line mentions the callee (mention.h), the two were seen together in many samples, or through many
 * readings (call_sites.h), or they stand as they did in the sample before.
 *
 * The instant of a sample is that at which the thread state named its newest frame, in the same call but up to a microsecond before the
 * stack was copied. What has changed in between is undone (newest.h): whoever is read later is favoured, or wronged, by how short its
 * calls are.
 */
#ifndef SPPROF_SAMPLE_CAPTURE_H
#define SPPROF_SAMPLE_CAPTURE_H

#include "sample/call_sites.h"
#include "sample/captured.h"
#include "sample/paths.h"
#include "sample/places.h"
#include "spprof/profile.h"
#include "walk/stack_memory.h"

/* What all captures of a sampler share. */
struct capture_context {
    struct code_table *codes;
    struct call_sites *sites;
    struct paths *paths;
    struct reader reader;   /* for code objects; its copy is emptied when they are decoded */
    struct reader mentions; /* for call sites; its copy keeps what was read until a code object dies */
    const struct layout *layout;
};

struct capture {
    struct reader reader;
    struct stack stack;
    struct frame_link *links;
    struct places *places;         /* NULL: none are remembered (3.9, 3.10) */
    struct stack_memory memory;
    struct captured_frames frames; /* as they were climbed; of a sample that was dropped what still stands */
    size_t standing;               /* so many of them are on the newest sample, */
    struct captured_frames newest; /* and these on top of them */
    uint64_t instant;              /* the newest frame, as the thread state named it first; 0: it named none */
    uint64_t instant_caller;       /* stack.head_caller, then */
    int meetings;                  /* how often a function that was to be met again was, of late */
    uint32_t passes;               /* samples in which that was not worth trying */
    uint64_t steady;               /* so many bytes of the newest chunk are as they were when the frames were climbed */
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

struct spprof_error *capture_init(struct capture *capture, struct spprof_target *target, const struct layout *layout,
                                  uint64_t thread_state);
void capture_free(struct capture *capture);

/* Code entries are about to be freed: forgets those that it knows. */
void capture_forget(struct capture *capture);

/* The code object at an address, read if it is new; NULL: there is none. */
struct code_entry *capture_code(struct capture_context *context, uint64_t address);

/* The frames of the sample, the oldest first. */
size_t capture_depth(const struct capture *capture);
const struct captured_frame *capture_frame(const struct capture *capture, size_t index);

/* Takes a sample. still: the target stands still, and everything it says is of one moment. */
struct capture_outcome capture_take(struct capture *capture, struct capture_context *context, bool still);

#endif
