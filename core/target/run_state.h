/*
 * What the kernel says of a thread of this machine, asked for again and again: through descriptors that are opened once. live_linux/ answers;
 * another system's folder would.
 */
#ifndef SPPROF_TARGET_RUN_STATE_H
#define SPPROF_TARGET_RUN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "spprof/target.h"

struct run_state {
    enum spprof_activity activity; /* UNKNOWN: the thread is gone, or was never there */
    enum spprof_held held;         /* frozen threads are not told from those that wait */
    bool ended;                    /* a main thread is still listed as long as others run */
    int cpu;                       /* that it ran on last; -1: not known */
};

/* How long a thread has been on a CPU, in ns, and how often it was given one; 0: not known. */
struct cpu_use {
    uint64_t time, turns;
};

/* Descriptors, owned by the caller; -1: there is no such thread, or tid is 0. */
int target_run_state_open(int64_t pid, int64_t tid);
int target_cpu_use_open(int64_t pid, int64_t tid);

/* Of such a descriptor; -1 is allowed, and tells nothing. It takes some 2 us. */
struct run_state target_run_state_read(int fd);

/* The time of a turn that lasts is known up to the kernel's last tick only. */
struct cpu_use target_cpu_use_read(int fd);

#endif
