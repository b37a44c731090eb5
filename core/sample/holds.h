/* Threads that something keeps from running: looks at them are counted by what that is, and who does it is told once. */
#ifndef SPPROF_SAMPLE_HOLDS_H
#define SPPROF_SAMPLE_HOLDS_H

#include "sample/sampled_threads.h"
#include "spprof/profile.h"

struct holds {
    uint64_t asked_at; /* when it was asked last whether the process is frozen; ns */
    bool frozen;
};

/* Counts one look, at the time now (ns). */
void sample_holds_count(struct holds *holds, const struct sampled_threads *threads, int64_t pid, uint64_t now, struct spprof_sample_counts *counts);

#endif
