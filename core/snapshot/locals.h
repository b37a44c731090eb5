/*
 * The variables of frames, as text: Include/cpython/code.h, Include/internal/pycore_frame.h (3.11 and later), Include/cpython/frameobject.h
 * (3.9, 3.10). Arguments come in the order of the source, then the other variables, then free ones. What is not bound is left out.
 */
#ifndef SPPROF_SNAPSHOT_LOCALS_H
#define SPPROF_SNAPSHOT_LOCALS_H

#include "repr/value.h"
#include "frames/stack.h"

struct locals;

/* Borrows codes. */
struct spprof_error *snapshot_locals_new(const struct spprof_value_limits *limits, struct code_table *codes, struct locals **locals);
void snapshot_locals_free(struct locals *locals); /* NULL is allowed */

/* What values are written with: exceptions share it. */
struct values *snapshot_locals_values(struct locals *locals);

/* Goes on with every frame of a stack, which is walked and stays as it is; true when all are settled. */
bool snapshot_locals_step(struct locals *locals, struct reader *reader, const struct stack *stack);

/* Hands the variables of a frame of the stack over to the caller, who frees the array and its texts; NULL and 0 where it has none. */
void snapshot_locals_take(struct locals *locals, const struct stack *stack, size_t index, struct spprof_variable **variables, size_t *count);

#endif
