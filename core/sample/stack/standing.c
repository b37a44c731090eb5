#include "sample/stack/standing.h"

#include "frames/frame_operations.h"
#include "sample/rules.h"

/* Whether a frame stands in its bytes, at whatever instruction. */
static bool is_there(const struct layout *layout, struct bytes data, const struct sampled_frame *frame, uint64_t *instruction)
{
    struct raw_frame raw = {.address = frame->address};
    uint64_t code, previous;
    if (data.at == NULL)
        return false;
    bool decoded = frames_stack_decode_frame(layout, data, &raw, &code, &previous);
    *instruction = raw.instruction;
    return decoded && code == frame->code->code->address && previous == frame->previous;
}

/*
 * Whether a frame that C code has called may still be there: nobody but the thread state tells when it has returned. What it names is the
 * newest frame, or lies elsewhere, where it says nothing.
 */
static bool may_stand(const struct reading *reading, const struct sampled_frame *frame)
{
    uint64_t head = reading->head;
    return !sample_reading_is_in_chunk(reading, head) || !sample_reading_is_in_chunk(reading, frame->entered) || head >= frame->entered ||
           !RULE(MAY_STAND);
}

size_t sample_standing_untouched(const struct reading *reading, const struct sampled_frames *frames)
{
    uint64_t chunk = reading->chunk;
    if (frames->count == 0 || frames->items[0].address < chunk || frames->items[0].address - chunk >= reading->steady)
        return 0; /* the oldest lie in other chunks */
    for (size_t count = frames->count; count > 0; count--) {
        const struct sampled_frame *newest = &frames->items[count - 1];
        bool sure = !newest->apart && newest->code->frame_bytes != 0 && may_stand(reading, newest);
        if (sure && newest->address >= chunk && newest->address - chunk + newest->code->frame_bytes <= reading->steady)
            return count;
    }
    return 0;
}

/* How many of the oldest frames stand in what was read; still: as they did, or else the newest of them may have run on. */
static size_t standing(struct inquiry *inquiry, const struct sampled_frames *frames, bool still)
{
    size_t height = still ? sample_standing_untouched(inquiry->reading, frames) : 0;
    bool same = true;
    while (same && height < frames->count) {
        const struct sampled_frame *frame = &frames->items[height];
        uint64_t instruction;
        if (!is_there(inquiry->layout, sample_ask_header(inquiry, frame), frame, &instruction) || !may_stand(inquiry->reading, frame))
            break;
        same = instruction == frame->instruction;
        if (same || !still)
            height++;
    }
    return height;
}

size_t sample_standing_frames(struct inquiry *inquiry, const struct sampled_frames *frames)
{
    return standing(inquiry, frames, true);
}

/* The same by the chain. */
static size_t in_chain(const struct reading *reading, const struct sampled_frames *frames, bool still)
{
    size_t height = 0;
    bool same = true;
    while (same && height < frames->count && height < reading->frame_count) {
        const struct sampled_frame *then = &frames->items[height];
        const struct raw_frame *now = &reading->frames[reading->frame_count - 1 - height];
        if (then->address != now->address || then->code != now->code)
            break;
        same = then->instruction == now->instruction;
        if (same || !still)
            height++;
    }
    return height;
}

size_t sample_standing_in_chain(const struct reading *reading, const struct sampled_frames *frames)
{
    return in_chain(reading, frames, true);
}

bool sample_standing_all(struct inquiry *inquiry, const struct sampled_frames *frames)
{
    const struct reading *reading = inquiry->reading;
    if (reading->followed && in_chain(reading, frames, false) == frames->count)
        return true;
    if (frames_of(inquiry->layout->rules)->on_heap || frames->count < 2)
        return false;
    struct bytes caller = sample_reading_in_chunk(reading, frames->items[frames->count - 2].address, frames_stack_frame_size(inquiry->layout));
    /* What a frame that runs has pushed before may still be seen where it lay. */
    bool calls = caller.at != NULL && sample_frame_work(inquiry->layout, caller) != FRAME_RUNS;
    return calls && standing(inquiry, frames, false) == frames->count;
}
