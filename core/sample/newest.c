#include "sample/newest.h"

#include "sample/frame_bytes.h"
#include "walk/frame_check.h"

enum {
    STANDING_MAX = 512,
    RETURNED_MAX = 32,
    RESUMERS_MAX = 4, /* frames that may go on with a generator which does not say which one does */
    GENERATORS_MAX = 8, /* that are looked at on one frame */
    FRAME_BYTES_MAX = 1 << 12,
};

/* The frames that stood on the climbed ones, the newest first. */
struct returned {
    struct captured_frame frames[RETURNED_MAX];
    size_t count;
};

/* How many of the climbed frames there are up to the one at an address; 0: it is none of them, or older than so short a time allows. */
static size_t standing_up_to(const struct capture *capture, uint64_t address)
{
    const struct captured_frames *frames = &capture->frames;
    for (size_t above = 0; above < frames->count && above < STANDING_MAX; above++)
        if (frames->items[frames->count - 1 - above].address == address)
            return frames->count - above;
    return 0;
}

static uint64_t path_below(const struct capture *capture, size_t standing)
{
    return standing > 1 ? capture->frames.items[standing - 2].path : 0;
}

/* A frame that may have returned, or yielded, from what it has left behind. False: that is nothing. */
static bool left_behind(struct capture *capture, struct capture_context *context, uint64_t address, struct captured_frame *frame)
{
    const struct layout *layout = context->layout;
    const struct frame_link *link = stack_link(&capture->stack, address);
    uint64_t size = stack_frame_size(layout), code;
    struct raw_frame raw = {.address = address};
    if (address % 8 != 0)
        return false;
    struct bytes data = frame_bytes_copied(capture, address, size);
    if (data.at == NULL && (link != NULL || address == capture->instant))
        data = frame_bytes_beside(capture, address, size);
    if (data.at == NULL || !stack_decode_frame(layout, data, &raw, &code, &raw.previous) || raw.owner == FRAME_OWNER_INTERPRETER)
        return false;
    if (raw.previous == 0 && link != NULL && link->code == code)
        raw.previous = link->previous;
    raw.code = code == 0 ? code_table_by_instruction(context->codes, raw.instruction) : code % 8 == 0 ? capture_code(context, code) : NULL;
    return captured_take(&raw, layout->rules, frame) == SPPROF_DROP_REASONS;
}

/* Whether a generator's frame lies there, with which a frame is known to go on. */
static bool goes_on_with(struct capture *capture, struct capture_context *context, uint64_t path, const struct captured_frame *frame,
                         uint64_t address, struct captured_frame *generator)
{
    int64_t offset;
    return left_behind(capture, context, address, generator) && generator->generator &&
           paths_find(context->paths, path, frame->code, generator->code, &offset);
}

/* Looks on a frame for the generator that the thread state named; *next: else one that the frame is known to go on with. */
static bool holds_newest(struct capture *capture, struct capture_context *context, uint64_t path, const struct captured_frame *frame,
                         struct captured_frame *next)
{
    const struct layout *layout = context->layout;
    uint8_t words[FRAME_BYTES_MAX];
    uint64_t size = frame->code->frame_bytes;
    struct bytes data = size <= sizeof words ? frame_bytes_whole(capture, layout, frame) : bytes_none();
    next->address = 0;
    if (data.at == NULL)
        return false;
    memcpy(words, data.at, size); /* the next that is read beside may move it */
    int looked_at = 0;
    for (uint64_t at = stack_frame_size(layout); at + 8 <= size; at += 8) {
        uint64_t object = field_u64((struct bytes){words, size}, (int64_t)at) & ~layout->rules->reference_tag_mask;
        uint64_t address = object + (uint64_t)LAYOUT(layout, generator, frame);
        if (address == capture->instant)
            return true;
        bool may_be_next = next->address == 0 && looked_at < GENERATORS_MAX && stack_link(&capture->stack, address) != NULL;
        looked_at += may_be_next;
        if (may_be_next && !goes_on_with(capture, context, path, frame, address, next))
            next->address = 0;
    }
    return false;
}

/* Adds the generators between a frame that stands and the newest one, each of which went on with the next. False: there is no such way. */
static bool add_resumers(struct capture *capture, struct capture_context *context, size_t standing, struct returned *returned)
{
    struct captured_frame way[RETURNED_MAX], frame = capture->frames.items[standing - 1];
    uint64_t path = path_below(capture, standing);
    size_t length = 0;
    while (!holds_newest(capture, context, path, &frame, &way[length])) {
        if (way[length].address == 0 || returned->count + length + 2 > RETURNED_MAX)
            return false;
        int64_t offset;
        if (!paths_find(context->paths, path, frame.code, way[length].code, &offset))
            return false;
        path = path_of(path, frame.code, offset);
        frame = way[length++];
    }
    while (length > 0)
        returned->frames[returned->count++] = way[--length];
    return true;
}

/* How many of the climbed frames stand below a frame that does not tell its caller; 0: none is known to. */
static size_t standing_below(struct capture *capture, struct capture_context *context, struct returned *returned)
{
    const struct captured_frame *oldest = &returned->frames[returned->count - 1];
    size_t count = capture->frames.count;
    if (count == 0)
        return 0;
    const struct captured_frame *top = &capture->frames.items[count - 1];
    if (!oldest->generator)
        return !top->generator && top->code->frame_bytes != 0 && top->address + top->code->frame_bytes == oldest->address ? count : 0;
    for (size_t i = 0; returned->count == 1 && i < RESUMERS_MAX && i < count; i++)
        if (add_resumers(capture, context, count - i, returned))
            return count - i;
    return 0;
}

/* The frames from the one that the thread state named to the newest that stands, which this counts; 0: it is not known. */
static size_t gather(struct capture *capture, struct capture_context *context, struct returned *returned)
{
    uint64_t cursor = capture->instant;
    size_t standing;
    while ((standing = standing_up_to(capture, cursor)) == 0) {
        if (returned->count == RETURNED_MAX)
            return 0;
        if (!left_behind(capture, context, cursor, &returned->frames[returned->count]))
            return returned->count > 0 ? standing_below(capture, context, returned) : 0;
        cursor = returned->frames[returned->count++].previous;
    }
    return standing;
}

/* Whether another frame may have left its bytes in a frame's place since. A generator and a frame object are what they are. */
static bool may_be_another(const struct capture_context *context, uint64_t path, const struct code_entry *caller,
                           const struct captured_frame *callee)
{
    bool in_place = context->layout->rules->frames == FRAME_INTERPRETER && !callee->generator;
    return in_place && !paths_only(context->paths, path, caller, callee->code);
}

/* Puts the newest frame that stands, and those that stood on it, where they are known to have called one another. */
static bool put_back(struct capture *capture, const struct capture_context *context, size_t standing, struct returned *returned)
{
    struct captured_frame base = capture->frames.items[standing - 1], *caller = &base;
    uint64_t path = path_below(capture, standing);
    for (size_t i = returned->count; i-- > 0;) {
        struct captured_frame *callee = &returned->frames[i];
        if (may_be_another(context, path, caller->code, callee) ||
            !paths_find(context->paths, path, caller->code, callee->code, &caller->offset))
            return false;
        path = path_of(path, caller->code, caller->offset);
        caller->incomplete = code_is_trampoline(caller->code); /* another frame that is just being made may have taken its place */
        caller = callee;
    }
    bool pushed = captured_push(&capture->newest, &base);
    for (size_t i = returned->count; pushed && i-- > 0;)
        pushed = captured_push(&capture->newest, &returned->frames[i]);
    if (!pushed)
        capture->newest.count = 0;
    return pushed;
}

/* Whether a frame is run by the C code that a frame has called: several functions may take turns in its place on the data stack. */
static bool is_run_for(const struct captured_frame *frame, uint64_t c_caller)
{
    return c_caller == STACK_UNTOLD || frame->apart || frame->entered_by == c_caller;
}

/* Whether the frame that stands at a height is the one that was the newest. */
static bool is_same(const struct capture *capture, const struct capture_context *context, size_t standing)
{
    const struct captured_frames *frames = &capture->frames;
    const struct captured_frame *frame = &frames->items[standing - 1];
    if (!is_run_for(frame, capture->instant_caller))
        return false;
    if (standing == frames->count || standing < 2)
        return !frame->incomplete; /* a trampoline stands longer than it is the newest */
    return !may_be_another(context, path_below(capture, standing - 1), frame[-1].code, frame);
}

static bool restore(struct capture *capture, struct capture_context *context, struct returned *returned)
{
    size_t standing = gather(capture, context, returned);
    if (standing == 0)
        return false;
    if (returned->count > 0 ? !put_back(capture, context, standing, returned) : !is_same(capture, context, standing))
        return false;
    capture->standing = returned->count > 0 ? standing - 1 : standing;
    return true;
}

bool newest_restore(struct capture *capture, struct capture_context *context, struct newest *missed)
{
    struct returned returned;
    returned.count = 0;
    places_remember(capture->places, capture->instant_caller != STACK_UNTOLD, &capture->frames);
    if (capture->instant == 0 || restore(capture, context, &returned))
        return true;
    bool in_place = frame_bytes_copied(capture, capture->instant, 1).at != NULL;
    *missed = (struct newest){.place = in_place ? capture->instant : 0, .c_caller = capture->instant_caller};
    if (returned.count > 0)
        missed->code = returned.frames[0].code;
    if (in_place)
        return places_find(capture->places, missed->place, missed->c_caller, &capture->frames, &capture->newest, &capture->standing);
    return missed->code == NULL;
}

bool newest_meet(struct capture *capture, const struct newest *missed)
{
    size_t depth = capture_depth(capture), climbed = capture->frames.count;
    if (missed->place == 0)
        return depth > 0 && capture_frame(capture, depth - 1)->code == missed->code;
    const struct captured_frame *top = climbed > 0 ? &capture->frames.items[climbed - 1] : NULL;
    if (top == NULL || top->address != missed->place || top->incomplete || !is_run_for(top, missed->c_caller))
        return false;
    capture->standing = climbed;
    capture->newest.count = 0;
    return true;
}
