/*
 * What was the newest frame in places of the data stack, when the stack was copied. Where several functions take turns in a place, one that
 * has returned leaves nothing that tells which of them it was: the one that was last seen there, on the same callers, stands for it. Those
 * that C code has called are told apart where the version tells which frame has called that (stack.head_caller).
 */
#ifndef SPPROF_SAMPLE_EVIDENCE_LEAF_SLOTS_H
#define SPPROF_SAMPLE_EVIDENCE_LEAF_SLOTS_H

#include "sample/stack/frames.h"

/* NULL, which all of these allow, is one that remembers nothing. */
struct leaf_slots;

struct leaf_slots *sample_leaf_slots_new(void); /* NULL: no memory */
void sample_leaf_slots_free(struct leaf_slots *leaf_slots);

/* Forgets everything: entries of the code table are about to be freed. */
void sample_leaf_slots_clear(struct leaf_slots *leaf_slots);

/* These frames stood together, and the newest of them was that of its thread. told: the version tells which frame has called C code. */
void sample_leaf_slots_remember(struct leaf_slots *leaf_slots, bool told, const struct sampled_frames *frames);

/*
 * The caller and the frame that were last seen in a place, run by C code that the frame c_caller had called (or STACK_UNTOLD), and what
 * stood between them, put into *newest. *standing is how many frames they
 * stand on: these have not moved since, and the caller is there, too, at whatever instruction. False: none is known, or it is long ago.
 */
bool sample_leaf_slots_find(const struct leaf_slots *leaf_slots, uint64_t place, uint64_t c_caller, const struct sampled_frames *frames,
                            struct sampled_frames *newest, size_t *standing);

#endif
