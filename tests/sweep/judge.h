/* What has become of the stacks of a snapshot when memory was changed, and whether it is told. */
#ifndef TESTS_SWEEP_JUDGE_H
#define TESTS_SWEEP_JUDGE_H

#include "spprof/snapshot.h"

/* How a stack differs from what it was, in the order in which they are the worse. */
enum change {
    CHANGE_NONE,
    CHANGE_LABEL,    /* the same frames, another id, name or main flag of the thread */
    CHANGE_POSITION, /* the same functions, other lines or columns */
    CHANGE_TEXT,     /* a function or file has another name */
    CHANGE_NEWEST,   /* the newest frames are missing */
    CHANGE_OLDEST,   /* the oldest frames are missing */
    CHANGE_FRAMES,   /* there are other frames */
    CHANGE_MISSING,  /* the thread is missing */
    CHANGE_COUNT
};

extern const char *const change_names[CHANGE_COUNT];

struct verdict {
    size_t changed; /* how many stacks have changed, not counting labels */
    enum change worst;
    uint64_t thread; /* the address of the thread state of the one that has changed the most; 0: none */
    size_t added;    /* threads that were not there */
    bool told;       /* by a problem or a stack that says that it ends early, which was not told before */
};

struct witness; /* what was there before */

struct witness *witness_new(const struct spprof_snapshot *snapshot);
void witness_free(struct witness *witness);

/*
 * snapshot NULL: nothing could be read, which is told; every stack is missing. more_problems: as many more than the first snapshot had are
 * told of anything.
 */
struct verdict witness_judge(const struct witness *witness, const struct spprof_snapshot *snapshot, size_t more_problems);

#endif
