/* Whether threads run: the kernel's word. */
#ifndef SPPROF_SAMPLE_ACTIVITY_H
#define SPPROF_SAMPLE_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

#include "target/run_state.h"

/* A thread whose state is asked for again and again. */
struct activity {
    int state_file, time_file; /* descriptors of run_state.h; -1: none */
    uint64_t asked_at;         /* ns */
    uint64_t ran;              /* ns on a CPU until asked_at */
    enum spprof_activity state;
    bool ended;            /* seen when it was asked last */
    enum spprof_held held; /* frozen threads are not told from those that wait */
    int cpu;               /* that it ran on last; -1: not known */
};

void sample_activity_open(struct activity *activity, int64_t pid, int64_t tid);
void sample_activity_close(struct activity *activity);

/* Asks the kernel. UNKNOWN: the thread is gone, or was never there. */
enum spprof_activity sample_activity_ask(struct activity *activity, uint64_t now);

/* Its last word, where that is not older than a millisecond; else asks. */
enum spprof_activity sample_activity_of(struct activity *activity, uint64_t now);

struct cpu_use sample_activity_use(const struct activity *activity);

/* Of a thread that a debugger has stopped: whether it ran since it was asked before, went ns of which it could. UNKNOWN the first time. */
enum spprof_activity sample_activity_since(struct activity *activity, uint64_t now, uint64_t went);

#endif
