/* The bytes of a captured stack's frames, where its newest reading has put them. For frames of 3.11 and later. */
#ifndef SPPROF_SAMPLE_FRAME_BYTES_H
#define SPPROF_SAMPLE_FRAME_BYTES_H

#include "sample/capture.h"

/* In the copy of the newest chunk of the data stack; NULL: not all of it lies there. */
struct bytes frame_bytes_copied(const struct capture *capture, uint64_t address, uint64_t size);

/* Beside it, read now if that was not read with the stack; NULL: it cannot be. Valid until the next such call, or reading. */
struct bytes frame_bytes_beside(struct capture *capture, uint64_t address, uint64_t size);

/* All of a frame, its value stack included, in the copy or, as a generator's is, beside it. NULL: it cannot be. */
struct bytes frame_bytes_whole(struct capture *capture, const struct layout *layout, const struct captured_frame *frame);

/* A frame up to its local variables, wherever it lies; a piece of an older chunk is read as a whole. NULL: it cannot be read. */
struct bytes frame_header(struct capture *capture, const struct layout *layout, const struct captured_frame *frame);

/* What a frame did when it was copied. */
enum frame_work {
    FRAME_UNTOLD,
    FRAME_RUNS,  /* its own code, or C code that it has called */
    FRAME_WAITS, /* for a frame that runs in its place */
};

/*
 * Until 3.13 a frame keeps the height of its value stack only while another one runs in its place, and -1 otherwise (stacktop:
 * _PyFrame_GetStackPointer, Include/internal/pycore_frame.h of 3.12, SET_LOCALS_FROM_FRAME in Python/ceval.c of 3.11). NULL: untold.
 */
enum frame_work frame_work(const struct layout *layout, struct bytes header);

#endif
