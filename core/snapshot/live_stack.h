/*
 * Stacks of threads that run on while they are read (--no-stop). Everything of one stack comes with one system call, so that the pieces
 * are as close in time as can be; a stack counts only if it is sound and many readings in a row agree on it.
 */
#ifndef SPPROF_SNAPSHOT_LIVE_STACK_H
#define SPPROF_SNAPSHOT_LIVE_STACK_H

#include "snapshot/walk.h"

/* Reads every stack of the walk again in this way, in place. Of one that changes too fast the part that holds is kept. */
struct spprof_error *snapshot_live_stacks_read(struct walk *walk);

#endif
