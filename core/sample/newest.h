/*
 * The newest frame of a sample is the one that the thread state named before the stack was copied. By the time of the copy it may have
 * called others, or returned; then its bytes, and those of its callers, still tell what they were, as does a generator's that has yielded.
 * Bytes that are left over prove nothing by themselves: such a stack counts only where the whole of it, each caller on the line of its
 * call, has stood in an earlier copy (paths.h).
 */
#ifndef SPPROF_SAMPLE_NEWEST_H
#define SPPROF_SAMPLE_NEWEST_H

#include "sample/capture.h"

/* What was the newest: a place on the data stack, or, of a frame that lies beside it, its function. */
struct newest {
    uint64_t place; /* 0: beside it */
    uint64_t c_caller; /* of the C code that ran it; or STACK_UNTOLD */
    const struct code_entry *code;
};

/*
 * Puts what stood at that instant into capture->standing and capture->newest. False: it is not known to have stood, and the sample is left
 * as it was climbed; *missed is what was the newest. True, too, where nobody knows.
 */
bool newest_restore(struct capture *capture, struct capture_context *context, struct newest *missed);

/* Whether a sample that was taken later has the same as its newest; it is shown as it was climbed, then, where that is a place. */
bool newest_meet(struct capture *capture, const struct newest *missed);

#endif
