#include "sample/captured.h"

#include <stdlib.h>

#include "sample/paths.h"
#include "walk/frame_check.h"

enum spprof_drop captured_take(const struct raw_frame *raw, const struct layout_rules *rules, struct captured_frame *frame)
{
    char reason[192];
    *frame = (struct captured_frame){
        .code = raw->code,
        .address = raw->address,
        .previous = raw->previous,
        .chunk = raw->chunk,
        .instruction = raw->instruction,
        .generator = raw->owner == FRAME_OWNER_GENERATOR,
        .apart = raw->owner == FRAME_OWNER_GENERATOR,
    };
    if (raw->code == NULL || raw->code->status != COPY_READY || raw->code->retired)
        return SPPROF_DROP_NOT_CODE;
    if (!frame_instruction(raw, rules, &frame->offset, reason, sizeof reason))
        return SPPROF_DROP_BAD_INSTRUCTION;
    frame->incomplete = frame_is_incomplete(raw, rules, frame->offset);
    return SPPROF_DROP_REASONS;
}

uint64_t captured_callers(const struct captured_frames *frames)
{
    return frames->count > 1 ? frames->items[frames->count - 2].path : 0;
}

bool captured_push(struct captured_frames *frames, const struct captured_frame *frame)
{
    if (frames->count == frames->capacity) {
        size_t larger = frames->capacity == 0 ? 64 : frames->capacity * 2;
        struct captured_frame *grown = reallocarray(frames->items, larger, sizeof *grown);
        if (grown == NULL)
            return false;
        frames->items = grown;
        frames->capacity = larger;
    }
    struct captured_frame *top = &frames->items[frames->count++];
    *top = *frame;
    top->path = path_of(frames->count > 1 ? top[-1].path : 0, frame->code, frame->offset);
    return true;
}
