/*
 * Which function may have been called by which instruction: what was proven once is remembered. Of a target that runs, a caller and a
 * callee may be read a moment apart, and then be no pair; one that is proven here is a pair that the program does make.
 */
#ifndef SPPROF_SAMPLE_CALL_SITES_H
#define SPPROF_SAMPLE_CALL_SITES_H

#include "walk/code_table.h"

struct call_sites;

struct spprof_error *call_sites_new(struct call_sites **sites);
void call_sites_free(struct call_sites *sites); /* NULL is allowed */

/* Forgets everything: entries of the code table are about to be freed. */
void call_sites_clear(struct call_sites *sites);

/* Whether the instruction at a byte offset of caller is known to call callee: its line mentions it, or it was proven. */
bool call_sites_allow(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, int64_t offset,
                      const struct code_entry *callee);

/* Remembers that it does: the pair was seen to stand long enough. */
void call_sites_prove(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/*
 * Counts one more stack in which callee, whom no line of caller mentions, stands on this instruction. True: that is proof enough from now
 * on. What was read a moment apart shows a callee on another instruction than that which calls it, but far less often than on the right
 * one.
 */
bool call_sites_witness(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/*
 * Whether it is worth finding out which class callee belongs to: where it is not known that the instruction calls it, and not too often.
 * This counts.
 */
bool call_sites_may_learn(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee);

/* Remembers that whoever mentions a class mentions callee, which makes its instances. True: the line of the instruction does. */
bool call_sites_learn(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, int64_t offset,
                      const struct code_entry *callee, const char *class);

/* Whether caller mentions callee, if not in this line, then in another one. */
bool call_sites_know(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, const struct code_entry *callee);

/* What the instruction at a byte offset does; this is remembered, too. */
enum instruction_kind call_sites_kind(struct call_sites *sites, struct reader *reader, const struct code_entry *code, int64_t offset);

#endif
