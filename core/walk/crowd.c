#include "walk/crowd.h"

#include <stdlib.h>

enum {
    ONE_OF = 32,    /* so few frames are counted: deep stacks meet one of them soon, and it costs little */
    STACKS_MAX = 8, /* one damaged word may send a stack into another; no damage sends so many to one place */
    FIRST_PLACES = 256,
};

void crowd_free(struct crowd *crowd)
{
    free(crowd->places);
    *crowd = (struct crowd){NULL, 0, 0};
}

static uint64_t hash_of(uint64_t frame)
{
    return (frame * UINT64_C(0x9e3779b97f4a7c15)) >> 20;
}

static struct crowd_place *place_of(const struct crowd *crowd, uint64_t frame)
{
    size_t at = (size_t)(hash_of(frame) / ONE_OF) & (crowd->capacity - 1);
    while (crowd->places[at].stacks != 0 && crowd->places[at].frame != frame)
        at = (at + 1) & (crowd->capacity - 1);
    return &crowd->places[at];
}

static bool make_room(struct crowd *crowd, struct reader *reader)
{
    struct crowd larger = {.count = crowd->count, .capacity = crowd->capacity == 0 ? FIRST_PLACES : crowd->capacity * 2};
    if (crowd->count * 2 < crowd->capacity)
        return true;
    larger.places = reader_allocate(reader, larger.capacity, sizeof *larger.places);
    if (larger.places == NULL)
        return false;
    for (size_t i = 0; i < crowd->capacity; i++)
        if (crowd->places[i].stacks != 0)
            *place_of(&larger, crowd->places[i].frame) = crowd->places[i];
    free(crowd->places);
    *crowd = larger;
    return true;
}

bool crowd_pass(struct crowd *crowd, struct reader *reader, uint64_t frame)
{
    if (hash_of(frame) % ONE_OF != 0 || !make_room(crowd, reader))
        return false;
    struct crowd_place *place = place_of(crowd, frame);
    crowd->count += place->stacks == 0;
    place->frame = frame;
    if (place->stacks == STACKS_MAX)
        return true;
    place->stacks++;
    return false;
}
