/*
 * How many stacks pass a frame. Each frame belongs to one stack, but a list of threads that is damaged, or made by a stranger, may name one
 * deep stack again and again. So that none is read and shown thousands of times, those that come after the first few end where they meet it.
 */
#ifndef SPPROF_FRAMES_CROWD_H
#define SPPROF_FRAMES_CROWD_H

#include "base/hash_table.h"
#include "object/reader.h"

/* Of the frames that are counted, a part of all: by address, so that every stack which passes there counts the same ones. */
struct crowd {
    struct hash_table stacks; /* how many pass a frame, by its address */
};

void frames_crowd_free(struct crowd *crowd); /* its contents */

/* Counts one more stack that passes a frame; true where too many have passed it before. Where memory is refused none is counted. */
bool frames_crowd_pass(struct crowd *crowd, struct reader *reader, uint64_t frame);

#endif
