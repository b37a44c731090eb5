/*
 * Whether a line of a function mentions a name: what its source says about whom it calls, read from the bytecode. For a target that runs
 * this tells a caller and callee that stood together from two that were read a moment apart.
 */
#ifndef SPPROF_SAMPLE_EVIDENCE_CALLEE_NAMES_H
#define SPPROF_SAMPLE_EVIDENCE_CALLEE_NAMES_H

#include "frames/code_table.h"

/*
 * Whether the line of the instruction at a byte offset loads, as a global, an attribute or a method, the name of the callee, or that of the
 * class whose __init__ it is; or whether the callee is a lambda, comprehension or generator expression that stands in that line.
 * Reads memory of the target, in several batches. False, too, where something cannot be read.
 */
bool sample_line_mentions(struct reader *reader, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/* Whether any line of the caller loads such a name. */
bool sample_function_mentions(struct reader *reader, const struct code_entry *caller, const struct code_entry *callee);

/* The same of a name by itself. */
bool sample_line_mentions_name(struct reader *reader, const struct code_entry *caller, int64_t offset, const char *name);
bool sample_function_mentions_name(struct reader *reader, const struct code_entry *caller, const char *name);

/* Of the instruction at a byte offset, or in whose cache it lies; INSTRUCTION_OTHER, too, where the bytecode cannot be read. */
enum instruction_kind sample_instruction_kind(struct reader *reader, const struct code_entry *code, int64_t offset);

#endif
