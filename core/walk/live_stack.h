/*
 * Stacks of threads that run on while they are read (--no-stop). Everything of one stack comes with one system call, so that the pieces
 * are as close in time as can be; a stack counts only if it is sound and its newest frame is still the newest afterwards.
 */
#ifndef SPPROF_WALK_LIVE_STACK_H
#define SPPROF_WALK_LIVE_STACK_H

#include "walk/walk.h"

/* Reads every stack of the walk again in this way, in place. What changes too fast keeps the part that two readings agree on. */
struct spprof_error *live_stacks_read(struct walk *walk);

#endif
