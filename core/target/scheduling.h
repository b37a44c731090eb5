/*
 * The kernel's scheduler: a sampler that gets a CPU only when the target leaves one sees the target wait, and never run. That is so where
 * they share a CPU, as in a container of one.
 */
#ifndef SPPROF_TARGET_SCHEDULING_H
#define SPPROF_TARGET_SCHEDULING_H

#include <sched.h>
#include <stdbool.h>

/*
 * From now on the calling thread takes short turns, and gets them soon (the slice of SCHED_OTHER, Linux 6.12 and later; others have no such
 * thing). Needs no privilege; does nothing where it is refused.
 */
void scheduling_take_short_turns(void);

/* Takes the calling thread to a CPU that is none of these, if it is on one of them and may use another. */
void scheduling_avoid(const cpu_set_t *used);

/*
 * The calling thread gets a CPU before all that share them in turns (SCHED_FIFO), also where a control group has used up its share: while
 * others stand still until it has done its work, whoever takes its place on the CPU takes theirs. False: that is not permitted, or it has a
 * policy of its own, which stays. The kernel permits it to root, and by RLIMIT_RTPRIO.
 */
bool scheduling_go_first(void);

/* After a scheduling_go_first that was true: as before. */
void scheduling_go_in_turn(void);

#endif
