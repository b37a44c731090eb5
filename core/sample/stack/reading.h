/*
 * A reading: the bytes of one instant of one thread's stack, as they came from the target. Nothing that looks at one changes it, or reads
 * more of the target. The functions below never give more bytes than were read.
 *
 * The instant is that at which the thread state named its newest frame, in the same call but up to a microsecond before the newest chunk of
 * the data stack was copied.
 */
#ifndef SPPROF_SAMPLE_STACK_READING_H
#define SPPROF_SAMPLE_STACK_READING_H

#include "sample/stack/frames.h"
#include "frames/stack_memory.h"

struct reading {
    const struct layout *layout;
    uint64_t head;                  /* the newest frame, as the thread state names it; 0: none */
    uint64_t head_caller;           /* the frame that called the C code which runs it; 0: none; or STACK_UNTOLD (stack.head_caller) */
    uint64_t chunk;                 /* address of the newest chunk of the data stack; 0: it was not read */
    struct bytes bytes;             /* of that chunk, from its beginning to the end of the page that is used last */
    uint64_t steady;                /* so many of those are as they were when the frames that are known were found */
    bool followed;                  /* the chain of frames, from the newest on, was followed; where it was not, or broke off, there are none: */
    const struct raw_frame *frames; /* newest first */
    size_t frame_count;
    const struct frame_link *links;  /* who had resumed generators, and called frame objects (stack.h); NULL: none are kept */
    const struct read_cache *pieces; /* what else was read: frames that lie elsewhere; NULL: nothing */
};

/* In the copy of the newest chunk; none: not all of it lies there. */
struct bytes sample_reading_in_chunk(const struct reading *reading, uint64_t address, uint64_t size);

/* Whether an address lies in the newest chunk. */
bool sample_reading_is_in_chunk(const struct reading *reading, uint64_t address);

/* Among the pieces. FAILED: it was asked for, and cannot be read. PENDING: it was not asked for. */
enum read_cache_status sample_reading_piece(const struct reading *reading, uint64_t address, uint64_t size, struct bytes *bytes);

/* What is remembered of a generator's frame, or a frame object; NULL: nothing. */
const struct frame_link *sample_reading_link(const struct reading *reading, uint64_t address);

/* What a frame did when it was copied. */
enum frame_work {
    FRAME_UNTOLD,
    FRAME_RUNS,  /* its own code, or C code that it has called */
    FRAME_WAITS, /* for a frame that runs in its place */
};

/*
 * Until 3.13 a frame keeps the height of its value stack only while another one runs in its place, and -1 otherwise (stacktop:
 * _PyFrame_GetStackPointer, Include/internal/pycore_frame.h of 3.12, SET_LOCALS_FROM_FRAME in Python/ceval.c of 3.11). None: untold.
 */
enum frame_work sample_frame_work(const struct layout *layout, struct bytes header);

/* Takes readings of one thread, one after the other. */
struct stack_reader {
    struct reader reader;
    struct stack stack;
    struct stack_memory memory;
    struct frame_link *links; /* owned; NULL: none are kept */
    struct reading reading;   /* the newest */
};

/* Borrows target and layout. */
struct spprof_error *sample_stack_reader_init(struct stack_reader *reader, struct spprof_target *target, const struct layout *layout,
                                              uint64_t thread_state);
void sample_stack_reader_free(struct stack_reader *reader);

/* Code entries are about to be freed: forgets those that it knows. */
void sample_stack_reader_forget(struct stack_reader *reader);

/* Begins a reading: the thread state, the newest chunk, and the pieces that were of use before, in one batch. still: the target stands
 * still. False: it took several batches, which are of several moments. */
bool sample_stack_reader_begin(struct stack_reader *reader, bool still);

/* Follows the chain of frames; codes gets an entry for each code object. False: as above. */
bool sample_stack_reader_follow(struct stack_reader *reader, struct code_table *codes);

/* Reads one more piece. False: it cannot be read. */
bool sample_stack_reader_add(struct stack_reader *reader, uint64_t address, uint64_t size);

/* From here on reading.steady counts from the newest reading. */
void sample_stack_reader_settle(struct stack_reader *reader);

#endif
