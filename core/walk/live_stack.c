#include "walk/live_stack.h"

#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "target/target.h"
#include "walk/frame_check.h"

enum { ATTEMPTS = 200 };


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
        if (!frame_instruction(frame, rules, &offset, reason, sizeof reason))
            return false;
        if (i + 1 < stack->frame_count && !frame_fits_caller(frame, &stack->frames[i + 1]))
            return false;
    }
    return true;
}

/* Whether the thread is where it was when the reading began. */
static bool head_is_unchanged(struct walk *walk, const struct stack *stack)
{
    const struct layout *layout = walk->reader.layout;
    struct spprof_target *target = copy_target(walk->reader.copy);
    uint64_t head = 0;
    bool cframe = layout->rules->has_cframe;
    uint64_t place = stack->thread_state + (uint64_t)(cframe ? LAYOUT(layout, thread_state, cframe) : LAYOUT(layout, thread_state, current_frame));
    if (target_try_read(target, place, &head, sizeof head) != SPPROF_READ_OK)
        return false;
    if (cframe && head != 0) {
        place = head + (uint64_t)LAYOUT(layout, cframe, current_frame);
        if (target_try_read(target, place, &head, sizeof head) != SPPROF_READ_OK)
            return false;
    }
    return head == stack->head;
}

static void load_codes(struct walk *walk)
{
    do {
        code_table_step(walk->codes, &walk->reader);
    } while (copy_fetch(walk->reader.copy));
}

/* One reading. *at_once says that all of it came with a single call: nothing had to be fetched when the pieces were followed. */
static void read_once(struct walk *walk, struct reader *own, struct stack *stack, bool *at_once)
{
    *at_once = true;
    copy_refresh(own->copy);
    stack_step(stack, own, walk->codes);
    while (copy_fetch(own->copy)) {
        *at_once = false;
        stack_step(stack, own, walk->codes);
    }
    load_codes(walk);
}

/* Keeps what the last two readings agree on. */
static void keep_common(struct stack *stack, const struct stack *before)
{
    size_t common = common_tail(stack, before);
    if (common > 0 && common < stack->frame_count)
        for (size_t i = 0; i < common; i++)
            stack->frames[i] = stack->frames[stack->frame_count - common + i];
    stack->frame_count = common;
    free(stack->truncated);
    if (asprintf(&stack->truncated, "the newest frames changed faster than they could be read without stopping the thread") < 0)
        stack->truncated = NULL;
}

static struct spprof_error *read_stack(struct walk *walk, struct stack *result)
{
    struct reader own = {.layout = walk->reader.layout};
    TRY(copy_new(copy_target(walk->reader.copy), &own.copy));
    struct stack before, stack;
    stack_init(&before, result->thread_state);
    stack_init(&stack, result->thread_state);
    bool accepted = false;
    for (int attempt = 0; attempt < ATTEMPTS && !accepted; attempt++) {
        bool at_once;
        stack_free(&before);
        before = stack;
        stack_init(&stack, result->thread_state);
        read_once(walk, &own, &stack, &at_once);
        accepted = at_once && is_sound(&stack, own.layout->rules) && head_is_unchanged(walk, &stack);
    }
    /* A stack that is broken, and broken in the same way each time, is no race: it is shown as far as it goes. */
    bool steady = stack.truncated != NULL && common_tail(&stack, &before) == stack.frame_count && stack.frame_count == before.frame_count;
    if (!accepted && !steady)
        keep_common(&stack, &before);
    stack_free(&before);
    stack_free(result);
    *result = stack;
    copy_free(own.copy);
    return NULL;
}

struct spprof_error *live_stacks_read(struct walk *walk)
{
    for (size_t i = 0; i < walk->list.count; i++)
        for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++)
            TRY(read_stack(walk, &walk->list.interpreters[i]->threads[j]->stack));
    return NULL;
}
