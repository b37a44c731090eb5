#include "sample/climb.h"

#include <stdlib.h>

#include "walk/frame_check.h"

enum { FRAME_BYTES_MAX = 1 << 16 };

/* What a frame did when it was copied. */
enum work {
    WORK_UNTOLD,
    WORK_RUNS,  /* its own code, or C code that it has called */
    WORK_WAITS, /* for a frame that runs in its place */
};

/* The chain of frames, from the newest on, that was followed; none where it broke off. */
struct spine {
    const struct raw_frame *frames; /* newest first */
    size_t left;                    /* so many of them are newer than the frame that was climbed last */
};

/* One climb. */
struct climber {
    struct capture *capture;
    struct capture_context *context;
    const struct layout *layout;
    struct spine spine;
    enum work work; /* of the frame that was climbed last */
};

/* The bytes of a frame in the copy of the newest chunk; NULL: it does not lie there. */
static const uint8_t *copied(const struct capture *capture, uint64_t address, uint64_t size)
{
    const struct stack_memory *memory = &capture->memory;
    if (!memory->fresh || memory->chunk == 0 || address < memory->chunk || size > memory->size || address - memory->chunk > memory->size - size)
        return NULL;
    return memory->bytes + (address - memory->chunk);
}

static uint64_t header_size(const struct layout *layout)
{
    return (uint64_t)LAYOUT(layout, frame, localsplus);
}

/* A piece of memory beside the newest chunk, read now if it was not read with the stack; NULL: it cannot be. */
static const uint8_t *fetched(struct capture *capture, uint64_t address, uint64_t size)
{
    struct reader *reader = &capture->reader;
    const uint8_t *data;
    enum copy_status status;
    while ((status = reader_struct(reader, address, (size_t)size, "frame", &data)) == COPY_PENDING && copy_fetch(reader->copy))
        continue;
    return status == COPY_READY ? data : NULL;
}

/* The bytes of a frame up to its local variables, wherever it lies; NULL: it cannot be read. */
static const uint8_t *header_of(struct capture *capture, const struct layout *layout, uint64_t address)
{
    const uint8_t *data = copied(capture, address, header_size(layout));
    return data != NULL ? data : fetched(capture, address, header_size(layout));
}

/* All of a frame, its value stack included; a generator's lies beside the data stack. */
static const uint8_t *whole_frame(struct climber *climber, const struct captured_frame *frame)
{
    uint64_t size = frame->code->frame_bytes;
    if (size < header_size(climber->layout) || size > FRAME_BYTES_MAX)
        return NULL;
    const uint8_t *data = copied(climber->capture, frame->address, size);
    return data == NULL && frame->generator ? fetched(climber->capture, frame->address, size) : data;
}

/*
 * Until 3.13 a frame keeps the height of its value stack only while another one runs in its place, and -1 otherwise (stacktop:
 * _PyFrame_GetStackPointer, Include/internal/pycore_frame.h of 3.12, SET_LOCALS_FROM_FRAME in Python/ceval.c of 3.11).
 */
static enum work work_of(const struct layout *layout, const uint8_t *data)
{
    int32_t stacktop = LAYOUT(layout, frame, stacktop);
    if (stacktop == LAYOUT_ABSENT || data == NULL)
        return WORK_UNTOLD;
    return field_i32(data, stacktop) < 0 ? WORK_RUNS : WORK_WAITS;
}

bool climb_push(struct captured_frames *frames, const struct captured_frame *frame)
{
    if (frames->count == frames->capacity) {
        size_t larger = frames->capacity == 0 ? 64 : frames->capacity * 2;
        struct captured_frame *grown = reallocarray(frames->items, larger, sizeof *grown);
        if (grown == NULL)
            return false;
        frames->items = grown;
        frames->capacity = larger;
    }
    frames->items[frames->count++] = *frame;
    return true;
}

static bool is_same(const struct captured_frame *frame, const struct raw_frame *raw)
{
    return frame->address == raw->address && frame->code == raw->code && frame->instruction == raw->instruction && !frame->code->retired;
}

/* Keeps the oldest frames that the chain has, too, as they were. */
static struct spine keep_by_chain(struct captured_frames *frames, const struct stack *stack)
{
    size_t kept = 0;
    while (kept < frames->count && kept < stack->frame_count && is_same(&frames->items[kept], &stack->frames[stack->frame_count - 1 - kept]))
        kept++;
    frames->count = kept;
    return (struct spine){stack->frames, stack->frame_count - kept};
}

/* Whether a frame stands in its bytes, at whatever instruction. */
static bool is_there(const struct layout *layout, const uint8_t *data, const struct captured_frame *frame, uint64_t *instruction)
{
    struct raw_frame raw = {.address = frame->address};
    uint64_t code, previous;
    bool there = stack_decode_frame(layout, data, &raw, &code, &previous) && code == frame->code->code->address && previous == frame->previous;
    *instruction = raw.instruction;
    return there && !frame->code->retired;
}

/*
 * Whether a frame that C code has called may still be there: nobody but the thread state tells when it has returned. What it names is the
 * newest frame, or lies beside the data stack, where it says nothing.
 */
static bool may_stand(const struct capture *capture, const struct captured_frame *frame)
{
    uint64_t head = capture->stack.head, chunk = capture->memory.chunk;
    return head < chunk || head - chunk >= capture->memory.size || head >= frame->entered;
}

/* How many of the oldest frames lie below the first byte of the chunk that has changed since they were climbed. */
static size_t steady_part(const struct capture *capture)
{
    const struct captured_frames *frames = &capture->frames;
    uint64_t chunk = capture->memory.chunk;
    bool one_chunk = frames->count > 0 && capture->memory.chunk <= frames->items[0].address && frames->items[0].address - chunk < capture->steady;
    for (size_t count = one_chunk ? frames->count : 0; count > 0; count--) {
        const struct captured_frame *newest = &frames->items[count - 1];
        bool inside = !newest->apart && newest->address >= chunk && newest->code->frame_bytes != 0;
        if (inside && newest->address - chunk + newest->code->frame_bytes <= capture->steady && !newest->code->retired && may_stand(capture, newest))
            return count;
    }
    return 0;
}

/* How many of the oldest frames stand in what was read; still: as they did, or else the newest of them may have run on. */
static size_t standing(struct capture *capture, const struct layout *layout, bool still)
{
    const struct captured_frames *frames = &capture->frames;
    size_t height = still ? steady_part(capture) : 0;
    bool same = true;
    while (same && height < frames->count) {
        const struct captured_frame *frame = &frames->items[height];
        const uint8_t *data = header_of(capture, layout, frame->address);
        uint64_t instruction;
        if (data == NULL || !is_there(layout, data, frame, &instruction) || !may_stand(capture, frame))
            break;
        same = instruction == frame->instruction;
        if (same || !still)
            height++;
    }
    return height;
}

/* The same by the chain. */
static size_t standing_in_chain(const struct captured_frames *frames, const struct stack *stack)
{
    size_t height = 0;
    bool same = true;
    while (same && height < frames->count && height < stack->frame_count) {
        const struct captured_frame *then = &frames->items[height];
        const struct raw_frame *now = &stack->frames[stack->frame_count - 1 - height];
        if (then->address != now->address || then->code != now->code)
            break;
        same = then->instruction == now->instruction;
        height++;
    }
    return height;
}

bool climb_stands(struct capture *capture, const struct layout *layout)
{
    const struct captured_frames *frames = &capture->frames;
    const struct stack *stack = &capture->stack;
    if (stack->truncated == NULL && standing_in_chain(frames, stack) == frames->count)
        return true;
    if (layout->rules->frames == FRAME_OBJECTS || frames->count < 2)
        return false;
    const uint8_t *caller = copied(capture, frames->items[frames->count - 2].address, header_size(layout));
    /* What a frame that runs has pushed before may still be seen where it lay. */
    bool calls = caller != NULL && work_of(layout, caller) != WORK_RUNS;
    return calls && standing(capture, layout, false) == frames->count;
}

static const struct captured_frame *last(const struct climber *climber)
{
    const struct captured_frames *frames = &climber->capture->frames;
    return frames->count > 0 ? &frames->items[frames->count - 1] : NULL;
}

static const struct raw_frame *next_of_chain(const struct climber *climber)
{
    return climber->spine.left > 0 ? &climber->spine.frames[climber->spine.left - 1] : NULL;
}

/* Goes on with the chain where it has the same frame; else it is of another moment. */
static void follow_chain(struct climber *climber, uint64_t address)
{
    const struct raw_frame *next = next_of_chain(climber);
    climber->spine.left = next != NULL && next->address == address ? climber->spine.left - 1 : 0;
}

/* Takes a frame apart; false: it is none, or has returned. Its code object is that of *code. */
static bool decode(const struct climber *climber, const uint8_t *data, uint64_t address, struct raw_frame *raw, uint64_t *code)
{
    uint64_t previous;
    *raw = (struct raw_frame){.address = address};
    if (data == NULL || !stack_decode_frame(climber->layout, data, raw, code, &previous) || *code == 0)
        return false;
    raw->previous = previous;
    return true;
}

/* The code object at an address; NULL: there is none. */
static struct code_entry *code_at(const struct climber *climber, uint64_t address)
{
    return address % 8 == 0 ? capture_code(climber->context, address) : NULL;
}

/* Whether a frame of the chain was not pushed by its caller: C code lies between, or it is a generator's. */
static bool is_apart(const struct raw_frame *raw, uint64_t caller)
{
    return raw->owner != FRAME_OWNER_THREAD || raw->entered || raw->previous != caller;
}

/* Whether the chain says that a frame has called C code, which has called another: a trace function does so where the frame comes or goes. */
static bool is_traced(const struct climber *climber, const struct raw_frame *raw)
{
    const struct spine *spine = &climber->spine;
    return spine->left > 1 && spine->frames[spine->left - 1].address == raw->address && is_apart(&spine->frames[spine->left - 2], raw->address);
}

/*
 * A frame that is just being made, or has all but returned, is its caller's business: between two instants of the copy it stays so for
 * longer than it does by itself, since its thread must wait for the memory that was read. Where the thread state names it, it is there.
 */
static bool comes_or_goes(struct climber *climber, const struct raw_frame *raw)
{
    int64_t offset = 0;
    char reason[192];
    struct capture_context *context = climber->context;
    if (raw->address == climber->capture->stack.head || is_traced(climber, raw))
        return false;
    if (raw->code == NULL)
        return climber->work != WORK_WAITS;
    if (!frame_instruction(raw, climber->layout->rules, &offset, reason, sizeof reason))
        return true;
    return offset <= (int64_t)raw->code->first_traceable * 2 || call_sites_kind(context->sites, &context->mentions, raw->code, offset) == INSTRUCTION_LEAVES;
}

/* Whether a frame's instruction is one that goes on with a generator. */
static bool goes_on(struct climber *climber, const struct captured_frame *frame)
{
    return call_sites_kind(climber->context->sites, &climber->context->mentions, frame->code, frame->offset) == INSTRUCTION_RESUMES;
}

/* The frame that the last one has pushed: it lies behind the newest one of the data stack. */
static bool pushed(struct climber *climber, struct raw_frame *raw)
{
    const struct captured_frames *frames = &climber->capture->frames;
    const struct captured_frame *caller = last(climber);
    size_t below = frames->count;
    while (below > 0 && frames->items[below - 1].generator)
        below--;
    if (below == 0 || frames->items[below - 1].code->frame_bytes == 0)
        return false;
    uint64_t address = frames->items[below - 1].address + frames->items[below - 1].code->frame_bytes;
    const uint8_t *data = copied(climber->capture, address, header_size(climber->layout));
    uint64_t code;
    if (!decode(climber, data, address, raw, &code) || is_apart(raw, caller->address))
        return false;
    raw->code = code_at(climber, code);
    return !comes_or_goes(climber, raw);
}

/* Where the value stack of a frame ends, in bytes from the frame; 0: it cannot be told. */
static uint64_t stack_end(const struct climber *climber, const struct captured_frame *frame, const uint8_t *data)
{
    const struct layout *layout = climber->layout;
    if (LAYOUT(layout, frame, stacktop) != LAYOUT_ABSENT) {
        int32_t height = field_i32(data, LAYOUT(layout, frame, stacktop));
        return height < 0 ? 0 : header_size(climber->layout) + (uint64_t)height * 8;
    }
    return LAYOUT(layout, frame, stackpointer) != LAYOUT_ABSENT ? field_u64(data, LAYOUT(layout, frame, stackpointer)) - frame->address : 0;
}

/* The frame of the generator that the last one goes on with, which lies in its value stack. */
static bool resumed(struct climber *climber, struct raw_frame *raw)
{
    const struct captured_frame *caller = last(climber);
    const struct layout_rules *rules = climber->layout->rules;
    if (rules->generator_depth == 0)
        return false;
    const uint8_t *data = whole_frame(climber, caller);
    uint64_t end = data != NULL ? stack_end(climber, caller, data) : 0, depth = rules->generator_depth * 8u;
    if (end < header_size(climber->layout) + depth || end > caller->code->frame_bytes || end % 8 != 0)
        return false;
    uint64_t generator = field_u64(data, (int32_t)(end - depth)) & ~rules->reference_tag_mask;
    uint64_t address = generator + (uint64_t)LAYOUT(climber->layout, generator, frame);
    const struct frame_link *link = stack_link(&climber->capture->stack, address); /* what no chain ever led to may be anything */
    if (generator == 0 || generator % 8 != 0 || link == NULL)
        return false;
    const uint8_t *header = fetched(climber->capture, address, header_size(climber->layout));
    uint64_t code;
    if (!decode(climber, header, address, raw, &code) || raw->owner != FRAME_OWNER_GENERATOR)
        return false;
    raw->code = code_at(climber, code);
    if (raw->code == NULL)
        return false;
    bool known = climber->work == WORK_WAITS || (link->previous == caller->address && link->code == raw->code->code->address);
    return raw->previous == caller->address || (raw->previous == 0 && known);
}

/* Whether a generator's frame had yielded, or ended, when its caller was copied, whose instruction tells whether it goes on with one. */
static bool has_left(struct climber *climber, const struct raw_frame *raw)
{
    int64_t offset;
    char reason[192];
    struct capture_context *context = climber->context;
    if (goes_on(climber, last(climber)))
        return false;
    if (raw->owner != FRAME_OWNER_GENERATOR || !frame_instruction(raw, climber->layout->rules, &offset, reason, sizeof reason))
        return false;
    if (raw->previous == 0)
        return true;
    return call_sites_kind(context->sites, &context->mentions, raw->code, offset) == INSTRUCTION_LEAVES;
}

/* The frame that comes next. False: the last one is the newest. */
static bool next_frame(struct climber *climber, struct raw_frame *raw)
{
    const struct captured_frame *caller = last(climber);
    const struct raw_frame *chained = next_of_chain(climber);
    const uint8_t *data = NULL;
    if (caller != NULL && climber->layout->rules->frames == FRAME_INTERPRETER)
        data = caller->generator ? fetched(climber->capture, caller->address, header_size(climber->layout)) : copied(climber->capture, caller->address, header_size(climber->layout));
    climber->work = work_of(climber->layout, data);
    if (data != NULL && climber->work != WORK_RUNS && (goes_on(climber, caller) ? resumed(climber, raw) : pushed(climber, raw))) {
        follow_chain(climber, raw->address);
        return true;
    }
    if (chained == NULL)
        return false;
    if (data != NULL && (!is_apart(chained, caller->address) || has_left(climber, chained)))
        return false;
    *raw = *chained;
    climber->spine.left--;
    return true;
}

static struct climb broken(enum spprof_drop reason)
{
    return (struct climb){.end = CLIMB_BROKEN, .reason = reason};
}

enum spprof_drop climb_take(const struct raw_frame *raw, const struct layout_rules *rules, struct captured_frame *frame)
{
    char reason[192];
    *frame = (struct captured_frame){
        .code = raw->code,
        .address = raw->address,
        .previous = raw->previous,
        .instruction = raw->instruction,
        .generator = raw->owner == FRAME_OWNER_GENERATOR,
        .apart = raw->owner == FRAME_OWNER_GENERATOR,
    };
    if (raw->code == NULL || raw->code->status != COPY_READY || raw->code->retired)
        return SPPROF_DROP_NOT_CODE;
    if (!frame_instruction(raw, rules, &frame->offset, reason, sizeof reason))
        return SPPROF_DROP_BAD_INSTRUCTION;
    frame->incomplete = frame_is_incomplete(raw, rules, frame->offset);
    return SPPROF_DROP_REASONS;
}

/* Whether the last frame may well wait for one that it has called. */
static bool calls(struct climber *climber, const struct captured_frame *frame)
{
    struct capture_context *context = climber->context;
    return climber->work == WORK_WAITS || call_sites_kind(context->sites, &context->mentions, frame->code, frame->offset) == INSTRUCTION_CALLS;
}

/* True: the frame was pushed. */
static bool add(struct climber *climber, const struct raw_frame *raw, struct climb *climb)
{
    struct capture_context *context = climber->context;
    const struct captured_frame *caller = last(climber);
    struct captured_frame frame;
    *climb = broken(climb_take(raw, climber->layout->rules, &frame));
    if (climb->reason != SPPROF_DROP_REASONS)
        return false;
    if (caller != NULL && !call_sites_allow(context->sites, &context->mentions, caller->code, caller->offset, frame.code)) {
        bool elsewhere = !calls(climber, caller) && call_sites_know(context->sites, &context->mentions, caller->code, frame.code);
        *climb = (struct climb){.end = elsewhere ? CLIMB_ELSEWHERE : CLIMB_DOUBT, .reason = SPPROF_DROP_CHANGED, .doubt = frame};
        return false;
    }
    frame.apart = frame.apart || (caller != NULL && caller->apart);
    frame.entered = caller == NULL || raw->entered || raw->previous != caller->address ? frame.address : caller->entered;
    *climb = broken(SPPROF_DROP_UNREADABLE);
    return climb_push(&climber->capture->frames, &frame);
}

/*
 * Whether the chain led to the oldest frame that is known. Where it ends elsewhere it has most likely gone astray. If it does so again the
 * thread may have begun with another frame: it is taken for right now and then, and the new oldest frame has to prove itself.
 */
static bool chain_is_right(struct capture *capture)
{
    const struct stack *stack = &capture->stack;
    if (stack->truncated != NULL)
        return false;
    bool known = capture->root == 0 || stack->frame_count == 0 || stack->frames[stack->frame_count - 1].address == capture->root;
    capture->strangers = known ? 0 : capture->strangers + 1;
    return known || (capture->strangers > 1 && (capture->strangers & (capture->strangers - 1)) == 0);
}

/* False: nothing is known to stand. */
static bool begin(struct climber *climber)
{
    struct capture *capture = climber->capture;
    bool chained = chain_is_right(capture);
    if (!chained && climber->layout->rules->frames == FRAME_INTERPRETER)
        capture->frames.count = standing(capture, climber->layout, true);
    else if (chained)
        climber->spine = keep_by_chain(&capture->frames, &capture->stack);
    else
        capture->frames.count = 0;
    return chained || capture->frames.count > 0;
}

/* Climbs from the frames that stand, as far as it goes. */
static struct climb ascend(struct climber *climber)
{
    struct climb climb;
    struct raw_frame next;
    for (size_t height = 0; height < STACK_FRAMES_MAX; height++) {
        if (!next_frame(climber, &next))
            return (struct climb){.end = CLIMB_WHOLE};
        if (!add(climber, &next, &climb))
            return climb;
    }
    return broken(SPPROF_DROP_CYCLE);
}

struct climb climb(struct capture *capture, struct capture_context *context)
{
    struct climber climber = {.capture = capture, .context = context, .layout = context->layout};
    struct climb climb = begin(&climber) ? ascend(&climber) : (struct climb){.end = CLIMB_NOTHING};
    capture->steady = UINT64_MAX;
    return climb;
}

/*
 * Whether more frames may stand above the last one than those it has pushed: the thread state names one that C code or a generator has
 * called, by itself or by those that it has called in turn.
 */
static bool needs_chain(struct climber *climber)
{
    enum { STEPS = 64 };
    struct capture *capture = climber->capture;
    uint64_t newest = last(climber)->address, cursor = capture->stack.head;
    for (int step = 0; step < STEPS && cursor > newest; step++) {
        struct raw_frame raw = {.address = cursor};
        const uint8_t *data = copied(capture, cursor, header_size(climber->layout));
        uint64_t code, previous;
        if (data == NULL)
            return step == 0;
        if (!stack_decode_frame(climber->layout, data, &raw, &code, &previous))
            return false;
        if (raw.owner != FRAME_OWNER_THREAD || raw.entered || copied(capture, previous, 1) == NULL)
            return true;
        if (previous >= cursor)
            return false;
        cursor = previous;
    }
    return copied(capture, cursor, 1) == NULL;
}

bool climb_in_copy(struct capture *capture, struct capture_context *context)
{
    struct climber climber = {.capture = capture, .context = context, .layout = context->layout};
    if (context->layout->rules->frames != FRAME_INTERPRETER || capture->frames.count == 0)
        return false;
    size_t steady = steady_part(capture);
    if (steady == 0)
        return false;
    capture->frames.count = steady;
    struct climb climb = ascend(&climber);
    capture->steady = UINT64_MAX;
    return climb.end == CLIMB_WHOLE && !goes_on(&climber, last(&climber)) && !last(&climber)->generator && !needs_chain(&climber);
}
