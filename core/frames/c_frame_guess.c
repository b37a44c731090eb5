#include "frames/c_frame_guess.h"

#include "layout/cframe.h"

/*
 * What the C frame before names as its newest frame has called the C code that runs this one. Where another one has taken its place it may
 * lead anywhere.
 */
static enum read_cache_status find_caller(struct reader *reader, uint64_t thread_state, const struct c_frame *current, uint64_t *caller)
{
    enum { C_STACK_MAX = 1 << 26 };
    struct c_frame before;
    *caller = layout_cframe_is_root(thread_state, current->before) ? 0 : STACK_UNTOLD;
    if (*caller == 0 || current->before <= current->address || current->before - current->address > C_STACK_MAX)
        return READ_CACHE_READY;
    enum read_cache_status status = frames_c_frame_read(reader, current->before, &before);
    if (status == READ_CACHE_READY)
        *caller = before.newest;
    return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
}

static bool is_shim(const struct c_frame *current, const struct layout *layout, const struct data_stack *data_stack)
{
    enum { BESIDE = 1 << 12 }; /* both are variables of one C function; other memory may lie close to the C stack, too */
    bool in_chunk = data_stack->chunk != 0 && current->newest >= data_stack->chunk && current->newest < data_stack->limit;
    return layout->rules->entry == ENTRY_BY_SHIM && current->newest + BESIDE - current->address < 2 * BESIDE && !in_chunk;
}

/*
 * 3.12: when the last frame of a C frame has returned, or a generator yielded, the shim beside it on the C stack stands as its newest
 * frame, until the C frame itself returns; and so it may before the first one is there. Of a target that runs the C frame was the current
 * one a moment before that: whether it was then as it is now, so that its caller is the newest frame, or still ran the frame that it was
 * entered with, nobody knows. It is taken for either every other time, as both favour one of the two.
 */
static void see_through_shim(struct c_frame_guess *guess, const struct c_frame *current)
{
    const struct frame_link *link = frames_frame_link_find(guess->links, current->address);
    if (guess->caller == 0 || guess->caller == STACK_UNTOLD)
        return;
    bool is_known = link != NULL && link->code == guess->caller;
    if (is_known && guess->shims++ % 2 != 0) {
        guess->newest = link->previous;
        return;
    }
    guess->newest = guess->caller;
    guess->caller = STACK_UNTOLD; /* whoever called the C code that runs the caller */
}

enum read_cache_status frames_c_frame_guess_newest(struct c_frame_guess *guess, struct reader *reader, uint64_t thread_state,
                                                   const struct c_frame *current, const struct data_stack *data_stack)
{
    STEP(find_caller(reader, thread_state, current, &guess->caller));
    guess->newest = current->newest;
    if (!is_shim(current, reader->layout, data_stack) && current->newest % 8 == 0)
        guess->address = current->address;
    if (guess->address == 0)
        see_through_shim(guess, current);
    return READ_CACHE_READY;
}

void frames_c_frame_guess_remember(struct c_frame_guess *guess, uint64_t entered_with, uint64_t caller)
{
    if (guess->address != 0)
        frames_frame_link_remember(guess->links, (struct frame_link){guess->address, caller, entered_with});
}
