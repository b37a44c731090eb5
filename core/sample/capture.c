#include "sample/capture.h"

#include <stdlib.h>

#include "cleanup.h"
#include "sample/climb.h"
#include "target/target.h"
#include "walk/frame_check.h"

enum {
    TRIES = 4,
    TRIES_APART = 12, /* where frames lie apart, reading them takes longer, and fails more often (3.9, 3.10) */
    FIRST_TRIES = 100, /* for the first sample of a thread, on which the next ones build */
    ROOT_READINGS = 10,
    ROOT_TRIES = 300,
    ROOT_DOUBTS = 3,
    PLANNING_ROUNDS = 4, /* readings that find out where the pieces lie */
    /* Torn pairs are seen in less than a third of the readings at worst, so that one in four billion passes for one that stood. */
    PROOF_READINGS = 20,
};

struct spprof_error *capture_init(struct capture *capture, struct spprof_target *target, const struct layout *layout, uint64_t thread_state)
{
    *capture = (struct capture){.reader = {.layout = layout}};
    stack_init(&capture->stack, thread_state);
    capture->stack.reads_ahead = true;
    capture->stack.memory = &capture->memory;
    return copy_new(target, &capture->reader.copy);
}

void capture_free(struct capture *capture)
{
    copy_free(capture->reader.copy);
    stack_free(&capture->stack);
    stack_memory_free(&capture->memory);
    free(capture->links);
    free(capture->frames.items);
    free(capture->accepted.items);
}

void capture_forget(struct capture *capture)
{
    capture->frames.count = capture->accepted.count = 0;
    capture->stack.frame_count = 0;
    capture->memory.count = capture->memory.next = 0;
}

/* New code objects are read, and what proves to be none is forgotten at once: a real one may stand there a moment later. */
static void load_codes(struct capture_context *context, size_t first)
{
    struct code_table *codes = context->codes;
    if (code_table_count(codes) == first)
        return;
    do {
        code_table_step(codes, &context->reader);
    } while (copy_fetch(context->reader.copy));
    code_table_decode(codes, &context->reader);
    copy_clear(context->reader.copy);
    for (size_t i = first; i < code_table_count(codes); i++)
        if (code_table_at(codes, i)->status != COPY_READY)
            code_table_retire(codes, code_table_at(codes, i));
}

struct code_entry *capture_code(struct capture_context *context, uint64_t address)
{
    size_t known = code_table_count(context->codes);
    struct code_entry *code = code_table_get(context->codes, address);
    load_codes(context, known);
    return code != NULL && code->status == COPY_READY && !code->retired ? code : NULL;
}

/* One reading, and what was the newest frame when it ended. True: all of it came in one call. */
static bool read_once(struct capture *capture, struct capture_context *context, uint64_t *head_after)
{
    struct stack *stack = &capture->stack;
    size_t known = code_table_count(context->codes);
    uint64_t last_head = 0;
    struct spprof_range last = {
        .address = stack->head_address != 0 ? stack->head_address : stack->thread_state,
        .size = sizeof last_head,
        .buffer = &last_head,
    };
    uint64_t expected = stack->head_address;
    copy_reread(capture->reader.copy, &last, context->layout->rules->frames == FRAME_OBJECTS);
    stack_restart(stack);
    stack_step(stack, &capture->reader, context->codes);
    bool at_once = stack->progress == STACK_DONE;
    while (copy_fetch(capture->reader.copy)) {
        at_once = false;
        stack_step(stack, &capture->reader, context->codes);
    }
    load_codes(context, known);
    if (stack->head_address != expected) /* it was asked for where it is no longer kept */
        last.status = target_try_read(copy_target(capture->reader.copy), stack->head_address, &last_head, sizeof last_head);
    *head_after = last.status == SPPROF_READ_OK ? last_head : 0;
    return at_once;
}

static bool reserve(struct captured_frames *frames, size_t count)
{
    if (count <= frames->capacity)
        return true;
    struct captured_frame *grown = reallocarray(frames->items, count * 2, sizeof *grown);
    if (grown == NULL)
        return false;
    frames->items = grown;
    frames->capacity = count * 2;
    return true;
}

/* What is wrong with a reading, and how much of it is right. */
struct verdict {
    bool sound;
    enum spprof_drop reason;
    bool unproven; /* only this: nobody knows whether frames[first] was called by frames[first + 1] */
    size_t first;  /* the frames before this one are in doubt */
};

static enum spprof_drop reason_of(const struct stack *stack)
{
    switch (stack->fault) {
    case STACK_NOT_CODE: return SPPROF_DROP_NOT_CODE;
    case STACK_CYCLE: return SPPROF_DROP_CYCLE;
    case STACK_UNREADABLE: return SPPROF_DROP_UNREADABLE;
    default: return SPPROF_DROP_BAD_POINTER;
    }
}

static bool same_frame(const struct captured_frame *a, const struct captured_frame *b)
{
    return a->address == b->address && a->code == b->code && a->instruction == b->instruction;
}

/* Takes the frames over from the stack, until one that cannot be a frame. True: all can be. */
static bool take_over(struct capture *capture, const struct layout_rules *rules, struct verdict *verdict)
{
    const struct stack *stack = &capture->stack;
    struct captured_frames *frames = &capture->frames;
    char reason[192];
    frames->count = 0;
    if (!reserve(frames, stack->frame_count))
        return false;
    frames->count = stack->frame_count;
    for (size_t i = stack->frame_count; i-- > 0;) {
        const struct raw_frame *raw = &stack->frames[i];
        struct captured_frame *frame = &frames->items[i];
        *frame = (struct captured_frame){.code = raw->code, .address = raw->address, .previous = raw->previous, .instruction = raw->instruction};
        verdict->first = i + 1;
        if (raw->code->status != COPY_READY || raw->code->retired) {
            verdict->reason = SPPROF_DROP_NOT_CODE;
            return false;
        }
        if (!frame_instruction(raw, rules, &frame->offset, reason, sizeof reason)) {
            verdict->reason = SPPROF_DROP_BAD_INSTRUCTION;
            return false;
        }
        frame->incomplete = frame_is_incomplete(raw, rules, frame->offset);
        frame->fits = i + 1 == stack->frame_count || frame_fits_caller(raw, raw + 1);
    }
    verdict->first = 0;
    return true;
}

/* How many of the oldest frames are those of the sample before: that they belong together was seen then. */
static size_t known_part(const struct capture *capture)
{
    const struct captured_frames *now = &capture->frames, *before = &capture->accepted;
    size_t common = 0;
    while (common < now->count && common < before->count &&
           same_frame(&now->items[now->count - 1 - common], &before->items[before->count - 1 - common]))
        common++;
    return common;
}

/* Looks for a pair in doubt among the frames from last down to verdict->first; last itself and its callers are known to be right. */
static void judge_pairs(const struct capture *capture, struct capture_context *context, size_t last, struct verdict *verdict)
{
    for (size_t i = last; i-- > verdict->first;) {
        const struct captured_frame *callee = &capture->frames.items[i], *caller = callee + 1;
        if (callee->fits && call_sites_allow(context->sites, &context->mentions, caller->code, caller->offset, callee->code))
            continue;
        *verdict = (struct verdict){.unproven = callee->fits, .reason = SPPROF_DROP_CHANGED, .first = i + 1};
        return;
    }
}

static void judge(struct capture *capture, struct capture_context *context, struct verdict *verdict)
{
    const struct stack *stack = &capture->stack;
    *verdict = (struct verdict){.sound = true};
    if (stack->truncated != NULL) {
        *verdict = (struct verdict){.reason = reason_of(stack)};
        capture->frames.count = 0;
        return;
    }
    verdict->sound = take_over(capture, context->layout->rules, verdict);
    size_t count = capture->frames.count;
    size_t known = known_part(capture);
    if (verdict->first < count)
        judge_pairs(capture, context, count - (known > 0 ? known : 1), verdict);
}

/* How many of the oldest frames are still the ones that were taken over; the newest of them may have run on. */
static size_t still_standing(const struct capture *capture)
{
    const struct captured_frames *frames = &capture->frames;
    const struct stack *stack = &capture->stack;
    size_t height = 0;
    while (stack->truncated == NULL && height < frames->count && height < stack->frame_count) {
        const struct captured_frame *then = &frames->items[frames->count - 1 - height];
        const struct raw_frame *now = &stack->frames[stack->frame_count - 1 - height];
        if (then->address != now->address || then->code != now->code)
            break;
        height++;
        if (then->instruction != now->instruction)
            break;
    }
    return height;
}

/* How many of the oldest frames are seen again and again; 0 where they are fewer than needed. */
static size_t stands_long(struct capture *capture, struct capture_context *context, size_t needed)
{
    uint64_t head;
    size_t height = capture->frames.count;
    for (int i = 0; i < PROOF_READINGS && height >= needed; i++) {
        read_once(capture, context, &head);
        size_t now = still_standing(capture);
        height = now < height ? now : height;
    }
    return height >= needed ? height : 0;
}

/* The frames that were read, with a pair in doubt: it is proven, and all others that stand as long as it does. False: not all are. */
static bool prove(struct capture *capture, struct capture_context *context, struct verdict *verdict)
{
    size_t callee = verdict->first - 1, count = capture->frames.count;
    size_t height = stands_long(capture, context, count - callee);
    if (height == 0)
        return false;
    for (size_t i = callee + 1; i-- > count - height;) {
        const struct captured_frame *pair = &capture->frames.items[i];
        if (pair->fits)
            call_sites_prove(context->sites, pair[1].code, pair[1].offset, pair->code);
    }
    *verdict = (struct verdict){.sound = true};
    judge_pairs(capture, context, callee, verdict);
    return verdict->sound;
}

static void accept(struct capture *capture)
{
    struct captured_frames *frames = &capture->frames, *accepted = &capture->accepted;
    accepted->count = 0;
    if (!reserve(accepted, frames->count))
        return;
    if (frames->count > 0)
        memcpy(accepted->items, frames->items, frames->count * sizeof *frames->items);
    accepted->count = frames->count;
}

static void cut(struct captured_frames *frames, size_t first)
{
    memmove(frames->items, frames->items + first, (frames->count - first) * sizeof *frames->items);
    frames->count -= first;
}

/* Readings that break off say nothing of the oldest frame. */
static bool root_stands(struct capture *capture, struct capture_context *context, const struct captured_frame *root)
{
    int agree = 0, disagree = 0;
    uint64_t head;
    for (int i = 0; i < ROOT_TRIES && agree < ROOT_READINGS && disagree <= ROOT_DOUBTS + agree / 4; i++) {
        const struct stack *stack = &capture->stack;
        read_once(capture, context, &head);
        if (stack->truncated != NULL || stack->frame_count == 0)
            continue;
        const struct raw_frame *oldest = &stack->frames[stack->frame_count - 1];
        if (oldest->address == root->address && oldest->code == root->code)
            agree++;
        else
            disagree++;
    }
    return agree >= ROOT_READINGS;
}

/* The oldest frame is where the thread began; another one is believed when it is seen again and again. */
static bool root_is_right(struct capture *capture, struct capture_context *context)
{
    const struct captured_frames *frames = &capture->frames;
    if (frames->count == 0)
        return true;
    struct captured_frame root = frames->items[frames->count - 1];
    if (root.address != capture->root && !root_stands(capture, context, &root))
        return false;
    capture->root = root.address;
    return true;
}

/* Nothing is speculative of a target that stands still. */
static struct capture_outcome take_still(struct capture *capture, struct capture_context *context)
{
    uint64_t head;
    capture->stack.speculative = false;
    capture->stack.links = NULL;
    struct verdict verdict = {.sound = true};
    read_once(capture, context, &head);
    if (capture->stack.truncated != NULL)
        return (struct capture_outcome){.result = CAPTURE_DROPPED, .reason = reason_of(&capture->stack)};
    if (!take_over(capture, context->layout->rules, &verdict))
        return (struct capture_outcome){.result = CAPTURE_DROPPED, .reason = verdict.reason};
    accept(capture);
    return (struct capture_outcome){.result = CAPTURE_WHOLE};
}

/* After all tries: the nearest callers that stand. */
static struct capture_outcome take_callers(struct capture *capture, struct capture_context *context, const struct verdict *verdict)
{
    struct capture_outcome outcome = {.result = CAPTURE_CUT, .retried = true};
    bool lower_part = !verdict->sound && verdict->first < capture->frames.count;
    if (lower_part && root_is_right(capture, context)) {
        cut(&capture->frames, verdict->first);
    } else if (climb(capture, context, capture->stack.head)) {
        if (capture->frames.items[0].address == capture->stack.head)
            outcome.result = CAPTURE_RECOVERED;
    } else {
        return (struct capture_outcome){
            .result = CAPTURE_DROPPED, .reason = verdict->sound ? SPPROF_DROP_CHANGED : verdict->reason, .retried = true};
    }
    accept(capture);
    return outcome;
}

struct capture_outcome capture_take(struct capture *capture, struct capture_context *context, bool still)
{
    struct verdict verdict = {.sound = false};
    if (still)
        return take_still(capture, context);
    if (capture->links == NULL) /* threads that never run need none; without memory there are none */
        capture->links = calloc(FRAME_LINKS, sizeof *capture->links);
    capture->stack.speculative = true;
    capture->stack.links = capture->links;
    int usual = context->layout->rules->frames == FRAME_OBJECTS ? TRIES_APART : TRIES;
    int tries = capture->accepted.count > 0 ? usual : FIRST_TRIES;
    for (int try = 0, planning = 0; try < tries; try++) {
        uint64_t head_after;
        if (!read_once(capture, context, &head_after) && planning++ < PLANNING_ROUNDS) {
            try--;
            continue;
        }
        uint64_t head = capture->stack.head;
        judge(capture, context, &verdict);
        if (verdict.first >= capture->frames.count && capture->frames.count > 0)
            continue;
        bool sound = verdict.sound || (verdict.unproven && prove(capture, context, &verdict));
        if (!sound || !root_is_right(capture, context))
            continue;
        accept(capture);
        return (struct capture_outcome){.result = head_after == head ? CAPTURE_WHOLE : CAPTURE_RECOVERED, .retried = try > 0};
    }
    return take_callers(capture, context, &verdict);
}
