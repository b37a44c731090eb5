#include "sample/stack/reconstruct.h"

#include "frames/frame_operations.h"
#include "sample/rules.h"
#include "sample/stack/standing.h"
#include "frames/frame_check.h"

/* One look for the frame that comes next. */
struct step {
    const struct reconstruction *made;
    struct inquiry *inquiry;
    const struct layout *layout;
    const struct sampled_frames *frames;
    enum frame_work work; /* of the last frame */
    bool in_chunk;        /* the next one lies in the newest chunk, as it does */
    bool lost;            /* the last one lies in an older chunk, where only a chain would lead on */
    size_t chain_left;    /* of the chain, behind the next one */
};

static const struct sampled_frame *last(const struct step *step)
{
    return step->frames->count > 0 ? &step->frames->items[step->frames->count - 1] : NULL;
}

static const struct raw_frame *next_of_chain(const struct step *step)
{
    return step->made->chain_left > 0 ? &step->inquiry->reading->frames[step->made->chain_left - 1] : NULL;
}

/* Goes on with the chain where it has the same frame; else it is of another moment. */
static size_t left_behind(const struct step *step, uint64_t address)
{
    const struct raw_frame *next = next_of_chain(step);
    return next != NULL && next->address == address ? step->made->chain_left - 1 : 0;
}

/* Takes a frame apart; false: it is none, or has returned. Its code object is that of *code. */
static bool decode(const struct layout *layout, struct bytes data, uint64_t address, struct raw_frame *raw, uint64_t *code)
{
    uint64_t previous;
    *raw = (struct raw_frame){.address = address};
    if (data.at == NULL || !frames_stack_decode_frame(layout, data, raw, code, &previous) || *code == 0)
        return false;
    raw->previous = previous;
    return true;
}

static enum instruction_kind kind_at(const struct step *step, const struct code_entry *code, int64_t offset)
{
    return sample_ask_kind(step->inquiry, code, offset);
}

/* Whether a frame of the chain was not pushed by its caller: C code lies between, or it is a generator's. */
static bool is_apart(const struct raw_frame *raw, uint64_t caller)
{
    return raw->owner != FRAME_OWNER_THREAD || raw->entered || raw->previous != caller;
}

/* Whether the chain says that C code stands above a frame: a trace function is called where the frame comes or goes. */
static bool is_traced(const struct step *step, const struct raw_frame *raw)
{
    if (step->made->chain_left < 2 || !RULE(TRACED))
        return false;
    const struct raw_frame *chained = next_of_chain(step), *above = chained - 1;
    return chained->address == raw->address && is_apart(above, raw->address);
}

/*
 * A frame that is just being made, or has all but returned, is its caller's business: between two instants of the copy it stays so for
 * longer than it does by itself, since its thread must wait for the memory that was read. Where the thread state names it, it is there.
 */
static bool comes_or_goes(const struct step *step, const struct raw_frame *raw)
{
    int64_t offset = 0;
    char reason[192];
    if (raw->address == step->inquiry->reading->head || is_traced(step, raw) || !RULE(COMES_OR_GOES))
        return false;
    if (raw->code == NULL)
        return step->work != FRAME_WAITS;
    if (!frames_frame_instruction(raw, step->layout->rules, &offset, reason, sizeof reason))
        return true;
    if (frames_code_is_trampoline(raw->code))
        return false;
    return offset <= (int64_t)raw->code->first_traceable * CODE_UNIT || kind_at(step, raw->code, offset) == INSTRUCTION_LEAVES;
}

/* Whether a frame's instruction is one that goes on with a generator. */
static bool goes_on(const struct step *step, const struct sampled_frame *frame)
{
    return kind_at(step, frame->code, frame->offset) == INSTRUCTION_RESUMES;
}

/* Where the data stack goes on behind the last frame; 0: it cannot be told. */
static uint64_t place_behind(const struct step *step)
{
    const struct sampled_frames *frames = step->frames;
    size_t count = frames->count;
    while (count > 0 && frames->items[count - 1].generator)
        count--;
    bool known = count > 0 && frames->items[count - 1].code->frame_bytes != 0;
    return known ? frames->items[count - 1].address + frames->items[count - 1].code->frame_bytes : 0;
}

/* The frame that the last one has pushed. */
static bool pushed(const struct step *step, const struct raw_frame *behind, uint64_t code, struct raw_frame *raw)
{
    if (is_apart(behind, last(step)->address))
        return false;
    *raw = *behind;
    raw->code = sample_ask_code(step->inquiry, code);
    return !comes_or_goes(step, raw);
}

/* Whether a frame is one of the interpreter's own on the C stack, behind which the last one stands. */
static bool is_shim_of_last(const struct step *step, uint64_t address)
{
    enum { C_STACK_MAX = 1 << 26 };
    uint64_t oldest = step->frames->items[0].previous, code, previous;
    struct raw_frame shim = {.address = address};
    if (address % 8 != 0 || address >= oldest || oldest - address > C_STACK_MAX)
        return false;
    struct bytes data = sample_ask_piece(step->inquiry, address, frames_stack_frame_size(step->layout));
    bool decoded = data.at != NULL && frames_stack_decode_frame(step->layout, data, &shim, &code, &previous);
    return decoded && shim.owner == FRAME_OWNER_INTERPRETER && previous == last(step)->address;
}

/* The frame that C code has pushed, which the last one has called. It says itself whether it runs. */
static bool entered(const struct step *step, const struct raw_frame *behind, uint64_t code, struct raw_frame *raw)
{
    struct bytes data = sample_reading_in_chunk(step->inquiry->reading, behind->address, frames_stack_frame_size(step->layout));
    uint64_t caller = last(step)->address;
    if (behind->owner != FRAME_OWNER_THREAD || sample_frame_work(step->layout, data) == FRAME_WAITS)
        return false;
    if (behind->previous == caller ? !behind->entered : !is_shim_of_last(step, behind->previous))
        return false;
    *raw = *behind;
    raw->code = sample_ask_code(step->inquiry, code);
    return raw->code != NULL && !comes_or_goes(step, raw);
}

/* The frame that stands on the last one in the copy of the newest chunk. */
static bool stands_behind(const struct step *step, struct raw_frame *raw)
{
    uint64_t address = place_behind(step), code;
    struct raw_frame behind;
    struct bytes data = address != 0 ? sample_reading_in_chunk(step->inquiry->reading, address, frames_stack_frame_size(step->layout)) : bytes_none();
    if (!decode(step->layout, data, address, &behind, &code))
        return false;
    behind.chunk = step->inquiry->reading->chunk;
    if (step->work != FRAME_RUNS && !goes_on(step, last(step)) && pushed(step, &behind, code, raw))
        return true;
    return step->work != FRAME_WAITS && RULE(ENTERED) && entered(step, &behind, code, raw);
}

/* Where the value stack of a frame ends, in bytes from the frame; 0: it cannot be told. */
static uint64_t stack_end(const struct step *step, const struct sampled_frame *frame, struct bytes data)
{
    const struct layout *layout = step->layout;
    if (LAYOUT(layout, frame, stacktop) != LAYOUT_ABSENT) {
        int32_t height = field_i32(data, LAYOUT(layout, frame, stacktop));
        return height < 0 ? 0 : frames_stack_frame_size(step->layout) + (uint64_t)height * 8;
    }
    return LAYOUT(layout, frame, stackpointer) != LAYOUT_ABSENT ? field_u64(data, LAYOUT(layout, frame, stackpointer)) - frame->address : 0;
}

/* Whether the last frame may well wait for one that it has called. */
static bool calls(const struct step *step, const struct sampled_frame *frame)
{
    return step->work == FRAME_WAITS || kind_at(step, frame->code, frame->offset) == INSTRUCTION_CALLS;
}

/* The frame of the generator that the last one goes on with, which lies in its value stack. */
static bool resumed(const struct step *step, struct raw_frame *raw)
{
    const struct sampled_frame *caller = last(step);
    const struct layout_rules *rules = step->layout->rules;
    if (rules->generator_depth == 0 || step->work == FRAME_RUNS || !RULE(RESUMED))
        return false;
    struct bytes data = sample_ask_frame(step->inquiry, caller);
    uint64_t end = data.at != NULL ? stack_end(step, caller, data) : 0, depth = rules->generator_depth * 8u;
    if (end < frames_stack_frame_size(step->layout) + depth || end > caller->code->frame_bytes || end % 8 != 0)
        return false;
    uint64_t generator = field_u64(data, (int32_t)(end - depth)) & ~rules->reference_tag_mask;
    uint64_t address = generator + (uint64_t)LAYOUT(step->layout, generator, frame);
    const struct frame_link *link = sample_reading_link(step->inquiry->reading, address); /* what no chain ever led to may be anything */
    if (generator == 0 || generator % 8 != 0 || link == NULL)
        return false;
    struct bytes header = sample_ask_piece(step->inquiry, address, frames_stack_frame_size(step->layout));
    uint64_t code;
    if (!decode(step->layout, header, address, raw, &code) || raw->owner != FRAME_OWNER_GENERATOR)
        return false;
    raw->code = sample_ask_code(step->inquiry, code);
    if (raw->code == NULL)
        return false;
    bool known = step->work == FRAME_WAITS || (link->previous == caller->address && link->code == raw->code->code->address) ||
                 sample_ask_call(step->inquiry, caller->code, caller->offset, raw->code);
    return raw->previous == caller->address || (raw->previous == 0 && known);
}

/* Whether a generator's frame had yielded, or ended, when its caller was copied, whose instruction tells whether it goes on with one. */
static bool has_left(const struct step *step, const struct raw_frame *raw)
{
    int64_t offset;
    char reason[192];
    if (calls(step, last(step)) || goes_on(step, last(step)) || !RULE(HAS_LEFT))
        return false;
    if (raw->owner != FRAME_OWNER_GENERATOR || !frames_frame_instruction(raw, step->layout->rules, &offset, reason, sizeof reason))
        return false;
    if (raw->previous == 0)
        return true;
    return kind_at(step, raw->code, offset) == INSTRUCTION_LEAVES;
}

/* A frame up to its local variables; NULL: it lies in an older chunk, and nothing but the chain tells of it. */
static struct bytes header_of(const struct step *step, const struct sampled_frame *frame)
{
    if (frames_of(step->layout->rules)->on_heap)
        return bytes_none();
    uint64_t size = frames_stack_frame_size(step->layout);
    return frame->generator ? sample_ask_piece(step->inquiry, frame->address, size)
                            : sample_reading_in_chunk(step->inquiry->reading, frame->address, size);
}

/* The frame that comes next. False: the last one is the newest, or nothing tells what stands on it. */
static bool find_next(struct step *step, struct raw_frame *raw)
{
    const struct sampled_frame *caller = last(step);
    const struct raw_frame *chained = next_of_chain(step);
    struct bytes data = caller != NULL ? header_of(step, caller) : bytes_none();
    step->work = sample_frame_work(step->layout, data);
    if (step->work == FRAME_WAITS && kind_at(step, caller->code, caller->offset) == INSTRUCTION_LEAVES)
        step->work = FRAME_RUNS; /* it keeps that height when it has left, too */
    step->in_chunk = data.at != NULL && stands_behind(step, raw);
    if (step->in_chunk || (data.at != NULL && goes_on(step, caller) && resumed(step, raw))) {
        step->chain_left = left_behind(step, raw->address);
        return true;
    }
    if (chained == NULL) {
        step->lost = caller != NULL && data.at == NULL && !frames_of(step->layout->rules)->on_heap &&
                     caller->address != step->inquiry->reading->head && RULE(LOST);
        return false;
    }
    if (data.at != NULL && (!is_apart(chained, caller->address) || has_left(step, chained)))
        return false;
    *raw = *chained;
    step->chain_left = step->made->chain_left - 1;
    return true;
}

/*
 * Whether a pair that was copied in one piece counts as one of those by which it is proven in the end: the caller seems to wait, or one of
 * the methods that Python itself calls has been called by any instruction.
 */
static bool may_witness(const struct step *step, const struct sampled_frame *caller, const struct sampled_frame *callee)
{
    const struct spprof_text *name = &callee->code->code->name;
    bool special = name->size > 2 && memcmp(name->bytes, "__", 2) == 0;
    bool together = step->in_chunk && !frames_of(step->layout->rules)->on_heap;
    return together && (special || calls(step, caller)) && !sample_ask_name(step->inquiry, caller->code, callee->code);
}

/* Whether a frame is known to call the one that comes next. Neither a root nor a trampoline is called by anybody's line. */
static bool is_known(const struct step *step, const struct sampled_frame *caller, const struct sampled_frame *callee)
{
    return caller == NULL || frames_code_is_trampoline(callee->code) || sample_ask_call(step->inquiry, caller->code, caller->offset, callee->code);
}

static void doubt(struct reconstruction *made, const struct step *step, const struct sampled_frame *caller, const struct sampled_frame *callee)
{
    made->end = STACK_SILENT;
    made->reason = SPPROF_DROP_CHANGED;
    if (sample_ask_name(step->inquiry, caller->code, callee->code))
        made->end = calls(step, caller) ? STACK_DOUBT : STACK_ELSEWHERE;
    made->caller = *caller;
    made->doubt = *callee;
    made->witness = may_witness(step, caller, callee);
}

static void fail(struct reconstruction *made, enum spprof_drop reason)
{
    made->end = STACK_BROKEN;
    made->reason = reason;
}

/* Tells which frame the C code that runs this one was called by. */
static void set_entry(struct sampled_frame *frame, const struct sampled_frame *caller, const struct raw_frame *raw)
{
    frame->apart = frame->apart || (caller != NULL && caller->apart);
    bool entered = caller == NULL || raw->entered || raw->previous != caller->address;
    frame->entered = entered ? frame->address : caller->entered;
    frame->entered_by = !entered ? caller->entered_by : caller != NULL ? caller->address : 0;
}

/* Adds the frame that comes next. False: made->end says why not. */
static bool add(struct reconstruction *made, struct step *step, struct sampled_frames *frames, const struct raw_frame *raw)
{
    const struct sampled_frame *in_source = sample_frames_caller(frames, frames->count);
    struct sampled_frame frame;
    enum spprof_drop reason = sample_frame_take(raw, step->layout->rules, &frame);
    if (reason != SPPROF_DROP_REASONS) {
        fail(made, reason);
        return false;
    }
    set_entry(&frame, last(step), raw);
    if (!is_known(step, in_source, &frame)) {
        doubt(made, step, in_source, &frame);
        return false;
    }
    if (frame.generator && made->generators == FRAME_LINKS) {
        fail(made, SPPROF_DROP_CYCLE);
        return false;
    }
    bool lacks = step->inquiry->lack.what != LACKS_NOTHING;
    if (lacks || !sample_frames_push(frames, &frame)) {
        fail(made, SPPROF_DROP_UNREADABLE);
        return false;
    }
    made->generators += frame.generator;
    made->chain_left = step->chain_left;
    return true;
}

/* Leaves what is known to stand. Frames that were found in this very reading, by its chunk alone, stand too. */
static void begin(struct reconstruction *made, struct step *step, struct sampled_frames *frames)
{
    const struct reading *reading = step->inquiry->reading;
    bool old = frames_of(step->layout->rules)->on_heap;
    size_t untouched = made->by == BY_CHUNK && !old ? sample_standing_untouched(reading, frames) : 0;
    if (made->by == BY_CHUNK) {
        made->kept = untouched > 0 ? untouched : frames->count; /* others may stand, which the chunk does not tell */
        frames->count = made->kept;
        made->begun = untouched > 0;
        return;
    }
    size_t kept = made->by == BY_CHAIN ? sample_standing_in_chain(reading, frames) : 0;
    if (made->by == BY_BYTES && !old && RULE(KEEPS_STANDING))
        kept = sample_standing_frames(step->inquiry, frames);
    if (step->inquiry->lack.what != LACKS_NOTHING)
        return;
    frames->count = made->kept = kept;
    made->chain_left = made->by == BY_CHAIN ? reading->frame_count - kept : 0;
    made->begun = true;
}

/*
 * Whether more frames may stand above the last one than those it has pushed: the thread state names one that C code or a generator has
 * called, by itself or by those that it has called in turn.
 */
static bool needs_chain(const struct step *step)
{
    enum { STEPS = 64 };
    const struct reading *reading = step->inquiry->reading;
    uint64_t newest = last(step)->address, cursor = reading->head;
    for (int i = 0; i < STEPS && cursor > newest; i++) {
        struct raw_frame raw = {.address = cursor};
        struct bytes data = sample_reading_in_chunk(reading, cursor, frames_stack_frame_size(step->layout));
        uint64_t code, previous;
        if (data.at == NULL)
            return i == 0;
        if (!frames_stack_decode_frame(step->layout, data, &raw, &code, &previous))
            return false;
        if (raw.owner != FRAME_OWNER_THREAD || raw.entered || !sample_reading_is_in_chunk(reading, previous))
            return true;
        if (previous >= cursor)
            return false;
        cursor = previous;
    }
    return !sample_reading_is_in_chunk(reading, cursor);
}

/* Nothing comes next. */
static void finish(struct reconstruction *made, const struct step *step)
{
    made->end = STACK_WHOLE;
    if (step->lost || (made->by == BY_CHUNK && (goes_on(step, last(step)) || last(step)->generator || needs_chain(step))))
        fail(made, SPPROF_DROP_CHANGED);
}

/* Goes on from the frames that stand by one. False: that was all. */
static bool add_next(struct reconstruction *made, struct inquiry *inquiry, struct sampled_frames *frames)
{
    struct step step = {.made = made, .inquiry = inquiry, .layout = inquiry->layout, .frames = frames};
    struct raw_frame next;
    bool found = find_next(&step, &next);
    bool more = found && add(made, &step, frames, &next);
    if (!found)
        finish(made, &step);
    if (more && frames->count >= STACK_FRAMES_MAX)
        fail(made, SPPROF_DROP_CYCLE);
    return more && frames->count < STACK_FRAMES_MAX;
}

void sample_reconstruct(struct reconstruction *made, struct inquiry *inquiry, struct sampled_frames *frames)
{
    struct step step = {.made = made, .inquiry = inquiry, .layout = inquiry->layout, .frames = frames};
    made->end = STACK_NOTHING;
    if (!made->begun)
        begin(made, &step, frames);
    if (made->begun && (made->by == BY_CHAIN || frames->count > 0))
        while (add_next(made, inquiry, frames))
            continue;
    if (inquiry->lack.what != LACKS_NOTHING)
        made->end = STACK_LACKS;
}
