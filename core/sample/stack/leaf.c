#include "sample/stack/leaf.h"

#include "frames/frame_operations.h"
#include "sample/rules.h"
#include "frames/frame_check.h"

enum {
    STANDING_MAX = 512,
    RETURNED_MAX = 32,
    RESUMERS_MAX = 4,   /* frames that may go on with a generator which does not say which one does */
    GENERATORS_MAX = 8, /* that are looked at on one frame */
    FRAME_BYTES_MAX = 1 << 12,
};

/* The frames that stood on those that were found, the newest first. */
struct returned {
    struct sampled_frame frames[RETURNED_MAX];
    size_t count;
};

/* One search. */
struct search {
    struct inquiry *inquiry;
    const struct sampled_frames *frames;
    const struct instant *instant;
};

/* How many of the frames there are up to the one at an address; 0: it is none of them, or older than so short a time allows. */
static size_t standing_up_to(const struct sampled_frames *frames, uint64_t address)
{
    for (size_t above = 0; above < frames->count && above < STANDING_MAX; above++)
        if (frames->items[frames->count - 1 - above].address == address)
            return frames->count - above;
    return 0;
}

static uint64_t path_below(const struct search *search, size_t standing)
{
    return standing > 1 ? sample_frames_path(search->frames, standing - 1) : 0;
}

/* A frame that may have returned, or yielded, from what it has left behind. False: that is nothing. */
static bool left_behind(const struct search *search, uint64_t address, struct sampled_frame *frame)
{
    struct inquiry *inquiry = search->inquiry;
    const struct layout *layout = inquiry->layout;
    const struct frame_link *link = sample_reading_link(inquiry->reading, address);
    uint64_t size = frames_stack_frame_size(layout), code;
    struct raw_frame raw = {.address = address};
    if (address % 8 != 0)
        return false;
    struct bytes data = sample_reading_in_chunk(inquiry->reading, address, size);
    if (data.at == NULL && (link != NULL || address == search->instant->head))
        data = sample_ask_piece(inquiry, address, size);
    if (data.at == NULL || !frames_stack_decode_frame(layout, data, &raw, &code, &raw.previous) || raw.owner == FRAME_OWNER_INTERPRETER)
        return false;
    if (raw.previous == 0 && link != NULL && link->code == code)
        raw.previous = link->previous;
    raw.code = code != 0              ? sample_ask_code(inquiry, code)
               : RULE(BY_INSTRUCTION) ? frames_code_table_by_instruction(inquiry->codes, raw.instruction)
                                      : NULL;
    return sample_frame_take(&raw, layout->rules, frame) == SPPROF_DROP_REASONS;
}

/* Whether a generator's frame lies there, with which a frame is known to go on. */
static bool goes_on_with(const struct search *search, uint64_t path, const struct sampled_frame *frame, uint64_t address,
                         struct sampled_frame *generator)
{
    int64_t offset;
    return left_behind(search, address, generator) && generator->generator &&
           sample_contexts_find(search->inquiry->contexts, path, frame->code, generator->code, &offset);
}

/* Looks on a frame for the generator that the thread state named; *next: else one that the frame is known to go on with. */
static bool holds_newest(const struct search *search, uint64_t path, const struct sampled_frame *frame, struct sampled_frame *next)
{
    const struct layout *layout = search->inquiry->layout;
    uint64_t size = frame->code->frame_bytes;
    struct bytes data = size <= FRAME_BYTES_MAX ? sample_ask_frame(search->inquiry, frame) : bytes_none();
    next->address = 0;
    if (data.at == NULL)
        return false;
    int looked_at = 0;
    for (uint64_t at = frames_stack_frame_size(layout); at + 8 <= size; at += 8) {
        uint64_t object = field_u64(data, (int64_t)at) & ~layout->rules->reference_tag_mask;
        uint64_t address = object + (uint64_t)LAYOUT(layout, generator, frame);
        if (address == search->instant->head)
            return true;
        bool may_be_next = next->address == 0 && looked_at < GENERATORS_MAX && sample_reading_link(search->inquiry->reading, address) != NULL;
        looked_at += may_be_next;
        if (may_be_next && !goes_on_with(search, path, frame, address, next))
            next->address = 0;
    }
    return false;
}

/* Adds the generators between a frame that stands and the newest one, each of which went on with the next. False: there is no such way. */
static bool add_resumers(const struct search *search, size_t standing, struct returned *returned)
{
    struct sampled_frame way[RETURNED_MAX], frame = search->frames->items[standing - 1];
    uint64_t path = path_below(search, standing);
    size_t length = 0;
    while (!holds_newest(search, path, &frame, &way[length])) {
        if (way[length].address == 0 || returned->count + length + 2 > RETURNED_MAX)
            return false;
        int64_t offset;
        if (!sample_contexts_find(search->inquiry->contexts, path, frame.code, way[length].code, &offset))
            return false;
        path = sample_path_of(path, frame.code, offset);
        frame = way[length++];
    }
    while (length > 0)
        returned->frames[returned->count++] = way[--length];
    return true;
}

/* How many of the climbed frames stand below a frame that does not tell its caller; 0: none is known to. */
static size_t standing_below(const struct search *search, struct returned *returned)
{
    const struct sampled_frame *oldest = &returned->frames[returned->count - 1];
    size_t count = search->frames->count;
    if (count == 0)
        return 0;
    const struct sampled_frame *top = &search->frames->items[count - 1];
    if (!oldest->generator)
        return !top->generator && top->code->frame_bytes != 0 && top->address + top->code->frame_bytes == oldest->address ? count : 0;
    for (size_t i = 0; returned->count == 1 && RULE(RESUMERS) && i < RESUMERS_MAX && i < count; i++)
        if (add_resumers(search, count - i, returned))
            return count - i;
    return 0;
}

/* The frames from the one that the thread state named to the newest that stands, which this counts; 0: it is not known. */
static size_t gather(const struct search *search, struct returned *returned)
{
    uint64_t cursor = search->instant->head;
    size_t standing;
    while ((standing = standing_up_to(search->frames, cursor)) == 0) {
        if (returned->count == RETURNED_MAX)
            return 0;
        if (!left_behind(search, cursor, &returned->frames[returned->count]))
            return returned->count > 0 ? standing_below(search, returned) : 0;
        cursor = returned->frames[returned->count++].previous;
    }
    return standing;
}

/* Whether another frame may have left its bytes in a frame's place since. A generator and a frame object are what they are. */
static bool may_be_another(const struct inquiry *inquiry, uint64_t path, const struct code_entry *caller, const struct sampled_frame *callee)
{
    bool in_place = !frames_of(inquiry->layout->rules)->on_heap && !callee->generator && RULE(SAME_PLACE);
    return in_place && !sample_contexts_only(inquiry->contexts, path, caller, callee->code);
}

/* Whether a caller, on top of its own, is known to have called a callee; *offset gets from where. */
static bool have_stood(const struct inquiry *inquiry, uint64_t path, const struct code_entry *caller, const struct sampled_frame *callee,
                       int64_t *offset)
{
    if (may_be_another(inquiry, path, caller, callee))
        return false;
    return sample_contexts_find(inquiry->contexts, path, caller, callee->code, offset) || !RULE(PATHS);
}

/* Puts the newest frame that stands, and those that stood on it, where they are known to have called one another. */
static bool put_back(const struct search *search, size_t standing, struct returned *returned, struct sampled_frames *newest)
{
    struct sampled_frame base = search->frames->items[standing - 1], *caller = &base;
    uint64_t path = path_below(search, standing);
    for (size_t i = returned->count; i-- > 0;) {
        struct sampled_frame *callee = &returned->frames[i];
        if (!have_stood(search->inquiry, path, caller->code, callee, &caller->offset))
            return false;
        path = sample_path_of(path, caller->code, caller->offset);
        caller->incomplete = frames_code_is_trampoline(caller->code); /* another frame that is just being made may have taken its place */
        caller = callee;
    }
    bool pushed = sample_frames_push(newest, &base);
    for (size_t i = returned->count; pushed && i-- > 0;)
        pushed = sample_frames_push(newest, &returned->frames[i]);
    if (!pushed)
        newest->count = 0;
    return pushed;
}

/* Whether a frame is run by the C code that a frame has called: several functions may take turns in its place on the data stack. */
static bool is_run_for(const struct sampled_frame *frame, uint64_t c_caller)
{
    return c_caller == STACK_UNTOLD || frame->apart || frame->entered_by == c_caller || !RULE(C_CALLER);
}

/* Whether the frame that stands at a height is the one that was the newest. */
static bool is_same(const struct search *search, size_t standing)
{
    const struct sampled_frame *frame = &search->frames->items[standing - 1];
    if (!is_run_for(frame, search->instant->head_caller))
        return false;
    if (standing == search->frames->count || standing < 2)
        return !frame->incomplete; /* a trampoline stands longer than it is the newest */
    return !may_be_another(search->inquiry, path_below(search, standing - 1), frame[-1].code, frame);
}

/* From what the frames have left behind. How many frames stand below newest; 0: it is not known. */
static size_t restore(const struct search *search, struct returned *returned, struct sampled_frames *newest)
{
    size_t standing = gather(search, returned);
    if (standing == 0)
        return 0;
    if (returned->count == 0)
        return is_same(search, standing) ? standing : 0;
    return put_back(search, standing, returned, newest) ? standing - 1 : 0;
}

/* What was the newest is known, if nothing else of it. */
static struct leaf look_up(const struct search *search, const struct returned *returned, const struct leaf_slots *leaf_slots,
                           struct sampled_frames *newest)
{
    const struct instant *instant = search->instant;
    bool in_place = sample_reading_is_in_chunk(search->inquiry->reading, instant->head);
    struct leaf leaf = {.end = LEAF_MISSED, .missed = {.place = in_place ? instant->head : 0, .c_caller = instant->head_caller}};
    if (returned->count > 0)
        leaf.missed.code = returned->frames[0].code;
    if (in_place && RULE(LEAF_SLOTS) &&
        sample_leaf_slots_find(leaf_slots, leaf.missed.place, leaf.missed.c_caller, search->frames, newest, &leaf.standing))
        leaf.end = LEAF_FOUND;
    if (!in_place && leaf.missed.code == NULL)
        leaf.end = LEAF_UNTOLD;
    return leaf;
}

struct leaf sample_leaf_find(struct inquiry *inquiry, const struct sampled_frames *frames, const struct instant *instant,
                             const struct leaf_slots *leaf_slots, struct sampled_frames *newest)
{
    struct returned returned;
    const struct search search = {inquiry, frames, instant};
    newest->count = returned.count = 0;
    if (instant->head == 0 || !RULE(LEAF))
        return (struct leaf){.end = LEAF_UNTOLD};
    size_t standing = restore(&search, &returned, newest);
    bool found = standing > 0 || newest->count > 0;
    struct leaf leaf = found ? (struct leaf){.end = LEAF_FOUND, .standing = standing} : look_up(&search, &returned, leaf_slots, newest);
    if (inquiry->lack.what != LACKS_NOTHING)
        leaf.end = LEAF_LACKS;
    return leaf;
}

bool sample_leaf_is(const struct missed *missed, const struct sampled_frames *frames)
{
    const struct sampled_frame *top = frames->count > 0 ? &frames->items[frames->count - 1] : NULL;
    return top != NULL && missed->place != 0 && top->address == missed->place && !top->incomplete && is_run_for(top, missed->c_caller);
}
