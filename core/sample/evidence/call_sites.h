/*
 * Which function may have been called by which instruction: what was proven once is remembered. Of a target that runs, a caller and a
 * callee may be read a moment apart, and then be no pair; one that is proven here is a pair that the program does make.
 */
#ifndef SPPROF_SAMPLE_EVIDENCE_CALL_SITES_H
#define SPPROF_SAMPLE_EVIDENCE_CALL_SITES_H

#include "frames/code_table.h"

struct call_sites;

struct spprof_error *sample_call_sites_new(struct call_sites **sites);
void sample_call_sites_free(struct call_sites *sites); /* NULL is allowed */

/* Forgets everything: entries of the code table are about to be freed. */
void sample_call_sites_clear(struct call_sites *sites);

/* What is known; to ask changes nothing. */
enum call_site { CALL_SITE_UNKNOWN, CALL_SITE_CALLS_NOT, CALL_SITE_CALLS };

/* Of the instruction at a byte offset of caller: whether its line mentions callee, or it was proven to call it. */
enum call_site sample_call_sites_find(const struct call_sites *sites, const struct code_entry *caller, int64_t offset,
                                      const struct code_entry *callee);

/* Whether any line of caller mentions callee. */
enum call_site sample_call_sites_find_name(const struct call_sites *sites, const struct code_entry *caller, const struct code_entry *callee);

/* What the instruction at a byte offset does. False: it is not known. */
bool sample_call_sites_find_kind(const struct call_sites *sites, const struct code_entry *code, int64_t offset, enum instruction_kind *kind);

/* These read the same from the bytecode, and remember it. */
void sample_call_sites_read_line(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, int64_t offset,
                                 const struct code_entry *callee);
void sample_call_sites_read_names(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, const struct code_entry *callee);
void sample_call_sites_read_kind(struct call_sites *sites, struct reader *reader, const struct code_entry *code, int64_t offset);

/* Remembers that the instruction calls callee: the pair was seen to stand long enough. */
void sample_call_sites_prove(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/*
 * Counts one more stack in which callee, whom no line of caller mentions, stands on this instruction. True: that is proof enough from now
 * on. What was read a moment apart shows a callee on another instruction than that which calls it, but far less often than on the right
 * one.
 */
bool sample_call_sites_witness(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/* Counts one more sample that was accepted, in which the instruction had called callee. */
void sample_call_sites_count(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/* Begins to find out which class callee belongs to. False: it is known already that the instruction calls it, or this was tried too often. */
bool sample_call_sites_begin_lesson(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/* Remembers that whoever mentions a class mentions callee, which makes its instances. True: the line of the instruction does. */
bool sample_call_sites_learn(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, int64_t offset,
                             const struct code_entry *callee, const char *class);

#endif
