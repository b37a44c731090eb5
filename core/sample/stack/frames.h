/* The frames of a stack that was sampled. */
#ifndef SPPROF_SAMPLE_STACK_FRAMES_H
#define SPPROF_SAMPLE_STACK_FRAMES_H

#include "spprof/profile.h"
#include "frames/stack.h"

struct sampled_frame {
    struct code_entry *code;
    uint64_t address, previous;
    uint64_t chunk; /* of the data stack that it lies in; 0: in none that was read */
    uint64_t instruction;
    int64_t offset;      /* of the instruction, in bytes; negative: nothing has run */
    bool generator;      /* it lies in a generator, and not on the data stack */
    bool apart;          /* that is so, or one of its callers does */
    bool incomplete;     /* it is being made: CPython does not show such a frame */
    uint64_t entered;    /* the newest frame, this one or a caller of it, that C code has called */
    uint64_t entered_by; /* that one's caller; 0: none */
    uint64_t path;       /* of the stack up to it (contexts.h); sample_frames_push sets it */
    struct {             /* where it waits to be counted (pending.h); sample_frames_push clears it */
        uint64_t round;  /* 0: nowhere */
        size_t at;
    } pending;
};

struct sampled_frames {
    struct sampled_frame *items; /* oldest first; owned */
    size_t count, capacity;
};

/* Takes a frame over from a walk; SPPROF_DROP_REASONS: it is sound. */
enum spprof_drop sample_frame_take(const struct raw_frame *raw, const struct layout_rules *rules, struct sampled_frame *frame);

/* The path of so many of the oldest frames; 0 where there is none. */
uint64_t sample_frames_path(const struct sampled_frames *frames, size_t count);

/* The frame whose line tells whom the newest of so many oldest frames calls; NULL: there is none. */
const struct sampled_frame *sample_frames_caller(const struct sampled_frames *frames, size_t count);

/* Appends a frame. False: no memory. */
bool sample_frames_push(struct sampled_frames *frames, const struct sampled_frame *frame);

#endif
