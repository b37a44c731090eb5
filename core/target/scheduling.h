/*
 * The scheduler of the machine that spprof runs on: a sampler that gets a CPU only when the target leaves one sees the target wait, and never run. That is so where
 * they share a CPU, as in a container of one. live_linux/ does what can be done; another system's folder would.
 */
#ifndef SPPROF_TARGET_SCHEDULING_H
#define SPPROF_TARGET_SCHEDULING_H

#include <stdbool.h>
#include <stdint.h>

enum { SCHEDULING_CPUS_MAX = 1024 };

/* A set of CPUs by their numbers, one bit each. */
struct cpus {
    uint64_t bits[SCHEDULING_CPUS_MAX / 64];
};

/* A number that no CPU has is left out. */
void target_cpus_add(struct cpus *cpus, int cpu);

/*
 * From now on the calling thread takes short turns, and gets them soon. Needs no privilege; does nothing where it is refused, or where the system has
 * no such thing.
 */
void target_scheduling_take_short_turns(void);

/* The calling thread's sleeps end when they are to, not up to 50 us later. */
void target_scheduling_wake_exactly(void);

/* Takes the calling thread to a CPU that is none of these, if it is on one of them and may use another. */
void target_scheduling_avoid(const struct cpus *used);

#endif
