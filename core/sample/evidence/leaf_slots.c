#include "sample/evidence/leaf_slots.h"

#include <stdlib.h>
#include <string.h>

#include "frames/frame_check.h"

enum {
    PLACE_BITS = 8,
    NEWEST_MAX = 3, /* a caller, the trampoline of an __init__, and that */
    FRESH = 128,    /* fewer stacks were remembered since */
};

struct leaf_slots {
    uint64_t remembered;
    struct place {
        uint64_t address;  /* 0: free */
        uint64_t c_caller; /* of the C code that ran the newest; or STACK_UNTOLD */
        uint64_t when;     /* remembered */
        uint64_t callers;  /* path of the frames below the caller */
        size_t standing;   /* how many those are */
        size_t count;
        struct sampled_frame newest[NEWEST_MAX];
    } leaf_slots[1 << PLACE_BITS];
};

struct leaf_slots *sample_leaf_slots_new(void)
{
    return calloc(1, sizeof(struct leaf_slots));
}

void sample_leaf_slots_free(struct leaf_slots *leaf_slots)
{
    free(leaf_slots);
}

void sample_leaf_slots_clear(struct leaf_slots *leaf_slots)
{
    if (leaf_slots != NULL)
        memset(leaf_slots, 0, sizeof *leaf_slots);
}

static size_t slot_of(uint64_t address, uint64_t c_caller)
{
    return (size_t)((address + c_caller * 31) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PLACE_BITS));
}

static uint64_t path_up_to(const struct sampled_frames *frames, size_t count)
{
    return count > 0 ? frames->items[count - 1].path : 0;
}

void sample_leaf_slots_remember(struct leaf_slots *leaf_slots, bool told, const struct sampled_frames *frames)
{
    size_t count = frames->count;
    if (leaf_slots == NULL || count < 2)
        return;
    const struct sampled_frame *top = &frames->items[count - 1];
    if (top->incomplete || top->generator)
        return;
    size_t caller = count - 2;
    while (caller > 0 && frames_code_is_trampoline(frames->items[caller].code))
        caller--;
    if (count - caller > NEWEST_MAX)
        return;
    uint64_t c_caller = told ? top->entered_by : STACK_UNTOLD;
    struct place *place = &leaf_slots->leaf_slots[slot_of(top->address, c_caller)];
    *place = (struct place){.address = top->address, .c_caller = c_caller, .when = ++leaf_slots->remembered, .standing = caller};
    place->count = count - caller;
    place->callers = path_up_to(frames, caller);
    memcpy(place->newest, frames->items + caller, place->count * sizeof *place->newest);
}

static bool is_retired(const struct place *place)
{
    for (size_t i = 0; i < place->count; i++)
        if (place->newest[i].code->retired)
            return true;
    return false;
}

static bool stands(const struct place *place, const struct sampled_frames *frames)
{
    if (frames->count <= place->standing || path_up_to(frames, place->standing) != place->callers)
        return false;
    const struct sampled_frame *caller = &frames->items[place->standing];
    return caller->address == place->newest[0].address && caller->code == place->newest[0].code;
}

static bool is_fresh(const struct leaf_slots *leaf_slots, const struct place *place)
{
    return leaf_slots->remembered - place->when < FRESH;
}

bool sample_leaf_slots_find(const struct leaf_slots *leaf_slots, uint64_t address, uint64_t c_caller, const struct sampled_frames *frames,
                            struct sampled_frames *newest, size_t *standing)
{
    const struct place *place = leaf_slots != NULL ? &leaf_slots->leaf_slots[slot_of(address, c_caller)] : NULL;
    bool found = place != NULL && place->address == address && place->c_caller == c_caller;
    if (!found || !is_fresh(leaf_slots, place) || is_retired(place) || !stands(place, frames))
        return false;
    bool pushed = true;
    newest->count = 0;
    for (size_t i = 0; pushed && i < place->count; i++)
        pushed = sample_frames_push(newest, &place->newest[i]);
    if (!pushed)
        newest->count = 0;
    *standing = place->standing;
    return pushed;
}
