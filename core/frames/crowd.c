#include "frames/crowd.h"

enum {
    ONE_OF = 32,    /* so few frames are counted: deep stacks meet one of them soon, and it costs little */
    STACKS_MAX = 8, /* one damaged word may send a stack into another; no damage sends so many to one place */
};

void frames_crowd_free(struct crowd *crowd)
{
    base_hash_table_free(&crowd->stacks);
}

/* By its address alone: the same frames are counted in every run. */
static bool is_counted(uint64_t frame)
{
    return ((frame * UINT64_C(0x9e3779b97f4a7c15)) >> 20) % ONE_OF == 0;
}

static bool make_room(struct crowd *crowd, struct reader *reader)
{
    if (!object_reader_take(reader, base_hash_table_growth(&crowd->stacks)))
        return false;
    bool made = base_hash_table_reserve(&crowd->stacks);
    if (!made)
        object_reader_no_memory(reader);
    return made;
}

bool frames_crowd_pass(struct crowd *crowd, struct reader *reader, uint64_t frame)
{
    if (!is_counted(frame))
        return false;
    size_t cursor = 0;
    struct hash_entry *stacks = base_hash_table_next(&crowd->stacks, frame, &cursor);
    if (stacks == NULL && !make_room(crowd, reader))
        return false;
    if (stacks == NULL) {
        stacks = base_hash_table_add(&crowd->stacks, frame);
        stacks->number = 0;
    }
    if (stacks->number == STACKS_MAX)
        return true;
    stacks->number++;
    return false;
}
