#include "sample/stack/frames.h"

#include <stdlib.h>

#include "base/array.h"
#include "sample/evidence/contexts.h"
#include "frames/frame_check.h"

enum spprof_drop sample_frame_take(const struct raw_frame *raw, const struct layout_rules *rules, struct sampled_frame *frame)
{
    char reason[192];
    *frame = (struct sampled_frame){
        .code = raw->code,
        .address = raw->address,
        .previous = raw->previous,
        .chunk = raw->chunk,
        .instruction = raw->instruction,
        .generator = raw->owner == FRAME_OWNER_GENERATOR,
        .apart = raw->owner == FRAME_OWNER_GENERATOR,
    };
    if (raw->code == NULL || raw->code->status != READ_CACHE_READY || raw->code->retired)
        return SPPROF_DROP_NOT_CODE;
    if (!frames_frame_instruction(raw, rules, &frame->offset, reason, sizeof reason))
        return SPPROF_DROP_BAD_INSTRUCTION;
    frame->incomplete = frames_frame_is_incomplete(raw, rules, frame->offset);
    return SPPROF_DROP_REASONS;
}

uint64_t sample_frames_path(const struct sampled_frames *frames, size_t count)
{
    return count > 0 ? frames->items[count - 1].path : 0;
}

const struct sampled_frame *sample_frames_caller(const struct sampled_frames *frames, size_t count)
{
    while (count > 0 && frames_code_is_trampoline(frames->items[count - 1].code))
        count--;
    return count > 0 ? &frames->items[count - 1] : NULL;
}

bool sample_frames_push(struct sampled_frames *frames, const struct sampled_frame *frame)
{
    if (!ARRAY_RESERVE(frames->items, frames->capacity, frames->count + 1))
        return false;
    uint64_t callers = sample_frames_path(frames, frames->count);
    struct sampled_frame *top = &frames->items[frames->count++];
    *top = *frame;
    top->path = sample_path_of(callers, frame->code, frame->offset);
    top->pending.round = 0;
    return true;
}
