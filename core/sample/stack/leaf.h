/*
 * The leaf of a sample, its newest frame, is the one that the thread state named before the stack was copied. By the time of the copy it may
 * have called others, or returned; then its bytes, and those of its callers, still tell what they were, as does a generator's that has
 * yielded. Bytes that are left over prove nothing by themselves: such a stack counts only where the whole of it, each caller on the line of
 * its call, has stood in an earlier copy (contexts.h). Whoever is read later would be favoured, or wronged, by how short its calls are.
 *
 * As in a reconstruction, nothing is read here, and nothing learnt.
 */
#ifndef SPPROF_SAMPLE_STACK_LEAF_H
#define SPPROF_SAMPLE_STACK_LEAF_H

#include "sample/evidence/leaf_slots.h"
#include "sample/stack/inquiry.h"

/* What the thread state named: the newest frame of the first reading of a sample. */
struct instant {
    uint64_t head, head_caller; /* as in a reading; head 0: none */
};

/* What was the newest: a place on the data stack, or, of a frame that lies beside it, its function. */
struct missed {
    uint64_t place;    /* 0: beside it */
    uint64_t c_caller; /* of the C code that ran it; or STACK_UNTOLD */
    const struct code_entry *code;
};

enum leaf_end {
    LEAF_LACKS,  /* inquiry.lack is to be supplied, then all is asked again */
    LEAF_FOUND,  /* the sample is so many of the frames, and those of newest on them */
    LEAF_MISSED, /* the stack that *missed had is not known */
    LEAF_UNTOLD, /* nobody knows what it was: the sample is what was reconstructed */
};

struct leaf {
    enum leaf_end end;
    size_t standing;
    struct missed missed;
};

/* Finds the sample of an instant by the frames that stood when the stack was copied; *newest is emptied, and gets those that stood on them. */
struct leaf sample_leaf_find(struct inquiry *inquiry, const struct sampled_frames *frames, const struct instant *instant,
                             const struct leaf_slots *leaf_slots, struct sampled_frames *newest);

/* Whether frames is a stack of which *missed is the newest, with nothing else on it. */
bool sample_leaf_is(const struct missed *missed, const struct sampled_frames *frames);

#endif
