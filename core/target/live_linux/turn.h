/* The calling thread's turn at a CPU, given up for a better one and taken again. */
#ifndef SPPROF_TARGET_LIVE_LINUX_TURN_H
#define SPPROF_TARGET_LIVE_LINUX_TURN_H

#include <stdbool.h>
#include <stdint.h>

/* struct sched_attr, the first version of it, for which Linux's header and glibc's get in each other's way: sched_setattr(2). */
struct turn {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period; /* ns */
};

/*
 * The calling thread gets a CPU before all that share them in turns (SCHED_FIFO), also where a control group has used up its share: while
 * others stand still until it has done its work, whoever takes its place on the CPU takes theirs. False: that is not permitted, or it has a
 * policy of its own, which stays. The kernel permits it to root, and by RLIMIT_RTPRIO. before gets what target_turn_take_again wants.
 */
bool target_turn_go_first(struct turn *before);
void target_turn_take_again(const struct turn *before);

/* From now on the calling thread takes turns as short as this, where it shares a CPU in turns. */
void target_turn_shorten(uint64_t slice_ns);

#endif
