#include "walk/entry_check.h"

#include "layout/cframe.h"

/* Where the chain of C frames is followed. */
struct c_chain {
    const struct stack *stack;
    struct reader *reader;
    uint64_t at, newest, before; /* a C frame, and what it says; newest 0 in 3.10 */
};

static enum copy_status read_c_frame(struct c_chain *chain, uint64_t address)
{
    const struct layout *layout = chain->reader->layout;
    int32_t newest = LAYOUT(layout, cframe, current_frame);
    chain->at = address;
    if (newest != LAYOUT_ABSENT)
        STEP(reader_pointer(chain->reader, address + (uint64_t)newest, "C frame", &chain->newest));
    return reader_pointer(chain->reader, address + (uint64_t)LAYOUT(layout, cframe, previous), "C frame", &chain->before);
}

static enum copy_status begin(struct c_chain *chain)
{
    uint64_t address;
    STEP(reader_pointer(chain->reader, chain->stack->thread_state + (uint64_t)LAYOUT(chain->reader->layout, thread_state, cframe), "C frame", &address));
    return cframe_is_root(chain->stack->thread_state, address) ? COPY_READY : read_c_frame(chain, address);
}

static bool has_next(const struct c_chain *chain)
{
    return chain->at != 0 && chain->before != 0 && !cframe_is_root(chain->stack->thread_state, chain->before);
}

/* 3.10: there are as many as frames that run; one more while a frame is entered or left. */
static enum copy_status check_by_count(struct c_chain *chain, bool *agree)
{
    const struct stack *stack = chain->stack;
    size_t running = 0, count;
    STEP(begin(chain));
    for (size_t i = 0; i < stack->frame_count; i++)
        running += !stack->frames[i].delegates;
    for (count = chain->at != 0; has_next(chain) && count <= running; count++)
        STEP(read_c_frame(chain, chain->before));
    *agree = count == running;
    return COPY_READY;
}

/* Whether the interpreter was entered from C with this frame. */
static bool is_entered(const struct stack *stack, const struct layout *layout, size_t index)
{
    if (layout->rules->entry == ENTRY_BY_CFRAME)
        return stack->frames[index].entered;
    return index + 1 == stack->frame_count || stack->frames[index].previous != stack->frames[index + 1].address;
}

/*
 * Each names the frame that called what the newer one was entered with. A generator that only hands throw() or close() on (_gen_throw,
 * Objects/genobject.c) says in 3.11 that it was entered, and has none of its own.
 */
static enum copy_status check_by_name(struct c_chain *chain, bool *agree)
{
    const struct stack *stack = chain->stack;
    const struct layout *layout = chain->reader->layout;
    const struct raw_frame *frames = stack->frames;
    *agree = true;
    if (stack->frame_count == 0)
        return COPY_READY;
    STEP(begin(chain));
    if (has_next(chain) && frames[0].address != stack->head && layout->rules->entry == ENTRY_BY_SHIM) /* a shim stands as the newest frame */
        STEP(read_c_frame(chain, chain->before));
    for (size_t i = 0; i + 1 < stack->frame_count && *agree; i++) {
        if (!is_entered(stack, layout, i))
            continue;
        struct c_chain next = *chain;
        if (has_next(chain))
            STEP(read_c_frame(&next, chain->before));
        if (has_next(chain) && next.newest == frames[i + 1].address)
            *chain = next;
        else
            *agree = frames[i].owner == FRAME_OWNER_GENERATOR;
    }
    *agree = *agree && !has_next(chain);
    return COPY_READY;
}

enum copy_status entry_check(const struct stack *stack, struct reader *reader, bool *agree)
{
    struct c_chain chain = {.stack = stack, .reader = reader};
    *agree = true;
    if (reader->layout->rules->entry == ENTRY_BY_COUNT)
        return check_by_count(&chain, agree);
    if (reader->layout->rules->has_cframe && stack->rejected.reason == NULL)
        return check_by_name(&chain, agree);
    return COPY_READY;
}
