/* How deep the value stack is at each instruction of a code object of 3.9 or 3.10, found by following the instructions and their jumps. */
#ifndef SPPROF_FRAMES_VALUE_DEPTH_H
#define SPPROF_FRAMES_VALUE_DEPTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    VALUE_DEPTH_UNKNOWN = -1,
    VALUE_DEPTH_ROUNDS = 16, /* how often the bytecode is gone through at most: code that only a jump backwards leads to takes another round */
};

/* An instruction with its argument, EXTENDED_ARG put together. */
struct old_instruction {
    unsigned opcode;
    uint32_t argument;
    int64_t next; /* offset in bytes of the instruction behind it */
};

/* The one at an offset in bytes; at its first EXTENDED_ARG where it has such, which is where f_lasti of a frame is that runs it. */
struct old_instruction frames_old_instruction_at(struct bytes bytecode, int64_t offset);

struct value_depth {
    int32_t *before; /* of the instruction at each code unit, or VALUE_DEPTH_UNKNOWN; owned */
    int64_t units;
};

/* by_units: jumps count code units, not bytes (3.10). False: there is no memory, or the bytecode is longer than is looked at, or is none. */
bool frames_value_depth_find(struct value_depth *depth, struct bytes bytecode, bool by_units);
void frames_value_depth_free(struct value_depth *depth);

/* At an offset in bytes. */
int64_t frames_value_depth_at(const struct value_depth *depth, int64_t offset);

#endif
