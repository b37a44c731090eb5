/*
 * A CFrame of 3.10, a _PyCFrame of 3.11 and 3.12 (Include/cpython/pystate.h): a variable of each C function that runs Python, chained from the
 * newest to the thread state's own.
 */
#ifndef SPPROF_FRAMES_C_FRAME_H
#define SPPROF_FRAMES_C_FRAME_H

#include "object/reader.h"

struct c_frame {
    uint64_t address;
    uint64_t newest; /* frame that it runs; 0 in 3.10, which does not say */
    uint64_t before; /* the C frame before it */
};

enum read_cache_status frames_c_frame_read(struct reader *reader, uint64_t address, struct c_frame *c_frame);

/* Reads the newest one of a thread. */
enum read_cache_status frames_c_frame_current(struct reader *reader, uint64_t thread_state, uint64_t *address);

#endif
