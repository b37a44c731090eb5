/* Which stacks have stood: whom each caller, on top of its own callers, was seen to wait for, and on which instruction. */
#ifndef SPPROF_SAMPLE_EVIDENCE_CONTEXTS_H
#define SPPROF_SAMPLE_EVIDENCE_CONTEXTS_H

#include "frames/code_table.h"

struct contexts;

struct spprof_error *sample_contexts_new(struct contexts **contexts);
void sample_contexts_free(struct contexts *contexts); /* NULL is allowed */

/* Forgets everything: entries of the code table are about to be freed. */
void sample_contexts_clear(struct contexts *contexts);

/* A number for a stack whose newest frame stands on an instruction, from that of the frames below it; 0 is that of no frames. */
uint64_t sample_path_of(uint64_t callers, const struct code_entry *code, int64_t offset);

/* On top of its callers, caller has called callee from the instruction at a byte offset. In the end new ones take the room of old ones. */
void sample_contexts_remember(struct contexts *contexts, uint64_t callers, const struct code_entry *caller, const struct code_entry *callee,
                              int64_t offset);

/* Whether it has not been seen to call another one there, as far as is remembered. */
bool sample_contexts_only(const struct contexts *contexts, uint64_t callers, const struct code_entry *caller, const struct code_entry *callee);

/* The instruction from which it did so last. False: it is not known to have done so. */
bool sample_contexts_find(const struct contexts *contexts, uint64_t callers, const struct code_entry *caller, const struct code_entry *callee,
                          int64_t *offset);

#endif
