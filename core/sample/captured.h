/* The frames of a stack that was captured. */
#ifndef SPPROF_SAMPLE_CAPTURED_H
#define SPPROF_SAMPLE_CAPTURED_H

#include "spprof/profile.h"
#include "walk/stack.h"

struct captured_frame {
    struct code_entry *code;
    uint64_t address, previous;
    uint64_t chunk; /* of the data stack that it lies in; 0: in none that was read */
    uint64_t instruction;
    int64_t offset; /* of the instruction, in bytes; negative: nothing has run */
    bool generator;  /* it lies in a generator, and not on the data stack */
    bool apart;      /* that is so, or one of its callers does */
    uint64_t entered; /* the newest frame, this one or a caller of it, that C code has called */
    uint64_t entered_by; /* that one's caller; 0: none */
    bool incomplete; /* it is being made: CPython does not show such a frame */
    uint64_t path;   /* of the stack up to it (paths.h); captured_push sets it */
};

struct captured_frames {
    struct captured_frame *items; /* oldest first; owned */
    size_t count, capacity;
};

/* Takes a frame over from a walk; SPPROF_DROP_REASONS: it is sound. */
enum spprof_drop captured_take(const struct raw_frame *raw, const struct layout_rules *rules, struct captured_frame *frame);

/* The path of all frames but the newest; 0 where there is none. */
uint64_t captured_callers(const struct captured_frames *frames);

/* Appends a frame. False: no memory. */
bool captured_push(struct captured_frames *frames, const struct captured_frame *frame);

#endif
