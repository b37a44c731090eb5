/* Whether threads run: the kernel's word. */
#ifndef SPPROF_SAMPLE_ACTIVITY_H
#define SPPROF_SAMPLE_ACTIVITY_H

#include <stdint.h>

#include "spprof/target.h"

/* A thread whose state is asked for again and again. */
struct activity {
    int file;          /* /proc/PID/task/TID/stat; -1: none */
    uint64_t asked_at; /* ns */
    enum spprof_activity state;
};

void activity_open(struct activity *activity, int64_t pid, int64_t tid);
void activity_close(struct activity *activity);

/* Asks the kernel again where its last word is older than a millisecond. UNKNOWN: the thread is gone, or was never there. */
enum spprof_activity activity_of(struct activity *activity, uint64_t now);

#endif
