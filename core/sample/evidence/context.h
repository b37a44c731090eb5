/* What is known of the program that is sampled, by all its threads; and how more of it is read. */
#ifndef SPPROF_SAMPLE_EVIDENCE_CONTEXT_H
#define SPPROF_SAMPLE_EVIDENCE_CONTEXT_H

#include "sample/evidence/call_sites.h"
#include "sample/evidence/contexts.h"

struct capture_context {
    struct code_table *codes;
    struct call_sites *sites;
    struct contexts *contexts;
    struct reader reader;   /* for code objects; its copy is emptied when they are decoded */
    struct reader mentions; /* for call sites; its copy keeps what was read until a code object dies */
    const struct layout *layout;
};

/* Reads the code objects that have been added to the table since it had so many; what proves to be none is forgotten at once. */
void sample_context_load_codes(struct capture_context *context, size_t known);

/* The code object at an address, read if it is new; NULL: there is none. */
struct code_entry *sample_context_code(struct capture_context *context, uint64_t address);

#endif
