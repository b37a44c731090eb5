#include "snapshot/live_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "frames/frame_check.h"

enum {
    /* So many readings in a row must agree: a program that calls and returns within microseconds can look the same twice by chance. */
    READINGS = 16,
    WINDOWS = 25,
};

static bool same_frame(const struct raw_frame *a, const struct raw_frame *b)
{
    return a->address == b->address && a->code == b->code && a->instruction == b->instruction && a->thread_bytecode == b->thread_bytecode;
}

/* How many of the oldest frames two readings agree on. */
static size_t common_tail(const struct stack *a, const struct stack *b)
{
    size_t common = 0;
    while (common < a->frame_count && common < b->frame_count &&
           same_frame(&a->frames[a->frame_count - 1 - common], &b->frames[b->frame_count - 1 - common]))
        common++;
    return common;
}

static bool is_sound(const struct stack *stack, const struct layout_rules *rules)
{
    char reason[192];
    int64_t offset;
    if (stack->truncated != NULL)
        return false;
    for (size_t i = 0; i < stack->frame_count; i++) {
        const struct raw_frame *frame = &stack->frames[i];
        if (!frames_frame_instruction(frame, rules, &offset, reason, sizeof reason))
            return false;
        if (i + 1 < stack->frame_count && !frames_frame_fits_caller(frame, &stack->frames[i + 1]))
            return false;
    }
    return true;
}

static void load_codes(struct walk *walk)
{
    do {
        frames_code_table_step(walk->codes, &walk->reader);
    } while (target_read_cache_fetch(walk->reader.cache));
}

/* One reading. *at_once says that all of it came with a single call: nothing had to be fetched when the pieces were followed. */
static void read_once(struct walk *walk, struct reader *own, struct stack *stack, bool *at_once)
{
    *at_once = true;
    target_read_cache_refresh(own->cache);
    frames_stack_step(stack, own, walk->codes);
    while (target_read_cache_fetch(own->cache)) {
        *at_once = false;
        frames_stack_step(stack, own, walk->codes);
    }
    load_codes(walk);
}

/* The same frames, all but the newest at the same instruction: the newest one may run on. */
static bool same_stack(const struct stack *a, const struct stack *b)
{
    if (a->head != b->head || a->frame_count != b->frame_count || common_tail(a, b) + 1 < a->frame_count)
        return false;
    return a->frame_count == 0 || (a->frames[0].address == b->frames[0].address && a->frames[0].code == b->frames[0].code);
}

/* What a row of readings has shown. */
struct window {
    struct stack first; /* owned */
    size_t common;      /* oldest frames of the first that all readings had */
    bool whole;         /* all of it */
    bool steady;        /* every reading broke off in the same way: no race, but memory that is so */
};

static void read_window(struct walk *walk, struct reader *own, uint64_t thread_state, struct window *window)
{
    const struct layout_rules *rules = own->layout->rules;
    bool at_once;
    frames_stack_init(&window->first, thread_state);
    read_once(walk, own, &window->first, &at_once);
    window->whole = at_once && is_sound(&window->first, rules);
    window->steady = !window->whole;
    window->common = window->first.frame_count;
    for (int i = 1; i < READINGS && (window->whole || window->steady || window->common > 0); i++) {
        struct stack stack;
        uint64_t taken = own->taken;
        frames_stack_init(&stack, thread_state);
        read_once(walk, own, &stack, &at_once);
        bool same = same_stack(&window->first, &stack);
        size_t common = common_tail(&window->first, &stack);
        window->whole = window->whole && same && at_once && is_sound(&stack, rules);
        window->steady = window->steady && same && stack.truncated != NULL;
        window->common = common < window->common ? common : window->common;
        frames_stack_free(&stack);
        object_reader_give_back(own, taken);
    }
}

/* Keeps the oldest frames that all readings had, and the one above them, whose position is one that it had at least by itself. */
static void cut_to_common(struct window *window)
{
    struct stack *stack = &window->first;
    size_t kept = window->common > 0 && window->common < stack->frame_count ? window->common + 1 : window->common;
    memmove(stack->frames, stack->frames + (stack->frame_count - kept), kept * sizeof *stack->frames);
    stack->frame_count = kept;
    free(stack->truncated);
    if (asprintf(&stack->truncated, "the newest frames changed faster than they could be read without stopping the thread") < 0)
        stack->truncated = NULL;
}

static struct spprof_error *read_stack(struct walk *walk, struct stack *result)
{
    struct reader own = {.layout = walk->reader.layout};
    struct window best = {.common = 0};
    bool settled = false;
    TRY(target_read_cache_new(target_read_cache_target(walk->reader.cache), &own.cache));
    frames_stack_init(&best.first, result->thread_state);
    for (int i = 0; i < WINDOWS && !settled; i++) {
        struct window window;
        read_window(walk, &own, result->thread_state, &window);
        settled = window.whole || window.steady;
        if (settled || window.common >= best.common) {
            frames_stack_free(&best.first);
            best = window;
        } else {
            frames_stack_free(&window.first);
        }
    }
    object_reader_give_back(&own, 0);
    target_read_cache_free(own.cache);
    if (!settled)
        cut_to_common(&best);
    frames_stack_free(result);
    *result = best.first;
    return NULL;
}

struct spprof_error *snapshot_live_stacks_read(struct walk *walk)
{
    for (size_t i = 0; i < walk->list.count; i++)
        for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++)
            TRY(read_stack(walk, &walk->list.interpreters[i]->threads[j]->stack));
    return NULL;
}
