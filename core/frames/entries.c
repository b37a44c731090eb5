#include "frames/entries.h"

#include "base/array.h"

/* A C frame that is being entered or left runs nothing. */
enum { IDLE_C_FRAMES = 1 };

/* The chain ends at the one in the thread state, whose own link 3.10 leaves as malloc gave it (new_threadstate, Python/pystate.c). */
static bool is_root(const struct stack *stack, const struct layout *layout)
{
    return stack->entries.next - stack->thread_state < (uint64_t)LAYOUT(layout, thread_state, size);
}

/* Each one but those that are idle runs a frame, which bounds their number. */
static enum read_cache_status read_chain(struct stack *stack, struct reader *reader)
{
    struct stack_entries *entries = &stack->entries;
    if (entries->progress == ENTRIES_NEW)
        STEP(frames_c_frame_current(reader, stack->thread_state, &entries->next));
    entries->progress = ENTRIES_READ;
    while (!is_root(stack, reader->layout)) {
        struct c_frame c_frame;
        if (entries->count >= stack->frame_count + IDLE_C_FRAMES)
            return object_reader_fail(reader, "there are more C frames than frames");
        STEP(frames_c_frame_read(reader, entries->next, &c_frame));
        if (!ARRAY_RESERVE(entries->chain, entries->capacity, entries->count + 1))
            return object_reader_no_memory(reader);
        entries->chain[entries->count++] = c_frame;
        entries->next = c_frame.before;
    }
    return READ_CACHE_READY;
}

/* A delegating generator goes with its caller, in whose C frame all that happens. */
static void enter_by_count(struct stack *stack)
{
    size_t running = 0;
    for (size_t i = 0; i < stack->frame_count; i++)
        running += !stack->frames[i].delegates;
    if (stack->truncated != NULL || stack->entries.count != running)
        return;
    uint64_t entry = 0;
    size_t older = running; /* C frames from here on have their frame */
    for (size_t i = stack->frame_count; i-- > 0;) {
        if (!stack->frames[i].delegates)
            entry = stack->entries.chain[--older].address;
        stack->frames[i].entry = entry;
    }
}

/* A C frame that is being entered names whatever was on the C stack: c_frame_trial.h. */
static void enter_by_name(struct stack *stack)
{
    size_t current = 0;
    while (current < stack->entries.count && current < IDLE_C_FRAMES && stack->entries.chain[current].newest != stack->frames[0].address)
        current++;
    if (current >= stack->entries.count || stack->entries.chain[current].newest != stack->frames[0].address)
        return;
    for (size_t i = 0; i < stack->frame_count; i++) {
        if (current + 1 < stack->entries.count && stack->entries.chain[current + 1].newest == stack->frames[i].address)
            current++;
        stack->frames[i].entry = stack->entries.chain[current].address;
    }
}

void frames_entries_step(struct stack *stack, struct reader *reader)
{
    enum entry_style style = reader->layout->rules->entry;
    if (stack->entries.progress == ENTRIES_SETTLED || stack->progress != STACK_DONE)
        return;
    bool chained = (style == ENTRY_BY_COUNT || style == ENTRY_BY_CFRAME) && stack->frame_count > 0;
    enum read_cache_status status = chained ? read_chain(stack, reader) : READ_CACHE_FAILED;
    if (status == READ_CACHE_PENDING)
        return;
    stack->entries.progress = ENTRIES_SETTLED;
    if (status == READ_CACHE_READY && style == ENTRY_BY_COUNT)
        enter_by_count(stack);
    else if (status == READ_CACHE_READY)
        enter_by_name(stack);
}
