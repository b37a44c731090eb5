#include "frames/stack_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames/caller_check.h"
#include "frames/entry_check.h"
#include "frames/frame_check.h"
#include "frames/instruction.h"

enum { PIECE_MAX = 1 << 27, TILES_MAX = 1 << 16 };

/* A piece of the data stack: [start, end) holds frames. */
struct piece {
    uint64_t start, end, older;
    bool newest;
};

/* What lies between two frames of the chain, or above the newest one. */
enum gap {
    GAP_NONE,
    GAP_RESTING, /* frames that do not run: left and not cleared yet, or not begun */
    GAP_UNBEGUN, /* one frame that has not begun */
    GAP_ONE,     /* one frame that seems to run, where a version does not store that it leaves */
    GAP_LOST,    /* a frame that runs, and is not in the chain */
    GAP_UNKNOWN,
};

struct check {
    struct stack *stack;
    struct reader *reader;
    struct code_table *codes;
    struct raw_frame *frames; /* that are looked at */
    size_t count;
    bool whole; /* the chain has come to its end */
    struct piece piece;
    enum gap above;   /* the newest frame */
    bool runs;        /* the frame that was looked at last, itself: it does not only hand throw() or close() on */
    size_t kept;      /* frames that are this thread's */
    char reason[192]; /* "" nothing is missing */
    char doubt[192];  /* "" nothing contradicts itself */
};

static enum read_cache_status enter_piece(struct check *check, uint64_t chunk, uint64_t end)
{
    const struct layout *layout = check->reader->layout;
    const int32_t header = LAYOUT(layout, stack_chunk, data);
    struct bytes data;
    STEP(object_reader_struct(check->reader, chunk, (size_t)header, "data stack", &data));
    uint64_t older = field_u64(data, LAYOUT(layout, stack_chunk, previous)), top = field_u64(data, LAYOUT(layout, stack_chunk, top));
    /* push_chunk leaves the first word of the first chunk free: Python/pystate.c */
    uint64_t start = chunk + (uint64_t)header + (older == 0 ? 8 : 0);
    bool newest = end != 0;
    if (!newest && top <= PIECE_MAX / 8)
        end = chunk + (uint64_t)header + top * 8;
    if (end < start || end - chunk > PIECE_MAX || end % 8 != 0)
        return object_reader_fail(check->reader, "the data stack at 0x%" PRIx64 " has no sane end", chunk);
    check->piece = (struct piece){start, end, older, newest};
    return READ_CACHE_READY;
}

static bool is_in_piece(const struct check *check, uint64_t address)
{
    return address >= check->piece.start && address < check->piece.end;
}

/* A frame that lies on the data stack, in the chain or not. */
static enum read_cache_status read_frame(struct check *check, uint64_t address, struct raw_frame *frame)
{
    struct bytes data;
    uint64_t code, previous;
    *frame = (struct raw_frame){.address = address};
    STEP(object_reader_struct(check->reader, address, frames_stack_frame_size(check->reader->layout), "frame", &data));
    if (!frames_stack_decode_frame(check->reader->layout, data, frame, &code, &previous) || code == 0 || code % 8 != 0)
        return object_reader_fail(check->reader, "no frame at 0x%" PRIx64, address);
    frame->previous = previous;
    frame->code = frames_code_table_get(check->codes, code);
    if (frame->code == NULL)
        return object_reader_fail(check->reader, "out of memory");
    if (frame->code->status == READ_CACHE_PENDING)
        frames_code_table_step(check->codes, check->reader);
    return frame->code->status;
}

/* Whether a frame runs, in which another one was called: it has begun, and is not at an instruction that leaves it. */
static enum read_cache_status look_at_rest(struct check *check, const struct raw_frame *frame, enum gap *gap)
{
    const struct layout_rules *rules = check->reader->layout->rules;
    struct instruction instruction;
    char reason[192];
    int64_t offset;
    *gap = GAP_UNKNOWN;
    if (!frames_frame_instruction(frame, rules, &offset, reason, sizeof reason))
        return READ_CACHE_READY;
    *gap = frames_code_is_trampoline(frame->code) ? GAP_RESTING : GAP_UNBEGUN;
    if (offset < (int64_t)frame->code->first_traceable * CODE_UNIT || offset < 0)
        return READ_CACHE_READY;
    STEP(frames_instruction_at(check->reader, frame, offset, &instruction));
    *gap = instruction.known && instruction.kind != INSTRUCTION_LEAVES ? GAP_LOST : GAP_RESTING;
    return READ_CACHE_READY;
}

/* Frames that lie one upon the other from an address on to another. */
static enum read_cache_status look_into_gap(struct check *check, uint64_t from, uint64_t to, enum gap *result)
{
    *result = GAP_NONE;
    for (int tiles = 0; from < to; tiles++) {
        struct raw_frame frame;
        enum gap gap = GAP_UNKNOWN;
        enum read_cache_status status = tiles < TILES_MAX ? read_frame(check, from, &frame) : READ_CACHE_FAILED;
        if (status == READ_CACHE_READY)
            status = look_at_rest(check, &frame, &gap);
        if (status == READ_CACHE_PENDING)
            return status;
        if (status == READ_CACHE_FAILED || frame.code->frame_bytes == 0 || frame.code->frame_bytes > to - from)
            gap = GAP_UNKNOWN;
        bool fills = tiles == 0 && frame.code != NULL && frame.code->frame_bytes == to - from;
        if (gap == GAP_LOST && fills && check->reader->layout->rules->position == POSITION_INSTR_PTR) {
            *result = GAP_ONE;
            return READ_CACHE_READY;
        }
        if (gap == GAP_UNKNOWN || gap == GAP_LOST) {
            *result = *result == GAP_LOST ? GAP_LOST : gap;
            return READ_CACHE_READY;
        }
        *result = tiles == 0 ? gap : GAP_RESTING;
        from += frame.code->frame_bytes;
    }
    return READ_CACHE_READY;
}

static const char left_out[] = "the data stack holds frames that the chain of frames leaves out",
                  left[] = "the chain of frames leaves the thread's data stack";

/* The first word counts. */
static void amiss(struct check *check, const char *words)
{
    if (check->reason[0] == '\0')
        snprintf(check->reason, sizeof check->reason, "%s", words);
}

static void doubt(struct check *check, const struct raw_frame *frame, const char *words)
{
    if (check->doubt[0] == '\0')
        snprintf(check->doubt, sizeof check->doubt, "frame at 0x%" PRIx64 " %s", frame->address, words);
}

/*
 * What is above the newest frame may be half made, where a thread was stopped while it called: only a frame that runs proves a loss. One
 * frame there may have returned, and be about to be cleared (_PyEval_FrameClearAndPop, Python/ceval.c of 3.13 and later: it is out of the
 * chain by then, and RETURN_VALUE has not stored where it is). In a process that goes on this is met again and again; in a core it is told.
 */
static enum read_cache_status check_gap(struct check *check, uint64_t from)
{
    enum gap gap;
    if (from > check->piece.end)
        doubt(check, &check->frames[0], "or another one does not fit on the data stack");
    STEP(look_into_gap(check, from, check->piece.end, &gap));
    if (gap == GAP_ONE)
        gap = check->piece.newest && target_read_cache_target(check->reader->cache)->kind == SPPROF_TARGET_PROCESS ? GAP_RESTING : GAP_LOST;
    if (gap == GAP_LOST || (gap == GAP_UNKNOWN && !check->piece.newest))
        amiss(check, left_out);
    if (check->piece.newest)
        check->above = gap;
    check->piece.newest = false;
    return READ_CACHE_READY;
}

/* Goes back to the piece that a frame lies in; what lies on the bottom of a newer one must have been met. */
static enum read_cache_status find_piece(struct check *check, const struct raw_frame *frame, bool *found)
{
    struct check ahead = *check;
    while (!is_in_piece(&ahead, frame->address) && ahead.piece.older != 0) {
        STEP(check_gap(&ahead, ahead.piece.start));
        STEP(enter_piece(&ahead, ahead.piece.older, 0));
    }
    *found = is_in_piece(&ahead, frame->address);
    if (*found)
        *check = ahead;
    return READ_CACHE_READY;
}

static enum read_cache_status check_frame(struct check *check, size_t index, bool *found)
{
    const struct raw_frame *frame = &check->frames[index];
    *found = true;
    if (frame->owner != FRAME_OWNER_THREAD && !is_in_piece(check, frame->address))
        return READ_CACHE_READY;
    if (frame->owner != FRAME_OWNER_THREAD)
        doubt(check, frame, "lies on the data stack, and says that it is a generator's");
    STEP(find_piece(check, frame, found));
    if (!*found)
        return READ_CACHE_READY;
    STEP(check_gap(check, frame->address + frame->code->frame_bytes));
    check->piece.end = frame->address;
    check->kept = index + 1;
    return READ_CACHE_READY;
}

/* Whether a frame of Python was called, or resumed, without C code between: it says that its caller is the next one. */
static bool is_inlined(const struct check *check, size_t index)
{
    const struct raw_frame *frames = check->frames;
    return index + 1 < check->count && frames[index].previous == frames[index + 1].address && !frames[index].entered;
}

/* What a frame's value stack holds, so many words below its end; READY with 0 where that cannot be told. */
static enum read_cache_status peek(struct check *check, const struct raw_frame *frame, uint64_t depth, uint64_t *word)
{
    const struct layout *layout = check->reader->layout;
    const uint64_t size = frames_stack_frame_size(layout);
    int32_t height = LAYOUT(layout, frame, stacktop), pointer = LAYOUT(layout, frame, stackpointer);
    struct bytes data;
    *word = 0;
    STEP(object_reader_struct(check->reader, frame->address, (size_t)size, "frame", &data));
    uint64_t end = height != LAYOUT_ABSENT ? size + (uint64_t)field_i32(data, height) * 8 : field_u64(data, pointer) - frame->address;
    if (end < size + depth * 8 || end > frame->code->frame_bytes || end % 8 != 0)
        return READ_CACHE_READY;
    STEP(object_reader_pointer(check->reader, frame->address + end - depth * 8, "value stack", word));
    *word &= ~layout->rules->reference_tag_mask;
    return READ_CACHE_READY;
}

/*
 * Whether a frame can have been called from where its caller is. Not every instruction pushes a frame; one that goes on with
 * a generator has it on its value stack, unless C code hands throw() or close() on to the one that it waits for (_gen_throw,
 * Objects/genobject.c), which runs in a C frame of its own.
 */
static enum read_cache_status check_call(struct check *check, size_t index, const struct instruction *instruction, int64_t offset, bool *possible)
{
    const struct layout_rules *rules = check->reader->layout->rules;
    const struct raw_frame *callee = &check->frames[index], *caller = callee + 1;
    *possible = true;
    if (frames_code_is_trampoline(caller->code))
        return READ_CACHE_READY;
    if (callee->owner == FRAME_OWNER_THREAD) {
        bool calls = instruction->kind == INSTRUCTION_CALLS || instruction->kind == INSTRUCTION_MAY_CALL;
        *possible = calls && (rules->position != POSITION_PREV_INSTR || offset == instruction->end - CODE_UNIT);
        return READ_CACHE_READY;
    }
    if (rules->generator_depth == 0 || !check->runs)
        return READ_CACHE_READY;
    uint64_t generator;
    STEP(peek(check, caller, rules->generator_depth, &generator));
    *possible = instruction->kind == INSTRUCTION_RESUMES && generator + (uint64_t)LAYOUT(check->reader->layout, generator, frame) == callee->address;
    return READ_CACHE_READY;
}

/* 3.11 and 3.12 name the last unit of the cache of an instruction that calls, or that a call has come back to. */
static bool is_at_instruction(const struct check *check, const struct instruction *instruction, int64_t offset)
{
    bool at_end = check->reader->layout->rules->position == POSITION_PREV_INSTR && offset == instruction->end - CODE_UNIT;
    return offset == instruction->start || at_end;
}

/* Whether a frame can be where it says, and what runs above it can have come from there. */
static enum read_cache_status check_position(struct check *check, size_t index, int64_t offset)
{
    struct instruction instruction;
    bool possible = true;
    enum read_cache_status status =
        offset < 0 ? READ_CACHE_FAILED : frames_instruction_at(check->reader, &check->frames[index], offset, &instruction);
    if (status != READ_CACHE_READY || !instruction.known)
        return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
    if (!is_at_instruction(check, &instruction, offset)) {
        check->frames[index].misplaced = true;
        doubt(check, &check->frames[index], "says that it is between two instructions");
        return READ_CACHE_READY;
    }
    if (index > 0 && is_inlined(check, index - 1))
        STEP(check_call(check, index - 1, &instruction, offset, &possible));
    if (!possible)
        doubt(check, &check->frames[index], "says that it is where the frame above it cannot have been called");
    return READ_CACHE_READY;
}

/* Whoever shows the frames ends at one that is none, in words of its own. */
static enum read_cache_status check_frames(struct check *check)
{
    const struct layout_rules *rules = check->reader->layout->rules;
    char reason[192];
    int64_t offset;
    bool found;
    for (size_t i = 0; i < check->count; i++) {
        if (!frames_frame_instruction(&check->frames[i], rules, &offset, reason, sizeof reason)) {
            check->kept = check->count;
            return READ_CACHE_READY;
        }
        STEP(check_frame(check, i, &found));
        if (!found) {
            amiss(check, left);
            return READ_CACHE_READY;
        }
        STEP(check_position(check, i, offset));
        check->runs = check->frames[i].owner == FRAME_OWNER_THREAD || (i > 0 && is_inlined(check, i - 1) && check->runs);
    }
    check->kept = check->count;
    if (!check->whole)
        return READ_CACHE_READY;
    STEP(check_gap(check, check->piece.start));
    if (check->piece.older != 0)
        amiss(check, left_out);
    return READ_CACHE_READY;
}

static bool codes_are_settled(const struct raw_frame *frames, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (frames[i].code->status == READ_CACHE_PENDING)
            return false;
    return true;
}

/* A deep stack may be asked very often. */
static bool has_codes(struct stack *stack)
{
    const struct c_frame_trial *trial = &stack->trial;
    struct stack_verdict *verdict = &stack->verdict;
    if (!verdict->has_codes)
        verdict->has_codes = codes_are_settled(stack->frames, stack->frame_count) && codes_are_settled(trial->rejected.frames, trial->rejected.count);
    return verdict->has_codes;
}

/* Whether the thread state and the newest piece of the data stack say the same of it: then it is this thread's. */
static enum read_cache_status enter_data_stack(struct check *check, bool *agree)
{
    const struct layout *layout = check->reader->layout;
    const struct stack *stack = check->stack;
    struct bytes data;
    STEP(object_reader_struct(check->reader, stack->thread_state, frames_stack_thread_state_size(layout), "thread state", &data));
    uint64_t chunk = field_u64(data, LAYOUT(layout, thread_state, datastack_chunk));
    STEP(enter_piece(check, chunk, stack->data_stack.top));
    STEP(object_reader_struct(check->reader, chunk, (size_t)LAYOUT(layout, stack_chunk, data), "data stack", &data));
    *agree =
        chunk + field_u64(data, LAYOUT(layout, stack_chunk, size)) == stack->data_stack.limit && stack->data_stack.top <= stack->data_stack.limit;
    if (!*agree && check->doubt[0] == '\0')
        snprintf(check->doubt, sizeof check->doubt, "the thread state and its data stack at 0x%" PRIx64 " contradict each other", chunk);
    return READ_CACHE_READY;
}

/*
 * A C frame that is being entered names what it will: then nothing, or a frame that has not begun, lies above the newest frame of the C
 * frame before. Where frames run there, what was rejected is where it can be this thread's.
 */
static enum read_cache_status weigh_rejected(struct check *check, bool *restored)
{
    struct stack *stack = check->stack;
    const bool is_empty = check->above == GAP_NONE;
    if (check->above == GAP_RESTING || check->above == GAP_UNBEGUN || (is_empty && stack->trial.rejected.popped))
        return READ_CACHE_READY;
    struct check again = {.stack = stack, .reader = check->reader, .codes = check->codes};
    bool agree;
    again.frames = stack->trial.rejected.frames;
    again.count = stack->trial.rejected.count;
    STEP(enter_data_stack(&again, &agree));
    STEP(check_frames(&again));
    *restored = !is_empty && again.kept > 0 && again.above != GAP_LOST && again.above != GAP_UNKNOWN;
    if (*restored)
        *check = again;
    amiss(check, stack->trial.rejected.reason);
    return READ_CACHE_READY;
}

static enum read_cache_status check_data_stack(struct check *check, bool *restored)
{
    const struct stack *stack = check->stack;
    bool agree;
    if (LAYOUT(check->reader->layout, thread_state, datastack_chunk) == LAYOUT_ABSENT || (stack->frame_count == 0 && stack->data_stack.top == 0))
        return READ_CACHE_READY;
    STEP(enter_data_stack(check, &agree));
    check->kept = 0;
    STEP(check_frames(check));
    if (stack->trial.rejected.reason != NULL)
        STEP(weigh_rejected(check, restored));
    if (check->kept == 0 && !agree)
        check->kept = check->count;
    return READ_CACHE_READY;
}

static enum read_cache_status check_entries(struct check *check)
{
    bool agree;
    if (!check->whole || check->reason[0] != '\0')
        return READ_CACHE_READY;
    STEP(frames_entry_check_step(check->stack, check->reader, &agree));
    if (!agree)
        amiss(check, "the C stack holds more calls than the chain of frames, or other ones");
    return READ_CACHE_READY;
}

static enum read_cache_status check_stack(struct check *check, bool *restored)
{
    struct stack *stack = check->stack;
    check->kept = check->count = stack->frame_count;
    check->frames = stack->frames;
    check->whole = stack->truncated == NULL;
    STEP(check_data_stack(check, restored));
    if (!*restored)
        STEP(check_entries(check));
    return check->doubt[0] == '\0' ? frames_caller_check(stack, check->reader, check->doubt, sizeof check->doubt) : READ_CACHE_READY;
}

/* Makes what was rejected the stack. */
static void restore(struct stack *stack)
{
    free(stack->frames);
    stack->frames = stack->trial.rejected.frames;
    stack->frame_count = stack->frame_capacity = stack->trial.rejected.count;
    stack->trial.rejected.frames = NULL;
    stack->trial.entering = false;
}

static char *words(const char *text)
{
    return text[0] == '\0' ? NULL : strdup(text);
}

static void settle(struct stack *stack, const struct check *check)
{
    stack->verdict.is_settled = true;
    stack->trial.count = 0; /* it was weighed here */
    if (check->kept < stack->frame_count)
        stack->frame_count = check->kept;
    if (stack->truncated == NULL)
        stack->truncated = words(check->reason);
    stack->verdict.doubt = words(check->doubt);
    stack->verdict.contradicts_itself = check->reason[0] != '\0' || check->doubt[0] != '\0';
}

void frames_stack_check_step(struct stack *stack, struct reader *reader, struct code_table *codes)
{
    struct check check = {.stack = stack, .reader = reader, .codes = codes};
    bool restored = false;
    if (stack->verdict.is_settled || stack->progress != STACK_DONE || !has_codes(stack))
        return;
    enum read_cache_status status = check_stack(&check, &restored);
    if (status == READ_CACHE_PENDING)
        return;
    if (status == READ_CACHE_FAILED) {
        check.kept = stack->frame_count;
        snprintf(check.doubt, sizeof check.doubt, "%s", reader->reason);
    }
    if (restored)
        restore(stack);
    settle(stack, &check);
}
