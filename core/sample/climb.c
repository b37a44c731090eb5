#include "sample/climb.h"

#include <stdlib.h>

#include "walk/frame_check.h"

enum { HEIGHT_MAX = 1 << 14 };

/* A frame as it was copied with the newest chunk; false: none that a thread pushed lies there. */
static bool copied_frame(const struct capture *capture, const struct layout *layout, struct raw_frame *frame, uint64_t *code, uint64_t *previous)
{
    const struct stack_memory *memory = &capture->memory;
    uint64_t size = (uint64_t)LAYOUT(layout, frame, localsplus);
    if (!memory->fresh || memory->chunk == 0 || frame->address < memory->chunk || frame->address - memory->chunk + size > memory->size)
        return false;
    const uint8_t *data = memory->bytes + (frame->address - memory->chunk);
    return stack_decode_frame(layout, data, frame, code, previous) && frame->owner == FRAME_OWNER_THREAD;
}

/* How many of the oldest frames of the sample before stand as they did; the newest of them lies in the chunk. */
static size_t standing(const struct capture *capture, const struct layout *layout)
{
    const struct captured_frames *before = &capture->accepted;
    size_t known = 0;
    uint64_t code = 0, previous = 0;
    for (size_t i = before->count; i-- > 0;) {
        const struct captured_frame *frame = &before->items[i];
        struct raw_frame raw = {.address = frame->address};
        bool copied = copied_frame(capture, layout, &raw, &code, &previous);
        bool same = code == frame->code->code->address && previous == frame->previous && raw.instruction == frame->instruction;
        if ((copied && !same) || frame->code->retired)
            break;
        if (copied)
            known = before->count - i;
    }
    return known;
}

static bool push(struct captured_frames *frames, const struct captured_frame *frame)
{
    if (frames->count == frames->capacity) {
        size_t larger = frames->capacity == 0 ? 64 : frames->capacity * 2;
        struct captured_frame *grown = reallocarray(frames->items, larger, sizeof *grown);
        if (grown == NULL)
            return false;
        frames->items = grown;
        frames->capacity = larger;
    }
    frames->items[frames->count++] = *frame;
    return true;
}

/* The frame that a caller has called, if one stands there. */
static bool step_up(const struct capture *capture, struct capture_context *context, const struct captured_frame *caller, struct captured_frame *callee)
{
    struct raw_frame raw = {.address = caller->address + caller->code->frame_bytes};
    char reason[192];
    uint64_t code, previous;
    if (caller->code->frame_bytes == 0 || !copied_frame(capture, context->layout, &raw, &code, &previous))
        return false;
    if (previous != caller->address || code == 0 || code % 8 != 0)
        return false;
    raw.code = capture_code(context, code);
    if (raw.code == NULL)
        return false;
    *callee = (struct captured_frame){.code = raw.code, .address = raw.address, .previous = previous, .instruction = raw.instruction, .fits = true};
    if (!frame_instruction(&raw, context->layout->rules, &callee->offset, reason, sizeof reason))
        return false;
    callee->incomplete = frame_is_incomplete(&raw, context->layout->rules, callee->offset);
    return call_sites_allow(context->sites, &context->mentions, caller->code, caller->offset, callee->code);
}

static void reverse(struct captured_frames *frames)
{
    for (size_t low = 0, high = frames->count; low + 1 < high; low++, high--) {
        struct captured_frame frame = frames->items[low];
        frames->items[low] = frames->items[high - 1];
        frames->items[high - 1] = frame;
    }
}

bool climb(struct capture *capture, struct capture_context *context, uint64_t limit)
{
    const struct captured_frames *before = &capture->accepted;
    struct captured_frames *frames = &capture->frames;
    struct captured_frame callee;
    size_t known = context->layout->rules->frames == FRAME_INTERPRETER ? standing(capture, context->layout) : 0;
    frames->count = 0;
    for (size_t i = 0; i < known; i++)
        if (!push(frames, &before->items[before->count - 1 - i]))
            return false;
    for (size_t height = 0; known > 0 && height < HEIGHT_MAX; height++) {
        const struct captured_frame *caller = &frames->items[frames->count - 1];
        if (caller->address >= limit || !step_up(capture, context, caller, &callee) || callee.address > limit || !push(frames, &callee))
            break;
    }
    reverse(frames);
    return known > 0;
}
