/*
 * The kernel's scheduler: a sampler that gets a CPU only when the target leaves one sees the target wait, and never run. That is so where
 * they share a CPU, as in a container of one.
 */
#ifndef SPPROF_SAMPLE_SCHEDULING_H
#define SPPROF_SAMPLE_SCHEDULING_H

#include <sched.h>

/*
 * From now on the calling thread takes short turns, and gets them soon (the slice of SCHED_OTHER, Linux 6.12 and later; others have no such
 * thing). Needs no privilege; does nothing where it is refused.
 */
void scheduling_take_short_turns(void);

/* Takes the calling thread to a CPU that is none of these, if it is on one of them and may use another. */
void scheduling_avoid(const cpu_set_t *used);

#endif
