/* Who keeps a thread of this machine from running: the kernel's word. live_linux/ answers; another system's folder would. */
#ifndef SPPROF_TARGET_HELD_H
#define SPPROF_TARGET_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the process is frozen with the group that it belongs to; by gets which: "cgroup /name", of version 1 or 2. */
bool target_held_by_freezer(int64_t pid, char *by, size_t size);

/* by gets who traces the thread: "gdb (process 77)". False where nobody does, or where it is this process. */
bool target_held_by_tracer(int64_t pid, int64_t tid, char *by, size_t size);

#endif
