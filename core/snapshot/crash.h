/* The thread that a process died in, whether Python knows it or not: its signal, and where in which module it stood. */
#ifndef SPPROF_SNAPSHOT_CRASH_H
#define SPPROF_SNAPSHOT_CRASH_H

#include "spprof/snapshot.h"
#include "spprof/target.h"
#include "snapshot/kernel_threads.h"

/* Fills snapshot->crash; signal 0 where nothing has died. Errors: NO_MEMORY. */
struct spprof_error *snapshot_crash_describe(struct spprof_target *target, const struct kernel_threads *kernel, struct spprof_snapshot *snapshot);

#endif
