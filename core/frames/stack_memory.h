/*
 * For a stack that is walked again and again: what the walk before has found in the newest chunk of the data stack. Frames whose bytes,
 * and all bytes below them, are as they were need not be walked again.
 */
#ifndef SPPROF_FRAMES_STACK_MEMORY_H
#define SPPROF_FRAMES_STACK_MEMORY_H

#include "frames/data_stack.h"
#include "frames/frame.h"

struct stack_memory {
    uint64_t chunk;
    uint8_t *bytes; /* of the chunk when it was last read; owned */
    size_t size, capacity;
    uint64_t same;            /* so many, from its beginning, are as they were */
    struct raw_frame *frames; /* newest first; owned */
    size_t count, frame_capacity;
    bool fresh;  /* the bytes are of the walk that goes on, or has just ended */
    size_t next; /* the newest of them that may still be met */
};

void frames_stack_memory_free(struct stack_memory *memory); /* its contents */

/* Takes over the frames of a walk, count of which are a whole stack; *frames becomes another array, for the next ones. */
void frames_stack_memory_take(struct stack_memory *memory, struct raw_frame **frames, size_t *capacity, size_t count);

/* Compares the newest chunk, which is at hand, with what it was. */
void frames_stack_memory_compare(struct stack_memory *memory, const struct data_stack *data_stack);

/* The known frames from one at an address on to the oldest; *count is 0 where they must be walked. A frame's header has size bytes. */
const struct raw_frame *frames_stack_memory_find(struct stack_memory *memory, uint64_t cursor, size_t size, size_t *count);

#endif
