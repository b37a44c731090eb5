#include "walk/entries.h"

#include <stdlib.h>

#include "base/array.h"

/* A C frame that is being entered or left runs nothing. */
enum { IDLE_C_FRAMES = 1 };

static bool push_c_frame(struct stack *stack, struct c_frame c_frame)
{
    if (!ARRAY_RESERVE(stack->c_frames, stack->c_frame_capacity, stack->c_frame_count + 1))
        return false;
    stack->c_frames[stack->c_frame_count++] = c_frame;
    return true;
}

static enum copy_status begin(struct stack *stack, struct reader *reader)
{
    uint64_t newest = stack->thread_state + (uint64_t)LAYOUT(reader->layout, thread_state, cframe);
    STEP(reader_pointer(reader, newest, "C frame", &stack->next_c_frame));
    stack->entries = ENTRIES_READ;
    return COPY_READY;
}

static enum copy_status read_c_frame(struct stack *stack, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    struct c_frame c_frame = {.address = stack->next_c_frame};
    uint64_t previous;
    STEP(reader_pointer(reader, c_frame.address + (uint64_t)LAYOUT(layout, cframe, previous), "C frame", &previous));
    if (layout->rules->entry == ENTRY_BY_CFRAME)
        STEP(reader_pointer(reader, c_frame.address + (uint64_t)LAYOUT(layout, cframe, current_frame), "C frame", &c_frame.newest));
    if (!push_c_frame(stack, c_frame))
        return reader_no_memory(reader);
    stack->next_c_frame = previous;
    return COPY_READY;
}

/* The chain ends at the one in the thread state, whose own link 3.10 leaves as malloc gave it (new_threadstate, Python/pystate.c). */
static bool is_root(const struct stack *stack, const struct layout *layout, uint64_t c_frame)
{
    return c_frame - stack->thread_state < (uint64_t)LAYOUT(layout, thread_state, size);
}

/* Each one but those that are idle runs a frame, which bounds their number. */
static enum copy_status read_chain(struct stack *stack, struct reader *reader)
{
    if (stack->entries == ENTRIES_NEW)
        STEP(begin(stack, reader));
    while (!is_root(stack, reader->layout, stack->next_c_frame)) {
        if (stack->c_frame_count >= stack->frame_count + IDLE_C_FRAMES)
            return reader_fail(reader, "there are more C frames than frames");
        STEP(read_c_frame(stack, reader));
    }
    return COPY_READY;
}

/* A delegating generator goes with its caller, in whose C frame all that happens. */
static void enter_by_count(struct stack *stack)
{
    size_t running = 0;
    for (size_t i = 0; i < stack->frame_count; i++)
        running += !stack->frames[i].delegates;
    if (stack->truncated != NULL || stack->c_frame_count != running)
        return;
    uint64_t entry = 0;
    size_t older = running; /* C frames from here on have their frame */
    for (size_t i = stack->frame_count; i-- > 0;) {
        if (!stack->frames[i].delegates)
            entry = stack->c_frames[--older].address;
        stack->frames[i].entry = entry;
    }
}

/* A C frame that is being entered names whatever was on the C stack: see stack.on_trial. */
static void enter_by_name(struct stack *stack)
{
    size_t current = 0;
    while (current < stack->c_frame_count && current < IDLE_C_FRAMES && stack->c_frames[current].newest != stack->frames[0].address)
        current++;
    if (current >= stack->c_frame_count || stack->c_frames[current].newest != stack->frames[0].address)
        return;
    for (size_t i = 0; i < stack->frame_count; i++) {
        if (current + 1 < stack->c_frame_count && stack->c_frames[current + 1].newest == stack->frames[i].address)
            current++;
        stack->frames[i].entry = stack->c_frames[current].address;
    }
}

void entries_step(struct stack *stack, struct reader *reader)
{
    enum entry_style style = reader->layout->rules->entry;
    if (stack->entries == ENTRIES_SETTLED || stack->progress != STACK_DONE)
        return;
    bool chained = (style == ENTRY_BY_COUNT || style == ENTRY_BY_CFRAME) && stack->frame_count > 0;
    enum copy_status status = chained ? read_chain(stack, reader) : COPY_FAILED;
    if (status == COPY_PENDING)
        return;
    stack->entries = ENTRIES_SETTLED;
    if (status == COPY_READY && style == ENTRY_BY_COUNT)
        enter_by_count(stack);
    else if (status == COPY_READY)
        enter_by_name(stack);
}
