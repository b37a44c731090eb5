#include "sample/standing.h"

#include "sample/frame_bytes.h"

enum { EMPTY_READINGS = 12 };

/* Whether a frame stands in its bytes, at whatever instruction. */
static bool is_there(const struct layout *layout, struct bytes data, const struct captured_frame *frame, uint64_t *instruction)
{
    struct raw_frame raw = {.address = frame->address};
    uint64_t code, previous;
    bool decoded = stack_decode_frame(layout, data, &raw, &code, &previous);
    *instruction = raw.instruction;
    return decoded && code == frame->code->code->address && previous == frame->previous;
}

static bool in_chunk(const struct capture *capture, uint64_t address)
{
    return address >= capture->memory.chunk && address - capture->memory.chunk < capture->memory.size;
}

/*
 * Whether a frame that C code has called may still be there: nobody but the thread state tells when it has returned. What it names is the
 * newest frame, or lies elsewhere, where it says nothing.
 */
static bool may_stand(const struct capture *capture, const struct captured_frame *frame)
{
    uint64_t head = capture->stack.head;
    return !in_chunk(capture, head) || !in_chunk(capture, frame->entered) || head >= frame->entered;
}

size_t standing_untouched(const struct capture *capture)
{
    const struct captured_frames *frames = &capture->frames;
    uint64_t chunk = capture->memory.chunk;
    if (frames->count == 0 || frames->items[0].address < chunk || frames->items[0].address - chunk >= capture->steady)
        return 0; /* the oldest lie in other chunks */
    for (size_t count = frames->count; count > 0; count--) {
        const struct captured_frame *newest = &frames->items[count - 1];
        bool sure = !newest->apart && newest->code->frame_bytes != 0 && may_stand(capture, newest);
        if (sure && newest->address >= chunk && newest->address - chunk + newest->code->frame_bytes <= capture->steady)
            return count;
    }
    return 0;
}

/* How many of the oldest frames stand in what was read; still: as they did, or else the newest of them may have run on. */
static size_t standing(struct capture *capture, const struct layout *layout, bool still)
{
    const struct captured_frames *frames = &capture->frames;
    size_t height = still ? standing_untouched(capture) : 0;
    bool same = true;
    while (same && height < frames->count) {
        const struct captured_frame *frame = &frames->items[height];
        struct bytes data = frame_header(capture, layout, frame);
        uint64_t instruction;
        if (data.at == NULL || !is_there(layout, data, frame, &instruction) || !may_stand(capture, frame))
            break;
        same = instruction == frame->instruction;
        if (same || !still)
            height++;
    }
    return height;
}

size_t standing_frames(struct capture *capture, const struct layout *layout)
{
    return standing(capture, layout, true);
}

/* The same by the chain. */
static size_t in_chain(const struct captured_frames *frames, const struct stack *stack, bool still)
{
    size_t height = 0;
    bool same = true;
    while (same && height < frames->count && height < stack->frame_count) {
        const struct captured_frame *then = &frames->items[height];
        const struct raw_frame *now = &stack->frames[stack->frame_count - 1 - height];
        if (then->address != now->address || then->code != now->code)
            break;
        same = then->instruction == now->instruction;
        if (same || !still)
            height++;
    }
    return height;
}

size_t standing_in_chain(const struct captured_frames *frames, const struct stack *stack)
{
    return in_chain(frames, stack, true);
}

bool standing_all(struct capture *capture, const struct layout *layout)
{
    const struct captured_frames *frames = &capture->frames;
    const struct stack *stack = &capture->stack;
    if (stack->truncated == NULL && in_chain(frames, stack, false) == frames->count)
        return true;
    if (layout->rules->frames == FRAME_OBJECTS || frames->count < 2)
        return false;
    struct bytes caller = frame_bytes_copied(capture, frames->items[frames->count - 2].address, stack_frame_size(layout));
    /* What a frame that runs has pushed before may still be seen where it lay. */
    bool calls = caller.at != NULL && frame_work(layout, caller) != FRAME_RUNS;
    return calls && standing(capture, layout, false) == frames->count;
}

bool standing_root_is_in_doubt(struct capture *capture, struct raw_frame *root)
{
    const struct stack *stack = &capture->stack;
    if (stack->truncated != NULL || stack->frame_count == 0)
        return false;
    *root = stack->frames[stack->frame_count - 1];
    if (capture->root == 0)
        return true;
    capture->strangers = root->address == capture->root ? 0 : capture->strangers + 1;
    return capture->strangers > 1 && (capture->strangers & (capture->strangers - 1)) == 0;
}

bool standing_chain_is_right(struct capture *capture)
{
    const struct stack *stack = &capture->stack;
    if (stack->truncated != NULL)
        return false;
    if (stack->frame_count > 0)
        return stack->frames[stack->frame_count - 1].address == capture->root;
    return capture->frames.count == 0 || ++capture->strangers >= EMPTY_READINGS; /* a C frame that is being made names none yet */
}
