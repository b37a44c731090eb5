/*
 * The data stack of a thread, on which the frames of 3.11 and later lie: _PyStackChunk, Include/cpython/pystate.h, pycore_structs.h from 3.14 on.
 * Of the chunks that it is made of, one is held at a time: that in which the walk is.
 */
#ifndef SPPROF_FRAMES_DATA_STACK_H
#define SPPROF_FRAMES_DATA_STACK_H

#include "object/reader.h"

struct data_stack {
    uint64_t top, limit;         /* what lies between was popped */
    bool reads_ahead;            /* chunks are read to the end of their page: what is pushed meanwhile, and the next reading, find room there */
    uint64_t chunk, used, older; /* the piece is [chunk, chunk + used); chunk 0: none that makes sense, frames are read one by one */
    const uint8_t *data;         /* of the piece, in the copy, for the time of one step; NULL: not looked up yet */
    uint64_t lowest;             /* frame of the chunk that was met: they are pushed upwards, each older one lies lower */
};

/* Enters the newest chunk. */
void frames_data_stack_begin(struct data_stack *data_stack, uint64_t chunk, uint64_t top, uint64_t limit);

/* Has the piece at hand, where that is possible at all; where not, frames are read one by one. READY or PENDING. */
enum read_cache_status frames_data_stack_load(struct data_stack *data_stack, struct reader *reader);

/* Whether size bytes at an address lie in the piece. */
bool frames_data_stack_holds(const struct data_stack *data_stack, uint64_t address, size_t size);

bool frames_data_stack_has_popped(const struct data_stack *data_stack, uint64_t frame);

/* size bytes of a frame, for which an older chunk may be entered. FAILED where it lies above the frame that it called. */
enum read_cache_status frames_data_stack_frame(struct data_stack *data_stack, struct reader *reader, uint64_t frame, size_t size, struct bytes *data);

/* A frame has been walked: what comes next must lie lower. */
void frames_data_stack_pass(struct data_stack *data_stack, uint64_t frame);

#endif
