#include "walk/stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "layout/cframe.h"
#include "target/target.h"
#include "walk/stack_memory.h"

enum { CHUNK_MAX = 1 << 27, TIME_KEPT_EVERY = 1 << 10 };

static const char ENTERING[] = "the thread is just entering the interpreter, and nothing tells yet which frame it runs; look again";

void stack_init(struct stack *stack, uint64_t thread_state)
{
    *stack = (struct stack){.thread_state = thread_state, .power = 1};
}

void stack_restart(struct stack *stack)
{
    if (stack->memory != NULL)
        stack_memory_take(stack->memory, stack);
    free(stack->truncated);
    free(stack->rejected.frames);
    free(stack->rejected.reason);
    free(stack->doubt);
    *stack = (struct stack){
        .thread_state = stack->thread_state,
        .power = 1,
        .frames = stack->frames,
        .frame_capacity = stack->frame_capacity,
        .speculative = stack->speculative,
        .memory = stack->memory,
        .links = stack->links,
        .shims = stack->shims,
        .c_frames = stack->c_frames,
        .c_frame_capacity = stack->c_frame_capacity,
        .reads_ahead = stack->reads_ahead,
    };
}

void stack_free(struct stack *stack)
{
    free(stack->frames);
    free(stack->c_frames);
    free(stack->truncated);
    free(stack->rejected.frames);
    free(stack->rejected.reason);
    free(stack->doubt);
}

/* Where the last of some fields ends, none being longer than a pointer. */
static size_t end_of_fields(const struct layout *layout, const enum layout_field *fields, size_t count)
{
    int32_t end = 0;
    for (size_t i = 0; i < count; i++)
        if (layout->offset[fields[i]] + 8 > end)
            end = layout->offset[fields[i]] + 8;
    return (size_t)end;
}

size_t stack_thread_state_size(const struct layout *layout)
{
    static const enum layout_field fields[] = {
        FIELD_thread_state_next,           FIELD_thread_state_interp,          FIELD_thread_state_current_frame,
        FIELD_thread_state_cframe,         FIELD_thread_state_thread_id,       FIELD_thread_state_native_thread_id,
        FIELD_thread_state_id,             FIELD_thread_state_attach_state,   FIELD_thread_state_gil_requested,   FIELD_thread_state_datastack_chunk,
        FIELD_thread_state_datastack_top,  FIELD_thread_state_datastack_limit, FIELD_thread_state_current_executor,
    };
    return end_of_fields(layout, fields, sizeof fields / sizeof *fields);
}

static enum copy_status finish(struct stack *stack, const char *reason)
{
    stack->progress = STACK_DONE;
    if (reason != NULL && stack->fault == STACK_SOUND)
        stack->fault = STACK_BAD_POINTER;
    if (reason != NULL && asprintf(&stack->truncated, "%s", reason) < 0)
        stack->truncated = NULL;
    return COPY_READY;
}

/* Enters a chunk of the data stack; one that makes no sense is not used, its frames are then read one by one. */
static void enter_chunk(struct stack *stack, uint64_t chunk, uint64_t end)
{
    /* Chunks are made of whole pages (_PyObject_VirtualAlloc in push_chunk, Python/pystate.c), so that the rest of a page is theirs. */
    enum { PAGE = 4096 };
    if (stack->reads_ahead && end < UINT64_MAX - PAGE)
        end = (end + PAGE - 1) / PAGE * PAGE;
    bool sane = chunk != 0 && chunk % 8 == 0 && end > chunk && end - chunk <= CHUNK_MAX;
    stack->chunk = sane ? chunk : 0;
    stack->chunk_used = sane ? end - chunk : 0;
    stack->chunk_data = NULL;
    stack->older_chunk = 0;
    stack->lowest_in_chunk = UINT64_MAX;
}

/* Whether the piece of data stack can be had at all; where not, frames are read one by one. */
static enum copy_status load_chunk(struct stack *stack, struct reader *reader)
{
    if (stack->chunk == 0 || stack->chunk_data != NULL)
        return COPY_READY;
    struct bytes data = bytes_none();
    enum copy_status status = reader_struct(reader, stack->chunk, (size_t)stack->chunk_used, "data stack", &data);
    stack->chunk_data = data.at;
    if (status == COPY_READY)
        stack->older_chunk = field_u64(data, LAYOUT(reader->layout, stack_chunk, previous));
    if (status == COPY_FAILED)
        stack->chunk = stack->chunk_used = 0;
    return status == COPY_PENDING ? status : COPY_READY;
}

static size_t link_slot(uint64_t address)
{
    return (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 52);
}

static struct frame_link *link_of(const struct stack *stack, uint64_t address)
{
    return &stack->links[link_slot(address)];
}

/*
 * 3.12: when the last frame of a C frame has returned, or a generator yielded, the shim beside it on the C stack stands as its newest
 * frame, until the C frame itself returns; and so it may before the first one is there. Of a target that runs the C frame was the current
 * one a moment before that: whether it was then as it is now, so that its caller is the newest frame, or still ran the frame that it was
 * entered with, nobody knows. It is taken for either every other time, as both favour one of the two.
 */
static uint64_t newest_of_cframe(struct stack *stack, const struct layout *layout, uint64_t cframe, uint64_t newest)
{
    enum { BESIDE = 1 << 12 }; /* both are variables of one C function; other memory may lie close to the C stack, too */
    bool is_in_chunk = stack->chunk != 0 && newest >= stack->chunk && newest < stack->limit;
    bool is_shim = layout->rules->entry == ENTRY_BY_SHIM && newest + BESIDE - cframe < 2 * BESIDE && !is_in_chunk;
    const struct frame_link *link = stack->links != NULL ? link_of(stack, cframe) : NULL;
    uint64_t caller = stack->head_caller;
    if (!is_shim && newest % 8 == 0)
        stack->cframe = cframe;
    if (stack->cframe != 0 || caller == 0 || caller == STACK_UNTOLD)
        return newest;
    bool is_known = link != NULL && link->address == cframe && link->code == caller;
    if (is_known && stack->shims++ % 2 != 0)
        return link->previous;
    stack->head_caller = STACK_UNTOLD; /* whoever called the C code that runs the caller */
    return caller;
}

/* Its newest frame, and the C frame before, which stand side by side: Include/cpython/pystate.h, 3.11 and 3.12. */
static enum copy_status read_cframe(struct reader *reader, uint64_t cframe, uint64_t *newest, uint64_t *before)
{
    const struct layout *layout = reader->layout;
    int32_t start = LAYOUT(layout, cframe, current_frame), behind = LAYOUT(layout, cframe, previous) - start;
    struct bytes data;
    STEP(reader_struct(reader, cframe + (uint64_t)start, (size_t)behind + 8, "C frame", &data));
    *newest = field_u64(data, 0);
    *before = field_u64(data, behind);
    return COPY_READY;
}

/*
 * What the C frame before names as its newest frame has called the C code that runs this one. Where another one has taken its place it may
 * lead anywhere.
 */
static enum copy_status find_caller_of_cframe(struct stack *stack, struct reader *reader, uint64_t cframe, uint64_t before)
{
    enum { C_STACK_MAX = 1 << 26 };
    uint64_t older;
    stack->head_caller = cframe_is_root(stack->thread_state, before) ? 0 : STACK_UNTOLD;
    if (stack->head_caller == 0 || before <= cframe || before - cframe > C_STACK_MAX)
        return COPY_READY;
    enum copy_status status = read_cframe(reader, before, &stack->head_caller, &older);
    return status == COPY_PENDING ? status : COPY_READY;
}

/* Whether what a C frame says counts: layout/cframe.h. */
static enum copy_status check_cframe(struct stack *stack, struct reader *reader, uint64_t cframe)
{
    struct cframe_chain chain = cframe_chain_of(stack->thread_state, cframe);
    enum cframe_progress progress = CFRAME_MORE;
    while (progress == CFRAME_MORE) {
        uint64_t newest, previous;
        enum copy_status status = read_cframe(reader, chain.at, &newest, &previous);
        if (status == COPY_PENDING)
            return status;
        if (status == COPY_FAILED && reader_is_short(reader))
            return status;
        progress = status == COPY_READY ? cframe_chain_step(&chain, previous) : CFRAME_BROKEN;
    }
    stack->entering = progress == CFRAME_BROKEN;
    return COPY_READY;
}

static enum copy_status enter_cframe(struct stack *stack, struct reader *reader, uint64_t cframe)
{
    const struct layout *layout = reader->layout;
    uint64_t newest, before;
    if (cframe == 0)
        return finish(stack, NULL);
    STEP(read_cframe(reader, cframe, &newest, &before));
    if (stack->speculative) {
        STEP(find_caller_of_cframe(stack, reader, cframe, before));
        stack->head = newest_of_cframe(stack, layout, cframe, newest);
        return COPY_READY;
    }
    STEP(check_cframe(stack, reader, cframe));
    if (stack->entering)
        return finish(stack, ENTERING);
    if (before != 0)
        STEP(reader_pointer(reader, before + (uint64_t)LAYOUT(layout, cframe, current_frame), "C frame", &stack->head_before));
    stack->on_trial = before != 0;
    stack->head = newest;
    return COPY_READY;
}

static enum copy_status enter(struct stack *stack, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(reader_struct(reader, stack->thread_state, stack_thread_state_size(layout), "thread state", &data));
    uint64_t cframe = layout->rules->has_cframe ? field_u64(data, LAYOUT(layout, thread_state, cframe)) : 0;
    stack->head = layout->rules->has_cframe ? 0 : field_u64(data, LAYOUT(layout, thread_state, current_frame));
    stack->head_caller = STACK_UNTOLD;
    if (LAYOUT(layout, thread_state, datastack_chunk) != LAYOUT_ABSENT) {
        stack->top = field_u64(data, LAYOUT(layout, thread_state, datastack_top));
        stack->limit = field_u64(data, LAYOUT(layout, thread_state, datastack_limit));
        enter_chunk(stack, field_u64(data, LAYOUT(layout, thread_state, datastack_chunk)), stack->top);
    }
    /* Of a target that runs the newest frame's address must be older than what it points to. */
    if (layout->rules->has_cframe && stack->speculative)
        STEP(enter_cframe(stack, reader, cframe));
    enum copy_status chunk = load_chunk(stack, reader);
    if (layout->rules->has_cframe && !stack->speculative)
        STEP(enter_cframe(stack, reader, cframe));
    STEP(chunk);
    if (stack->progress == STACK_DONE)
        return COPY_READY;
    stack->cursor = stack->head;
    stack->progress = STACK_ENTERED;
    return COPY_READY;
}

/* What the C frame named was not the newest frame: begins again with that of the C frame before. */
static void reject_trial(struct stack *stack, const char *reason)
{
    stack->rejected.frames = stack->frames;
    stack->rejected.count = stack->frame_count;
    stack->rejected.popped = stack->frame_count == 0 && stack->cursor >= stack->top && stack->cursor < stack->limit;
    if (asprintf(&stack->rejected.reason, "%s", reason) < 0)
        stack->rejected.reason = NULL;
    stack->frames = NULL;
    stack->frame_capacity = 0;
    stack->on_trial = false;
    stack->frame_count = stack->trial_count = stack->entered_count = stack->steps = stack->behind = 0;
    stack->remembered = 0;
    stack->power = 1;
    stack->lowest_in_chunk = UINT64_MAX;
    stack->head = stack->cursor = stack->head_before;
    stack->entering = stack->head == 0; /* its first frame, or what was believed to be before is long gone */
}

/* Whether this frame is where the interpreter was entered from C. */
static bool is_entry(const struct layout *layout, const struct raw_frame *frame, struct bytes data)
{
    int32_t flag = LAYOUT(layout, frame, is_entry);
    return flag == LAYOUT_ABSENT ? frame->owner == FRAME_OWNER_INTERPRETER : field_u8(data, flag) != 0;
}

/* Moves on to the next older chunk when the cursor is in it. */
static enum copy_status follow_chunks(struct stack *stack, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t older = stack->older_chunk;
    if (older == 0 || stack->cursor < older || stack->cursor - older >= CHUNK_MAX)
        return COPY_READY;
    size_t header = (size_t)LAYOUT(layout, stack_chunk, data);
    enum copy_status status = reader_struct(reader, older, header, "data stack", &data);
    if (status != COPY_READY)
        return status == COPY_PENDING ? status : COPY_READY;
    uint64_t size = field_u64(data, LAYOUT(layout, stack_chunk, size));
    uint64_t top = field_u64(data, LAYOUT(layout, stack_chunk, top));
    if (size > CHUNK_MAX || stack->cursor - older >= size)
        return COPY_READY;
    uint64_t used = top <= size / 8 ? header + top * 8 : size;
    enter_chunk(stack, older, older + (used <= size ? used : size));
    return load_chunk(stack, reader);
}

static bool in_chunk(const struct stack *stack, uint64_t address, size_t size)
{
    return stack->chunk != 0 && address >= stack->chunk && address - stack->chunk < stack->chunk_used &&
           size <= stack->chunk_used - (address - stack->chunk);
}

static enum copy_status frame_bytes(struct stack *stack, struct reader *reader, size_t size, struct bytes *data)
{
    if (stack->cursor % 8 != 0)
        return reader_fail(reader, "frame at 0x%" PRIx64 " is not aligned", stack->cursor);
    STEP(load_chunk(stack, reader)); /* before in_chunk is believed: a chunk just entered may not be there */
    if (!in_chunk(stack, stack->cursor, size))
        STEP(follow_chunks(stack, reader));
    if (!in_chunk(stack, stack->cursor, size))
        return reader_struct(reader, stack->cursor, size, "frame", data);
    if (stack->cursor >= stack->lowest_in_chunk)
        return reader_fail(reader, "frame at 0x%" PRIx64 " lies above the frame that it called", stack->cursor);
    *data = (struct bytes){stack->chunk_data + (stack->cursor - stack->chunk), size};
    return COPY_READY;
}

static bool push_frame(struct stack *stack, struct reader *reader, const struct raw_frame *frame)
{
    if (stack->frame_count == stack->frame_capacity) {
        size_t larger = stack->frame_capacity == 0 ? 32 : stack->frame_capacity * 2;
        struct raw_frame *grown = reader_grow(reader, stack->frames, stack->frame_capacity, larger, sizeof *grown);
        if (grown == NULL)
            return false;
        stack->frames = grown;
        stack->frame_capacity = larger;
    }
    stack->frames[stack->frame_count++] = *frame;
    return true;
}

static int by_address(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Cuts the frames at the first that comes a second time. */
static void cut_cycle(struct stack *stack)
{
    size_t low = 0, high = stack->frame_count;
    while (low < high) { /* the longest beginning without a repetition */
        size_t middle = (low + high + 1) / 2;
        uint64_t *addresses = calloc(middle, sizeof *addresses);
        if (addresses == NULL)
            break;
        for (size_t i = 0; i < middle; i++)
            addresses[i] = stack->frames[i].address;
        qsort(addresses, middle, sizeof *addresses, by_address);
        bool repeats = false;
        for (size_t i = 1; i < middle && !repeats; i++)
            repeats = addresses[i] == addresses[i - 1];
        free(addresses);
        if (repeats)
            high = middle - 1;
        else
            low = middle;
    }
    stack->frame_count = low;
}

/* Moves on to the caller. False: the stack ends here. */
static bool advance(struct stack *stack, uint64_t previous)
{
    if (in_chunk(stack, stack->cursor, 1))
        stack->lowest_in_chunk = stack->cursor;
    if (stack->on_trial && (previous == 0 || previous == stack->remembered)) {
        reject_trial(stack, previous == 0 ? "the chain of frames ends before it comes to where the interpreter was entered"
                                          : "the chain of frames runs in a circle");
        return true;
    }
    if (previous == stack->remembered && previous != 0) {
        cut_cycle(stack);
        stack->fault = STACK_CYCLE;
        finish(stack, "the chain of frames runs in a circle");
        return false;
    }
    if (++stack->behind == stack->power) {
        stack->remembered = previous;
        stack->behind = 0;
        stack->power *= 2;
    }
    stack->cursor = previous;
    if (previous == 0) {
        finish(stack, NULL);
        return false;
    }
    if (++stack->steps >= STACK_FRAMES_MAX) {
        finish(stack, "more frames than any stack has; the rest is left out");
        return false;
    }
    return true;
}

/* How many bytes of a frame object walking needs. */
static size_t frame_object_size(const struct layout *layout)
{
    static const enum layout_field fields[] = {
        FIELD_frame_object_back,      FIELD_frame_object_code,     FIELD_frame_object_lasti,
        FIELD_frame_object_generator, FIELD_frame_object_stacktop, FIELD_frame_object_stackdepth,
    };
    return end_of_fields(layout, fields, sizeof fields / sizeof *fields);
}

/*
 * Whether a generator's frame only waits for the one that it handed throw() or close() on to: _gen_throw of 3.9 and 3.10 makes it the current
 * frame without running it. What runs has no value stack in its frame.
 */
static bool frame_delegates(const struct layout *layout, struct bytes data)
{
    int32_t generator = LAYOUT(layout, frame_object, generator), top = LAYOUT(layout, frame_object, stacktop);
    int32_t depth = LAYOUT(layout, frame_object, stackdepth);
    if (generator == LAYOUT_ABSENT || field_u64(data, generator) == 0)
        return false;
    if (depth != LAYOUT_ABSENT)
        return field_i32(data, depth) > 0;
    return top != LAYOUT_ABSENT && field_u64(data, top) != 0;
}

static void decode_frame_object(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous)
{
    *previous = field_u64(data, LAYOUT(layout, frame_object, back));
    *code = field_u64(data, LAYOUT(layout, frame_object, code));
    frame->instruction = (uint64_t)(int64_t)field_i32(data, LAYOUT(layout, frame_object, lasti));
    frame->owner = FRAME_OWNER_THREAD;
    frame->delegates = frame_delegates(layout, data);
}

static void decode_interpreter_frame(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code,
                                     uint64_t *previous)
{
    const struct layout_rules *rules = layout->rules;
    uint8_t owner = field_u8(data, LAYOUT(layout, frame, owner));
    frame->owner = owner < sizeof rules->owners ? (enum frame_owner)rules->owners[owner] : FRAME_OWNER_INVALID;
    *previous = field_u64(data, LAYOUT(layout, frame, previous));
    *code = field_u64(data, LAYOUT(layout, frame, executable)) & ~rules->reference_tag_mask;
    frame->instruction = field_u64(data, LAYOUT(layout, frame, instruction));
    frame->entered = is_entry(layout, frame, data);
    if (rules->has_thread_local_bytecode)
        frame->thread_bytecode = field_i32(data, LAYOUT(layout, frame, tlbc_index));
}

size_t stack_frame_size(const struct layout *layout)
{
    return layout->rules->frames == FRAME_OBJECTS ? frame_object_size(layout) : (size_t)LAYOUT(layout, frame, localsplus);
}

bool stack_decode_frame(const struct layout *layout, struct bytes data, struct raw_frame *frame, uint64_t *code, uint64_t *previous)
{
    if (layout->rules->frames == FRAME_OBJECTS)
        decode_frame_object(layout, data, frame, code, previous);
    else
        decode_interpreter_frame(layout, data, frame, code, previous);
    return frame->owner != FRAME_OWNER_INVALID;
}

/* A return takes the code object out of the frame (3.14 and later), and leaves the instruction until the next call. */
static struct code_entry *recover_code(struct stack *stack, const struct raw_frame *frame, const struct code_table *codes)
{
    if (!stack->speculative || stack->frame_count > 0)
        return NULL;
    return code_table_by_instruction(codes, frame->instruction);
}

static uint64_t remember_link(struct stack *stack, uint64_t code, uint64_t previous)
{
    if (stack->links == NULL)
        return previous;
    struct frame_link *link = link_of(stack, stack->cursor);
    if (previous != 0)
        *link = (struct frame_link){stack->cursor, code, previous};
    else if (link->address == stack->cursor && link->code == code)
        return link->previous;
    return previous;
}

const struct frame_link *frame_link_find(const struct frame_link *links, uint64_t address)
{
    const struct frame_link *link = links != NULL ? &links[link_slot(address)] : NULL;
    return link != NULL && link->address == address && link->code != 0 ? link : NULL;
}

/* The shim of the newest C frame has been met, which was entered with the last frame that was walked. */
static void remember_entry(struct stack *stack, uint64_t caller)
{
    if (stack->links != NULL && stack->cframe != 0 && stack->entered_count == 0 && stack->frame_count > 0)
        *link_of(stack, stack->cframe) = (struct frame_link){stack->cframe, caller, stack->frames[stack->frame_count - 1].address};
}

/* The shim lies in the C frame that runs every frame since the last one. */
static void enter_by_shim(struct stack *stack)
{
    for (; stack->entered_count < stack->frame_count; stack->entered_count++)
        stack->frames[stack->entered_count].entry = stack->cursor;
}

static enum copy_status walk_frame(struct stack *stack, struct reader *reader, struct code_table *codes)
{
    struct raw_frame frame = {.address = stack->cursor};
    uint64_t code = 0, previous = 0;
    struct bytes data;
    STEP(frame_bytes(stack, reader, stack_frame_size(reader->layout), &data));
    if (!stack_decode_frame(reader->layout, data, &frame, &code, &previous))
        return reader_fail(reader, "frame at 0x%" PRIx64 " has an owner that does not exist (%u)", stack->cursor,
                           field_u8(data, LAYOUT(reader->layout, frame, owner)));
    frame.previous = previous;
    frame.chunk = in_chunk(stack, stack->cursor, 1) ? stack->chunk : 0;
    bool popped = stack->cursor >= stack->top && stack->cursor < stack->limit;
    if (stack->on_trial && (popped || (frame.entered && previous != stack->head_before))) {
        reject_trial(stack, "the frame where the interpreter was entered was called by another one than the C stack says");
        return COPY_READY;
    }
    bool was_on_trial = stack->on_trial;
    if (frame.entered)
        stack->on_trial = false;
    if (stack->steps % TIME_KEPT_EVERY == 0)
        target_keep_time(copy_target(reader->copy));
    if (stack->crowd != NULL && crowd_pass(stack->crowd, reader, stack->cursor))
        return reader_fail(reader, "frame at 0x%" PRIx64 " belongs to several other stacks already", stack->cursor);
    if (frame.owner != FRAME_OWNER_INTERPRETER) { /* the interpreter's own frames, shims between C and Python, are never shown */
        frame.code = code != 0 && code % 8 == 0 ? code_table_get(codes, code) : recover_code(stack, &frame, codes);
        if (frame.code == NULL && (code == 0 || code % 8 != 0)) {
            stack->fault = STACK_NOT_CODE;
            return reader_fail(reader, "frame at 0x%" PRIx64 " has no code object", stack->cursor);
        }
        if (frame.code == NULL || !push_frame(stack, reader, &frame))
            return reader_no_memory(reader);
        stack->trial_count += was_on_trial;
        if (frame.owner == FRAME_OWNER_GENERATOR || reader->layout->rules->frames == FRAME_OBJECTS)
            previous = remember_link(stack, code, previous);
    } else if (reader->layout->rules->entry == ENTRY_BY_SHIM) {
        remember_entry(stack, previous);
        enter_by_shim(stack);
    }
    advance(stack, previous);
    return COPY_READY;
}

/* Ends the walk at a frame from which on the stack is what the walk before has found. */
static bool recall(struct stack *stack, struct reader *reader)
{
    size_t count;
    const struct raw_frame *known = stack_memory_find(stack->memory, stack, stack_frame_size(reader->layout), &count);
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

bool stack_enter(struct stack *stack, struct reader *reader)
{
    stack->chunk_data = NULL; /* what was fetched since may have moved it */
    if (stack->progress != STACK_NEW)
        return true;
    enum copy_status status = enter(stack, reader);
    if (status == COPY_FAILED) {
        stack->fault = STACK_UNREADABLE;
        finish(stack, reader->reason);
    }
    if (status == COPY_READY && stack->memory != NULL)
        stack_memory_compare(stack->memory, stack, (size_t)stack->chunk_used);
    return status != COPY_PENDING;
}

void stack_step(struct stack *stack, struct reader *reader, struct code_table *codes)
{
    enum copy_status status = stack_enter(stack, reader) ? COPY_READY : COPY_PENDING;
    while (status == COPY_READY && stack->progress == STACK_ENTERED) {
        if (stack->cursor == 0 && stack->on_trial)
            reject_trial(stack, ENTERING);
        if (stack->cursor == 0) {
            finish(stack, stack->entering ? ENTERING : NULL);
            return;
        }
        if (stack->memory != NULL && recall(stack, reader))
            return;
        status = walk_frame(stack, reader, codes);
        if (status == COPY_FAILED && stack->on_trial && !reader_is_short(reader)) {
            reject_trial(stack, reader->reason);
            status = COPY_READY;
        }
    }
    if (status == COPY_FAILED)
        finish(stack, reader->reason);
}
