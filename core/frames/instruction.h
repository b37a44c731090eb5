/* The instruction that a frame is at: Include/opcode.h, and the inline caches of 3.11 and later. */
#ifndef SPPROF_FRAMES_INSTRUCTION_H
#define SPPROF_FRAMES_INSTRUCTION_H

#include "frames/stack.h"

struct instruction {
    enum instruction_kind kind;
    bool known;         /* false: a monitoring tool has hidden one before it, or itself, so that nobody knows where it begins */
    int64_t start, end; /* offsets in bytes; end: behind its cache */
};

/*
 * The instruction at a byte offset that frames_frame_instruction has told of the frame, or in whose cache it lies. FAILED where the bytecode cannot be
 * read, or ends before it.
 */
enum read_cache_status frames_instruction_at(struct reader *reader, const struct raw_frame *frame, int64_t offset, struct instruction *instruction);

#endif
