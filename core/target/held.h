/* What keeps a thread from running, and who holds it: the kernel's word, in /proc and in the files of cgroups. */
#ifndef SPPROF_TARGET_HELD_H
#define SPPROF_TARGET_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/target.h"

/* By the letter in /proc/PID/stat (proc(5)). A frozen thread is not told from one that waits. */
enum spprof_held held_by_letter(char letter);

/* Whether a cgroup of the process is frozen, of version 1 or 2; by gets "cgroup /name", the one that was told to be. */
bool held_by_freezer(int64_t pid, char *by, size_t size);

/* by gets who traces the thread: "gdb (process 77)". False where nobody does, or where it is this process. */
bool held_by_tracer(int64_t pid, int64_t tid, char *by, size_t size);

#endif
