#include "frames/entry_check.h"

#include "layout/cframe.h"

/* Where the chain of C frames is followed. */
struct c_chain {
    const struct stack *stack;
    struct reader *reader;
    struct c_frame at; /* address 0: there is none */
};

static enum read_cache_status begin(struct c_chain *chain)
{
    uint64_t address, thread_state = chain->stack->thread_state;
    STEP(frames_c_frame_current(chain->reader, thread_state, &address));
    return layout_cframe_is_root(thread_state, address) ? READ_CACHE_READY : frames_c_frame_read(chain->reader, address, &chain->at);
}

static bool has_next(const struct c_chain *chain)
{
    const struct c_frame *at = &chain->at;
    return at->address != 0 && at->before != 0 && !layout_cframe_is_root(chain->stack->thread_state, at->before);
}

static enum read_cache_status follow(struct c_chain *chain)
{
    return frames_c_frame_read(chain->reader, chain->at.before, &chain->at);
}

static size_t count_running(const struct stack *stack)
{
    size_t running = 0;
    for (size_t i = 0; i < stack->frame_count; i++)
        running += !stack->frames[i].delegates;
    return running;
}

/*
 * 3.10: there are as many as frames that run; one more while a frame is entered or left. Each of a deep stack may wait for memory of its own, so
 * that the chain is followed further from where it was left.
 */
static enum read_cache_status check_by_count(struct stack *stack, struct reader *reader, bool *agree)
{
    struct stack_verdict *verdict = &stack->verdict;
    struct c_chain chain = {.stack = stack, .reader = reader, .at = verdict->c_frame};
    if (verdict->c_frames == 0) {
        STEP(begin(&chain));
        verdict->c_frame = chain.at;
        verdict->c_frames = chain.at.address != 0;
    }
    while (has_next(&chain) && verdict->c_frames <= stack->frame_count) {
        STEP(follow(&chain));
        verdict->c_frame = chain.at;
        verdict->c_frames++;
    }
    *agree = verdict->c_frames == count_running(stack);
    return READ_CACHE_READY;
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
static enum read_cache_status check_by_name(struct c_chain *chain, bool *agree)
{
    const struct stack *stack = chain->stack;
    const struct layout *layout = chain->reader->layout;
    const struct raw_frame *frames = stack->frames;
    *agree = true;
    if (stack->frame_count == 0)
        return READ_CACHE_READY;
    STEP(begin(chain));
    if (has_next(chain) && frames[0].address != stack->head && layout->rules->entry == ENTRY_BY_SHIM) /* a shim stands as the newest frame */
        STEP(follow(chain));
    for (size_t i = 0; i + 1 < stack->frame_count && *agree; i++) {
        if (!is_entered(stack, layout, i))
            continue;
        struct c_chain next = *chain;
        if (has_next(chain))
            STEP(follow(&next));
        if (has_next(chain) && next.at.newest == frames[i + 1].address)
            *chain = next;
        else
            *agree = frames[i].owner == FRAME_OWNER_GENERATOR;
    }
    *agree = *agree && !has_next(chain);
    return READ_CACHE_READY;
}

enum read_cache_status frames_entry_check_step(struct stack *stack, struct reader *reader, bool *agree)
{
    struct c_chain chain = {.stack = stack, .reader = reader};
    *agree = true;
    if (reader->layout->rules->entry == ENTRY_BY_COUNT)
        return check_by_count(stack, reader, agree);
    if (reader->layout->rules->has_cframe && stack->trial.rejected.reason == NULL)
        return check_by_name(&chain, agree);
    return READ_CACHE_READY;
}
