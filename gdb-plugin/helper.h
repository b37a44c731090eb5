/* A thread beside gdb's: it works while gdb's own thread is held by the running inferior, and then interrupts that. */
#ifndef SPPROF_GDB_HELPER_H
#define SPPROF_GDB_HELPER_H

#include <pthread.h>
#include <stdbool.h>

#include "spprof/debugger.h"

struct helper {
    const struct spprof_run *run;
    /* Interrupts the inferior, false: not now; called on the helper's thread, again and again until helper_end. */
    bool (*interrupt)(void);
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool resumed, worked, over;
};

/* Starts run->work on a thread that takes no signal and no part in Python. Errors: there can be no more threads. */
struct spprof_error *helper_start(struct helper *helper, const struct spprof_run *run, bool (*interrupt)(void));

/* Ends the work soon where it has not ended; then the inferior is interrupted. May be called on any thread. */
void helper_cancel(struct helper *helper);

/* The inferior runs: from now on it can be interrupted. */
void helper_resumed(struct helper *helper);

/* Ends the work where it has not ended, and the thread. Nothing is interrupted after that. */
void helper_end(struct helper *helper);

#endif
