#include "frames/stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "layout/extent.h"
#include "target/target.h"
#include "frames/frame_operations.h"
#include "frames/stack_memory.h"

enum { TIME_KEPT_EVERY = 1 << 10 };

void frames_stack_init(struct stack *stack, uint64_t thread_state)
{
    *stack = (struct stack){.thread_state = thread_state, .cycle = frames_cycle_begin()};
}

static void free_words(struct stack *stack)
{
    free(stack->truncated);
    free(stack->verdict.doubt);
    frames_c_frame_trial_free(&stack->trial);
}

void frames_stack_restart(struct stack *stack)
{
    if (stack->memory != NULL) {
        size_t whole = stack->progress == STACK_DONE && stack->truncated == NULL ? stack->frame_count : 0;
        frames_stack_memory_take(stack->memory, &stack->frames, &stack->frame_capacity, whole);
    }
    free_words(stack);
    *stack = (struct stack){
        .thread_state = stack->thread_state,
        .mode = stack->mode,
        .memory = stack->memory,
        .frames = stack->frames,
        .frame_capacity = stack->frame_capacity,
        .cycle = frames_cycle_begin(),
        .guess = {.links = stack->guess.links, .shims = stack->guess.shims},
        .entries = {.chain = stack->entries.chain, .capacity = stack->entries.capacity},
    };
}

void frames_stack_free(struct stack *stack)
{
    free_words(stack);
    free(stack->frames);
    free(stack->entries.chain);
}

size_t frames_stack_thread_state_size(const struct layout *layout)
{
    static const enum layout_field fields[] = {
        FIELD_thread_state_next,
        FIELD_thread_state_interp,
        FIELD_thread_state_current_frame,
        FIELD_thread_state_cframe,
        FIELD_thread_state_thread_id,
        FIELD_thread_state_native_thread_id,
        FIELD_thread_state_id,
        FIELD_thread_state_attach_state,
        FIELD_thread_state_gil_requested,
        FIELD_thread_state_datastack_chunk,
        FIELD_thread_state_datastack_top,
        FIELD_thread_state_datastack_limit,
        FIELD_thread_state_current_executor,
    };
    return layout_extent(layout, fields, sizeof fields / sizeof *fields);
}

size_t frames_stack_frame_size(const struct layout *layout)
{
    return frames_of(layout->rules)->size(layout);
}

bool frames_stack_decode_frame(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous)
{
    return frames_of(layout->rules)->decode(layout, data, frame, code, previous);
}

static void finish(struct stack *stack, const char *reason)
{
    stack->progress = STACK_DONE;
    if (reason != NULL && stack->fault == STACK_SOUND)
        stack->fault = STACK_BAD_POINTER;
    if (reason != NULL && asprintf(&stack->truncated, "%s", reason) < 0)
        stack->truncated = NULL;
}

/* The newest frame as 3.11 and 3.12 tell it, whose thread state names a C frame that names it. None: head is 0. */
static enum read_cache_status ask_c_frame(struct stack *stack, struct reader *reader, uint64_t address)
{
    struct c_frame current;
    stack->head = 0;
    if (address == 0)
        return READ_CACHE_READY;
    STEP(frames_c_frame_read(reader, address, &current));
    if (stack->mode == STACK_RUNNING) {
        STEP(frames_c_frame_guess_newest(&stack->guess, reader, stack->thread_state, &current, &stack->data_stack));
        stack->head = stack->guess.newest;
        stack->head_caller = stack->guess.caller;
    } else {
        STEP(frames_c_frame_trial_begin(&stack->trial, reader, stack->thread_state, &current));
        stack->head = stack->trial.entering ? 0 : current.newest;
    }
    return READ_CACHE_READY;
}

/* Of a target that runs the newest frame's address must be older than the data stack that holds it. */
static enum read_cache_status enter(struct stack *stack, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    const bool by_c_frame = layout->rules->has_cframe, runs = stack->mode == STACK_RUNNING;
    struct bytes data;
    STEP(object_reader_struct(reader, stack->thread_state, frames_stack_thread_state_size(layout), "thread state", &data));
    uint64_t named = field_u64(data, by_c_frame ? LAYOUT(layout, thread_state, cframe) : LAYOUT(layout, thread_state, current_frame));
    stack->head = named;
    stack->head_caller = STACK_UNTOLD;
    stack->data_stack.reads_ahead = stack->memory != NULL;
    if (LAYOUT(layout, thread_state, datastack_chunk) != LAYOUT_ABSENT)
        frames_data_stack_begin(&stack->data_stack, field_u64(data, LAYOUT(layout, thread_state, datastack_chunk)),
                                field_u64(data, LAYOUT(layout, thread_state, datastack_top)),
                                field_u64(data, LAYOUT(layout, thread_state, datastack_limit)));
    if (by_c_frame && runs)
        STEP(ask_c_frame(stack, reader, named));
    enum read_cache_status loaded = frames_data_stack_load(&stack->data_stack, reader);
    if (by_c_frame && !runs)
        STEP(ask_c_frame(stack, reader, named));
    STEP(loaded);
    stack->cursor = stack->head;
    stack->progress = STACK_ENTERED;
    return READ_CACHE_READY;
}

/* Where what a C frame named was on trial: it was not the newest frame, and the walk begins again with that of the C frame before. */
static bool reject(struct stack *stack, const char *reason)
{
    if (!stack->trial.is_on)
        return false;
    bool popped = stack->frame_count == 0 && frames_data_stack_has_popped(&stack->data_stack, stack->cursor);
    frames_c_frame_trial_reject(&stack->trial, stack->frames, stack->frame_count, popped, reason);
    stack->frames = NULL;
    stack->frame_capacity = stack->frame_count = 0;
    stack->steps = stack->entries.by_shim = 0;
    stack->cycle = frames_cycle_begin();
    stack->data_stack.lowest = UINT64_MAX;
    stack->head = stack->cursor = stack->trial.before;
    return true;
}

static bool push_frame(struct stack *stack, struct reader *reader, const struct raw_frame *frame)
{
    if (stack->frame_count == stack->frame_capacity) {
        size_t larger = stack->frame_capacity == 0 ? 32 : stack->frame_capacity * 2;
        struct raw_frame *grown = object_reader_grow(reader, stack->frames, stack->frame_capacity, larger, sizeof *grown);
        if (grown == NULL)
            return false;
        stack->frames = grown;
        stack->frame_capacity = larger;
    }
    stack->frames[stack->frame_count++] = *frame;
    return true;
}

/* Moves on to the caller, where there is one. */
static void advance(struct stack *stack, uint64_t caller)
{
    static const char circle[] = "the chain of frames runs in a circle";
    frames_data_stack_pass(&stack->data_stack, stack->cursor);
    if (caller == 0 && reject(stack, "the chain of frames ends before it comes to where the interpreter was entered"))
        return;
    if (frames_cycle_step(&stack->cycle, caller)) {
        if (reject(stack, circle))
            return;
        stack->frame_count = frames_cycle_free_length(stack->frames, stack->frame_count);
        stack->fault = STACK_CYCLE;
        finish(stack, circle);
        return;
    }
    stack->cursor = caller;
    if (caller == 0)
        finish(stack, NULL);
    else if (++stack->steps >= STACK_FRAMES_MAX)
        finish(stack, "more frames than any stack has; the rest is left out");
}

static enum read_cache_status read_frame(struct stack *stack, struct reader *reader, struct raw_frame *frame, uint64_t *code)
{
    struct bytes data;
    *frame = (struct raw_frame){.address = stack->cursor};
    STEP(frames_data_stack_frame(&stack->data_stack, reader, stack->cursor, frames_stack_frame_size(reader->layout), &data));
    if (!frames_stack_decode_frame(reader->layout, data, frame, code, &frame->previous))
        return object_reader_fail(reader, "frame at 0x%" PRIx64 " has an owner that does not exist (%u)", stack->cursor,
                                  field_u8(data, LAYOUT(reader->layout, frame, owner)));
    frame->chunk = frames_data_stack_holds(&stack->data_stack, stack->cursor, 1) ? stack->data_stack.chunk : 0;
    return READ_CACHE_READY;
}

/* A return takes the code object out of the frame (3.14 and later), and leaves the instruction until the next call. */
static struct code_entry *recover_code(struct stack *stack, const struct raw_frame *frame, const struct code_table *codes)
{
    if (stack->mode != STACK_RUNNING || stack->frame_count > 0)
        return NULL;
    return frames_code_table_by_instruction(codes, frame->instruction);
}

static enum read_cache_status take_frame(struct stack *stack, struct reader *reader, struct code_table *codes, struct raw_frame *frame, uint64_t code)
{
    const bool is_code = code != 0 && code % 8 == 0;
    frame->code = is_code ? frames_code_table_get(codes, code) : recover_code(stack, frame, codes);
    if (frame->code == NULL && !is_code) {
        stack->fault = STACK_NOT_CODE;
        return object_reader_fail(reader, "frame at 0x%" PRIx64 " has no code object", stack->cursor);
    }
    if (frame->code == NULL || !push_frame(stack, reader, frame))
        return object_reader_no_memory(reader);
    bool forgets = frames_of(reader->layout->rules)->forgets_caller(frame);
    advance(stack, forgets ? frames_frame_link_caller(stack->guess.links, frame->address, code, frame->previous) : frame->previous);
    return READ_CACHE_READY;
}

/* The interpreter's own frames, shims between C and Python, are never shown: one lies in the C frame that runs every frame since the last. */
static void pass_shim(struct stack *stack, const struct layout *layout, const struct raw_frame *shim)
{
    struct stack_entries *entries = &stack->entries;
    if (layout->rules->entry == ENTRY_BY_SHIM) {
        if (entries->by_shim == 0 && stack->frame_count > 0)
            frames_c_frame_guess_remember(&stack->guess, stack->frames[stack->frame_count - 1].address, shim->previous);
        for (; entries->by_shim < stack->frame_count; entries->by_shim++)
            stack->frames[entries->by_shim].entry = shim->address;
    }
    advance(stack, shim->previous);
}

static enum read_cache_status walk_frame(struct stack *stack, struct reader *reader, struct code_table *codes)
{
    struct raw_frame frame;
    uint64_t code;
    STEP(read_frame(stack, reader, &frame, &code));
    if (!frames_c_frame_trial_goes_on(&stack->trial, &frame, frames_data_stack_has_popped(&stack->data_stack, frame.address))) {
        reject(stack, "the frame where the interpreter was entered was called by another one than the C stack says");
        return READ_CACHE_READY;
    }
    if (stack->steps % TIME_KEPT_EVERY == 0)
        target_keep_time(target_read_cache_target(reader->cache));
    if (stack->crowd != NULL && frames_crowd_pass(stack->crowd, reader, stack->cursor))
        return object_reader_fail(reader, "frame at 0x%" PRIx64 " belongs to several other stacks already", stack->cursor);
    if (frame.owner != FRAME_OWNER_INTERPRETER)
        return take_frame(stack, reader, codes, &frame, code);
    pass_shim(stack, reader->layout, &frame);
    return READ_CACHE_READY;
}

/* Ends the walk at a frame from which on the stack is what the walk before has found. */
static bool recall(struct stack *stack, struct reader *reader)
{
    size_t count;
    const struct raw_frame *known = frames_stack_memory_find(stack->memory, stack->cursor, frames_stack_frame_size(reader->layout), &count);
    for (size_t i = 0; i < count; i++)
        if (known[i].code->retired)
            return false;
    for (size_t i = 0; i < count; i++)
        if (!push_frame(stack, reader, &known[i]))
            return false;
    if (count > 0)
        finish(stack, NULL);
    return count > 0;
}

bool frames_stack_enter(struct stack *stack, struct reader *reader)
{
    stack->data_stack.data = NULL; /* what was fetched since may have moved it */
    if (stack->progress != STACK_NEW)
        return true;
    enum read_cache_status status = enter(stack, reader);
    if (status == READ_CACHE_FAILED) {
        stack->fault = STACK_UNREADABLE;
        finish(stack, reader->reason);
    }
    if (status == READ_CACHE_READY && stack->memory != NULL)
        frames_stack_memory_compare(stack->memory, &stack->data_stack);
    return status != READ_CACHE_PENDING;
}

static enum read_cache_status walk_on(struct stack *stack, struct reader *reader, struct code_table *codes)
{
    if (stack->cursor == 0 && !(reject(stack, frames_C_FRAME_ENTERING) && stack->cursor != 0)) {
        finish(stack, stack->trial.entering ? frames_C_FRAME_ENTERING : NULL);
        return READ_CACHE_READY;
    }
    if (stack->memory != NULL && recall(stack, reader))
        return READ_CACHE_READY;
    enum read_cache_status status = walk_frame(stack, reader, codes);
    if (status == READ_CACHE_FAILED && !object_reader_is_short(reader) && reject(stack, reader->reason))
        return READ_CACHE_READY;
    return status;
}

void frames_stack_step(struct stack *stack, struct reader *reader, struct code_table *codes)
{
    enum read_cache_status status = frames_stack_enter(stack, reader) ? READ_CACHE_READY : READ_CACHE_PENDING;
    while (status == READ_CACHE_READY && stack->progress == STACK_ENTERED)
        status = walk_on(stack, reader, codes);
    if (status == READ_CACHE_FAILED)
        finish(stack, reader->reason);
}
