/*
 * Threads that this process traces, as a debugger does that has loaded spprof, and the signal by which they are interrupted, as the kernel tells of
 * them. live_linux/ answers; another system's folder would.
 */
#ifndef SPPROF_TRACEE_H
#define SPPROF_TRACEE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A thread of the process that is alive, traced by this process and does not block the signal; the first one where it will do. Its id
 * is the tracer's as long as it is traced: no other process can get it meanwhile. 0: there is none.
 */
int64_t spprof_tracee_for_signal(int64_t pid, int signal);

/* Sends a thread the signal, unless it stands still or has ended. */
bool spprof_tracee_signal(int64_t pid, int64_t tid, int signal);

/* Whether a signal that was sent has not reached the thread yet, but will as soon as that runs. */
bool spprof_tracee_awaits(int64_t pid, int64_t tid, int signal);

/* The rest is to be called on the debugger's own thread, the only one that the kernel answers. */

/* What the kernel knows of the signal that a stopped thread has stopped by, and making it so; one that has died has no use for it. */
bool spprof_tracee_siginfo(int64_t tid, siginfo_t *info);
void spprof_tracee_set_siginfo(int64_t tid, const siginfo_t *info);

/* Who sent it. */
enum spprof_sender { SPPROF_SENDER_UNKNOWN, SPPROF_SENDER_HELPER, SPPROF_SENDER_TERMINAL, SPPROF_SENDER_OTHERS };
enum spprof_sender spprof_tracee_stopped_by(int64_t tid, int signal);

#endif
