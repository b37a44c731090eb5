/*
 * What may be asked when a stack is put together: a reading, and what is known of the program. Nothing is read of the target, and nothing
 * learnt. A question that cannot be answered yet is noted, and answered by no; whoever asked must be asked again when it has been answered
 * (supply.h).
 */
#ifndef SPPROF_SAMPLE_STACK_INQUIRY_H
#define SPPROF_SAMPLE_STACK_INQUIRY_H

#include "sample/evidence/call_sites.h"
#include "sample/evidence/contexts.h"
#include "sample/stack/reading.h"

struct lack {
    enum { LACKS_NOTHING, LACKS_BYTES, LACKS_CODE, LACKS_KIND, LACKS_LINE, LACKS_NAME } what;
    uint64_t address, size;                   /* of bytes, and of a code object */
    const struct code_entry *caller, *callee; /* of an instruction, its function; whether its line, or the function, names the callee */
    int64_t offset;
};

enum { DENIED_MAX = 32, SUPPLIED_MAX = 1 << 24 /* some for each frame of the deepest stack */ };

struct inquiry {
    const struct reading *reading;
    const struct code_table *codes;
    const struct call_sites *sites;
    const struct contexts *contexts;
    const struct layout *layout;
    struct lack lack;            /* the first question that was not answered */
    uint64_t denied[DENIED_MAX]; /* where there is nothing that could be read, as far as this reading goes */
    size_t denied_count;         /* DENIED_MAX: nothing more is asked for */
    size_t supplied;             /* questions that were answered since; SUPPLIED_MAX: nothing more is asked for */
};

/* A frame that lies elsewhere. None: it cannot be read. */
struct bytes sample_ask_piece(struct inquiry *inquiry, uint64_t address, uint64_t size);

/* All of a frame, its value stack included, in the newest chunk or, as a generator's is, elsewhere. None: it cannot be read. */
struct bytes sample_ask_frame(struct inquiry *inquiry, const struct sampled_frame *frame);

/* A frame up to its local variables, wherever it lies; a piece of an older chunk is read as a whole. None: it cannot be read. */
struct bytes sample_ask_header(struct inquiry *inquiry, const struct sampled_frame *frame);

/* The code object at an address; NULL: there is none. */
struct code_entry *sample_ask_code(struct inquiry *inquiry, uint64_t address);

/* What the instruction at a byte offset does. */
enum instruction_kind sample_ask_kind(struct inquiry *inquiry, const struct code_entry *code, int64_t offset);

/* Whether the instruction is known to call callee: its line mentions it, or it was proven. */
bool sample_ask_call(struct inquiry *inquiry, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/* Whether any line of caller mentions callee. */
bool sample_ask_name(struct inquiry *inquiry, const struct code_entry *caller, const struct code_entry *callee);

#endif
