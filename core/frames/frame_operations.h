/*
 * What differs between the frames of 3.9 and 3.10, which are objects (frame_objects.c), and those of later versions, which are structs of the
 * interpreter (interpreter_frames.c). Whoever needs to know asks here, not which version it is.
 */
#ifndef SPPROF_FRAMES_FRAME_OPERATIONS_H
#define SPPROF_FRAMES_FRAME_OPERATIONS_H

#include "object/reader.h"
#include "frames/frame.h"

struct frame_operations {
    bool on_heap;     /* each is an object of its own; else they lie one upon the other on a data stack, all but those of generators */
    bool tells_owner; /* raw_frame.owner was read; else it is THREAD for all */
    enum layout_field code, globals, locals, variables; /* where these stand in a frame */

    /* How many bytes of a frame are needed to walk; where its variables lie behind them without a gap, up to these. */
    size_t (*size)(const struct layout *layout);

    /*
     * Takes a frame apart, from size bytes: sets what of raw_frame can be read there, but for previous and the code entry. False: it has an
     * owner that does not exist. code is the code object's address, 0 or misaligned where there is none.
     */
    bool (*decode)(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous);

    /* The byte offset of the frame's instruction in its bytecode, unchecked. False: the bytecode that it runs does not exist. */
    bool (*offset)(const struct raw_frame *frame, const struct layout_rules *rules, int64_t *offset);

    /* CPython's _PyFrame_IsIncomplete: a frame that is being made is not shown. Include/internal/pycore_frame.h of 3.11 to 3.15. */
    bool (*is_incomplete)(const struct raw_frame *frame, int64_t offset);

    /* Whether the frame forgets who called it when it returns, or yields. */
    bool (*forgets_caller)(const struct raw_frame *frame);
};

/* The operations of a version. */
const struct frame_operations *frames_of(const struct layout_rules *rules);

/* What a frame refers to in one of these fields: the address of an object, 0 none. what names it in the reason. */
enum read_cache_status frames_frame_reference(struct reader *reader, uint64_t frame, enum layout_field field, const char *what, uint64_t *object);

extern const struct frame_operations frames_frame_objects, frames_interpreter_frames;

#endif
