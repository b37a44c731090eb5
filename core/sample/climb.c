#include "sample/climb.h"

#include "sample/frame_bytes.h"
#include "sample/standing.h"
#include "walk/frame_check.h"

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
    enum frame_work work; /* of the frame that was climbed last */
    bool in_copy;         /* the next one lies in the copy of the newest chunk, as it does */
    bool lost;            /* the last one lies in an older chunk, where only a chain would lead on */
    size_t generators;    /* so many were climbed */
};

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
static bool decode(const struct climber *climber, struct bytes data, uint64_t address, struct raw_frame *raw, uint64_t *code)
{
    uint64_t previous;
    *raw = (struct raw_frame){.address = address};
    if (data.at == NULL || !stack_decode_frame(climber->layout, data, raw, code, &previous) || *code == 0)
        return false;
    raw->previous = previous;
    return true;
}

/* The code object at an address; NULL: there is none. */
static struct code_entry *code_at(const struct climber *climber, uint64_t address)
{
    return address % 8 == 0 ? capture_code(climber->context, address) : NULL;
}

static enum instruction_kind kind_at(struct climber *climber, const struct code_entry *code, int64_t offset)
{
    return call_sites_kind(climber->context->sites, &climber->context->mentions, code, offset);
}

/* Whether a frame of the chain was not pushed by its caller: C code lies between, or it is a generator's. */
static bool is_apart(const struct raw_frame *raw, uint64_t caller)
{
    return raw->owner != FRAME_OWNER_THREAD || raw->entered || raw->previous != caller;
}

/* Whether the chain says that C code stands above a frame: a trace function is called where the frame comes or goes. */
static bool is_traced(const struct climber *climber, const struct raw_frame *raw)
{
    if (climber->spine.left < 2)
        return false;
    const struct raw_frame *chained = &climber->spine.frames[climber->spine.left - 1], *above = chained - 1;
    return chained->address == raw->address && is_apart(above, raw->address);
}

/*
 * A frame that is just being made, or has all but returned, is its caller's business: between two instants of the copy it stays so for
 * longer than it does by itself, since its thread must wait for the memory that was read. Where the thread state names it, it is there.
 */
static bool comes_or_goes(struct climber *climber, const struct raw_frame *raw)
{
    int64_t offset = 0;
    char reason[192];
    if (raw->address == climber->capture->stack.head || is_traced(climber, raw))
        return false;
    if (raw->code == NULL)
        return climber->work != FRAME_WAITS;
    if (!frame_instruction(raw, climber->layout->rules, &offset, reason, sizeof reason))
        return true;
    if (code_is_trampoline(raw->code))
        return false;
    return offset <= (int64_t)raw->code->first_traceable * CODE_UNIT || kind_at(climber, raw->code, offset) == INSTRUCTION_LEAVES;
}

/* Whether a frame's instruction is one that goes on with a generator. */
static bool goes_on(struct climber *climber, const struct captured_frame *frame)
{
    return kind_at(climber, frame->code, frame->offset) == INSTRUCTION_RESUMES;
}

/* Where the data stack goes on behind the last frame; 0: it cannot be told. */
static uint64_t place_behind(const struct climber *climber)
{
    const struct captured_frames *frames = &climber->capture->frames;
    size_t count = frames->count;
    while (count > 0 && frames->items[count - 1].generator)
        count--;
    bool known = count > 0 && frames->items[count - 1].code->frame_bytes != 0;
    return known ? frames->items[count - 1].address + frames->items[count - 1].code->frame_bytes : 0;
}

/* The frame that the last one has pushed. */
static bool pushed(struct climber *climber, const struct raw_frame *behind, uint64_t code, struct raw_frame *raw)
{
    if (is_apart(behind, last(climber)->address))
        return false;
    *raw = *behind;
    raw->code = code_at(climber, code);
    return !comes_or_goes(climber, raw);
}

/* Whether a frame is one of the interpreter's own on the C stack, behind which the last one stands. */
static bool is_shim_of_last(struct climber *climber, uint64_t address)
{
    enum { C_STACK_MAX = 1 << 26 };
    uint64_t oldest = climber->capture->frames.items[0].previous, code, previous;
    struct raw_frame shim = {.address = address};
    if (address % 8 != 0 || address >= oldest || oldest - address > C_STACK_MAX)
        return false;
    struct bytes data = frame_bytes_beside(climber->capture, address, stack_frame_size(climber->layout));
    bool decoded = data.at != NULL && stack_decode_frame(climber->layout, data, &shim, &code, &previous);
    return decoded && shim.owner == FRAME_OWNER_INTERPRETER && previous == last(climber)->address;
}

/* The frame that C code has pushed, which the last one has called. It says itself whether it runs. */
static bool entered(struct climber *climber, const struct raw_frame *behind, uint64_t code, struct raw_frame *raw)
{
    struct bytes data = frame_bytes_copied(climber->capture, behind->address, stack_frame_size(climber->layout));
    uint64_t caller = last(climber)->address;
    if (behind->owner != FRAME_OWNER_THREAD || frame_work(climber->layout, data) == FRAME_WAITS)
        return false;
    if (behind->previous == caller ? !behind->entered : !is_shim_of_last(climber, behind->previous))
        return false;
    *raw = *behind;
    raw->code = code_at(climber, code);
    return raw->code != NULL && !comes_or_goes(climber, raw);
}

/* The frame that stands on the last one in the copy of the newest chunk. */
static bool stands_behind(struct climber *climber, struct raw_frame *raw)
{
    uint64_t address = place_behind(climber), code;
    struct raw_frame behind;
    struct bytes data = address != 0 ? frame_bytes_copied(climber->capture, address, stack_frame_size(climber->layout)) : bytes_none();
    if (!decode(climber, data, address, &behind, &code))
        return false;
    behind.chunk = climber->capture->memory.chunk;
    if (climber->work != FRAME_RUNS && !goes_on(climber, last(climber)) && pushed(climber, &behind, code, raw))
        return true;
    return climber->work != FRAME_WAITS && entered(climber, &behind, code, raw);
}

/* Where the value stack of a frame ends, in bytes from the frame; 0: it cannot be told. */
static uint64_t stack_end(const struct climber *climber, const struct captured_frame *frame, struct bytes data)
{
    const struct layout *layout = climber->layout;
    if (LAYOUT(layout, frame, stacktop) != LAYOUT_ABSENT) {
        int32_t height = field_i32(data, LAYOUT(layout, frame, stacktop));
        return height < 0 ? 0 : stack_frame_size(climber->layout) + (uint64_t)height * 8;
    }
    return LAYOUT(layout, frame, stackpointer) != LAYOUT_ABSENT ? field_u64(data, LAYOUT(layout, frame, stackpointer)) - frame->address : 0;
}

/* Whether the last frame may well wait for one that it has called. */
static bool calls(struct climber *climber, const struct captured_frame *frame)
{
    return climber->work == FRAME_WAITS || kind_at(climber, frame->code, frame->offset) == INSTRUCTION_CALLS;
}

/* The frame of the generator that the last one goes on with, which lies in its value stack. */
static bool resumed(struct climber *climber, struct raw_frame *raw)
{
    const struct captured_frame *caller = last(climber);
    const struct layout_rules *rules = climber->layout->rules;
    if (rules->generator_depth == 0 || climber->work == FRAME_RUNS)
        return false;
    struct bytes data = frame_bytes_whole(climber->capture, climber->layout, caller);
    uint64_t end = data.at != NULL ? stack_end(climber, caller, data) : 0, depth = rules->generator_depth * 8u;
    if (end < stack_frame_size(climber->layout) + depth || end > caller->code->frame_bytes || end % 8 != 0)
        return false;
    uint64_t generator = field_u64(data, (int32_t)(end - depth)) & ~rules->reference_tag_mask;
    uint64_t address = generator + (uint64_t)LAYOUT(climber->layout, generator, frame);
    const struct frame_link *link = stack_link(&climber->capture->stack, address); /* what no chain ever led to may be anything */
    if (generator == 0 || generator % 8 != 0 || link == NULL)
        return false;
    struct bytes header = frame_bytes_beside(climber->capture, address, stack_frame_size(climber->layout));
    uint64_t code;
    if (!decode(climber, header, address, raw, &code) || raw->owner != FRAME_OWNER_GENERATOR)
        return false;
    raw->code = code_at(climber, code);
    if (raw->code == NULL)
        return false;
    struct capture_context *context = climber->context;
    bool known = climber->work == FRAME_WAITS || (link->previous == caller->address && link->code == raw->code->code->address) ||
                 call_sites_allow(context->sites, &context->mentions, caller->code, caller->offset, raw->code);
    return raw->previous == caller->address || (raw->previous == 0 && known);
}

/* Whether a generator's frame had yielded, or ended, when its caller was copied, whose instruction tells whether it goes on with one. */
static bool has_left(struct climber *climber, const struct raw_frame *raw)
{
    int64_t offset;
    char reason[192];
    if (calls(climber, last(climber)) || goes_on(climber, last(climber)))
        return false;
    if (raw->owner != FRAME_OWNER_GENERATOR || !frame_instruction(raw, climber->layout->rules, &offset, reason, sizeof reason))
        return false;
    if (raw->previous == 0)
        return true;
    return kind_at(climber, raw->code, offset) == INSTRUCTION_LEAVES;
}

/* A frame up to its local variables; NULL: it lies in an older chunk, and nothing but the chain tells of it. */
static struct bytes header_of(struct climber *climber, const struct captured_frame *frame)
{
    struct capture *capture = climber->capture;
    if (climber->layout->rules->frames == FRAME_OBJECTS)
        return bytes_none();
    uint64_t size = stack_frame_size(climber->layout);
    return frame->generator ? frame_bytes_beside(capture, frame->address, size) : frame_bytes_copied(capture, frame->address, size);
}

/* The frame that comes next. False: the last one is the newest, or nothing tells what stands on it. */
static bool next_frame(struct climber *climber, struct raw_frame *raw)
{
    const struct captured_frame *caller = last(climber);
    const struct raw_frame *chained = next_of_chain(climber);
    struct bytes data = caller != NULL ? header_of(climber, caller) : bytes_none();
    climber->work = frame_work(climber->layout, data);
    if (climber->work == FRAME_WAITS && kind_at(climber, caller->code, caller->offset) == INSTRUCTION_LEAVES)
        climber->work = FRAME_RUNS; /* it keeps that height when it has left, too */
    climber->in_copy = data.at != NULL && stands_behind(climber, raw);
    if (climber->in_copy || (data.at != NULL && goes_on(climber, caller) && resumed(climber, raw))) {
        follow_chain(climber, raw->address);
        return true;
    }
    if (chained == NULL) {
        climber->lost = caller != NULL && data.at == NULL && climber->layout->rules->frames == FRAME_INTERPRETER &&
                        caller->address != climber->capture->stack.head;
        return false;
    }
    if (data.at != NULL && (!is_apart(chained, caller->address) || has_left(climber, chained)))
        return false;
    *raw = *chained;
    climber->spine.left--;
    return true;
}

static struct climb broken(enum spprof_drop reason)
{
    return (struct climb){.end = CLIMB_BROKEN, .reason = reason};
}

/* The frame whose line tells whom the last one calls; NULL: there is none. */
static const struct captured_frame *caller_in_source(const struct climber *climber)
{
    const struct captured_frames *frames = &climber->capture->frames;
    size_t count = frames->count;
    while (count > 0 && code_is_trampoline(frames->items[count - 1].code))
        count--;
    return count > 0 ? &frames->items[count - 1] : NULL;
}

static bool names(struct climber *climber, const struct captured_frame *caller, const struct captured_frame *callee)
{
    return call_sites_know(climber->context->sites, &climber->context->mentions, caller->code, callee->code);
}

/*
 * Whether a pair that was copied in one piece counts as one of those by which it is proven in the end: the caller seems to wait, or one of
 * the methods that Python itself calls has been called by any instruction.
 */
static bool may_witness(struct climber *climber, const struct captured_frame *caller, const struct captured_frame *callee)
{
    const struct spprof_text *name = &callee->code->code->name;
    bool special = name->size > 2 && memcmp(name->bytes, "__", 2) == 0;
    bool together = climber->in_copy && climber->layout->rules->frames == FRAME_INTERPRETER;
    return together && (special || calls(climber, caller)) && !names(climber, caller, callee);
}

/* Whether the last frame is known to call another. */
static bool is_known(struct climber *climber, const struct captured_frame *callee)
{
    struct capture_context *context = climber->context;
    const struct captured_frame *caller = caller_in_source(climber);
    if (caller == NULL || code_is_trampoline(callee->code))
        return true;
    if (call_sites_allow(context->sites, &context->mentions, caller->code, caller->offset, callee->code))
        return true;
    if (!may_witness(climber, caller, callee))
        return false;
    return call_sites_witness(context->sites, caller->code, caller->offset, callee->code);
}

static struct climb unknown(struct climber *climber, const struct captured_frame *callee)
{
    const struct captured_frame *caller = caller_in_source(climber);
    enum climb_end end = CLIMB_SILENT;
    if (names(climber, caller, callee))
        end = calls(climber, caller) ? CLIMB_DOUBT : CLIMB_ELSEWHERE;
    return (struct climb){.end = end, .reason = SPPROF_DROP_CHANGED, .caller = *caller, .doubt = *callee};
}

/* True: the frame was pushed. */
static bool add(struct climber *climber, const struct raw_frame *raw, struct climb *climb)
{
    const struct captured_frame *caller = last(climber);
    struct captured_frame frame;
    *climb = broken(captured_take(raw, climber->layout->rules, &frame));
    if (climb->reason != SPPROF_DROP_REASONS)
        return false;
    frame.apart = frame.apart || (caller != NULL && caller->apart);
    bool entered = caller == NULL || raw->entered || raw->previous != caller->address;
    frame.entered = entered ? frame.address : caller->entered;
    frame.entered_by = !entered ? caller->entered_by : caller != NULL ? caller->address : 0;
    if (!is_known(climber, &frame)) {
        *climb = unknown(climber, &frame);
        return false;
    }
    *climb = broken(SPPROF_DROP_CYCLE);
    if (frame.generator && ++climber->generators > FRAME_LINKS)
        return false;
    *climb = broken(SPPROF_DROP_UNREADABLE);
    if (caller != NULL)
        paths_remember(climber->context->paths, captured_callers(&climber->capture->frames), caller->code, frame.code, caller->offset);
    return captured_push(&climber->capture->frames, &frame);
}

/* Where not even the oldest frame is as it was: it may have run on. */
static void keep_root(struct climber *climber, const struct captured_frame *root)
{
    struct raw_frame raw;
    struct climb climb;
    uint64_t code;
    struct bytes data = frame_header(climber->capture, climber->layout, root);
    if (!decode(climber, data, root->address, &raw, &code) || code != root->code->code->address || raw.previous != root->previous)
        return;
    raw.code = root->code;
    raw.chunk = root->chunk;
    add(climber, &raw, &climb);
}

/* Keeps what stands without the chain, which has broken off. */
static void keep_standing(struct climber *climber)
{
    struct captured_frames *frames = &climber->capture->frames;
    if (frames->count == 0)
        return;
    struct captured_frame root = frames->items[0];
    frames->count = standing_frames(climber->capture, climber->layout);
    if (frames->count == 0 && root.address == climber->capture->root)
        keep_root(climber, &root);
}

/* False: nothing is known to stand. */
static bool begin(struct climber *climber)
{
    struct capture *capture = climber->capture;
    bool chained = standing_chain_is_right(capture);
    if (chained) {
        capture->frames.count = standing_in_chain(&capture->frames, &capture->stack);
        climber->spine = (struct spine){capture->stack.frames, capture->stack.frame_count - capture->frames.count};
    } else if (climber->layout->rules->frames == FRAME_INTERPRETER) {
        keep_standing(climber);
    } else {
        capture->frames.count = 0;
    }
    return chained || capture->frames.count > 0;
}

/* Climbs from the frames that stand, as far as it goes. */
static struct climb ascend(struct climber *climber)
{
    struct climb climb;
    struct raw_frame next;
    for (size_t height = 0; height < STACK_FRAMES_MAX; height++) {
        if (!next_frame(climber, &next))
            return climber->lost ? broken(SPPROF_DROP_CHANGED) : (struct climb){.end = CLIMB_WHOLE};
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
        struct bytes data = frame_bytes_copied(capture, cursor, stack_frame_size(climber->layout));
        uint64_t code, previous;
        if (data.at == NULL)
            return step == 0;
        if (!stack_decode_frame(climber->layout, data, &raw, &code, &previous))
            return false;
        if (raw.owner != FRAME_OWNER_THREAD || raw.entered || frame_bytes_copied(capture, previous, 1).at == NULL)
            return true;
        if (previous >= cursor)
            return false;
        cursor = previous;
    }
    return frame_bytes_copied(capture, cursor, 1).at == NULL;
}

bool climb_in_copy(struct capture *capture, struct capture_context *context)
{
    struct climber climber = {.capture = capture, .context = context, .layout = context->layout};
    if (context->layout->rules->frames != FRAME_INTERPRETER || capture->frames.count == 0)
        return false;
    size_t untouched = standing_untouched(capture);
    if (untouched == 0)
        return false;
    capture->frames.count = untouched;
    struct climb climb = ascend(&climber);
    capture->steady = UINT64_MAX;
    return climb.end == CLIMB_WHOLE && !goes_on(&climber, last(&climber)) && !last(&climber)->generator && !needs_chain(&climber);
}
