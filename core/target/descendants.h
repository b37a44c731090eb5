/* The processes that a process has started. live_linux/ finds them; another system's folder would. */
#ifndef SPPROF_TARGET_DESCENDANTS_H
#define SPPROF_TARGET_DESCENDANTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Finds the processes that a process has started and that live, and those that these have started: parents before their children, as the
 * caller sees them. Gives how many there are, at most max.
 */
size_t target_descendants_find(int64_t pid, int64_t *pids, size_t max);

#endif
