/*
 * One stack of one thread of a target that runs: read in one call, checked frame by frame, read again where it contradicts itself.
 *
 * The instant of a sample is that at which the newest frame's address was read. The rest is read a moment later, when that frame may
 * have returned: its slot still tells what it was (a recovered sample). What is read piece by piece while the target runs may be of
 * different moments, so a caller and a callee count as a pair only where they are known to be one: the caller's line mentions the
 * callee (mention.h), or the pair was seen to stand through many readings, or it is part of the stack that was accepted before.
 */
#ifndef SPPROF_SAMPLE_CAPTURE_H
#define SPPROF_SAMPLE_CAPTURE_H

#include "sample/call_sites.h"
#include "spprof/profile.h"
#include "walk/stack_memory.h"

/* What all captures of a sampler share. */
struct capture_context {
    struct code_table *codes;
    struct call_sites *sites;
    struct reader reader;   /* for code objects; its copy is emptied when they are decoded */
    struct reader mentions; /* for call sites; its copy keeps what was read until a code object dies */
    const struct layout *layout;
};

struct captured_frame {
    struct code_entry *code;
    uint64_t address, previous;
    uint64_t instruction;
    int64_t offset; /* of the instruction, in bytes; negative: nothing has run */
    bool incomplete; /* it is being made: CPython does not show such a frame */
    bool fits;       /* it lies where its caller pushed it, or that cannot be told */
};

struct captured_frames {
    struct captured_frame *items; /* newest first; owned */
    size_t count, capacity;
};

struct capture {
    struct reader reader;
    struct stack stack;
    struct frame_link *links;
    struct stack_memory memory;
    struct captured_frames frames;   /* of the sample that was taken */
    struct captured_frames accepted; /* of the one before */
    uint64_t root;                   /* address of the oldest frame; 0: not known yet */
};

enum capture_result { CAPTURE_WHOLE, CAPTURE_RECOVERED, CAPTURE_CUT, CAPTURE_DROPPED };

struct capture_outcome {
    enum capture_result result;
    enum spprof_drop reason; /* of one that was dropped */
    bool retried;
};

struct spprof_error *capture_init(struct capture *capture, struct spprof_target *target, const struct layout *layout, uint64_t thread_state);
void capture_free(struct capture *capture);

/* Code entries are about to be freed: forgets those that it knows. */
void capture_forget(struct capture *capture);

/* The code object at an address, read if it is new; NULL: there is none. */
struct code_entry *capture_code(struct capture_context *context, uint64_t address);

/* Takes a sample into capture->frames. still: the target stands still, and everything it says is of one moment. */
struct capture_outcome capture_take(struct capture *capture, struct capture_context *context, bool still);

#endif
