/* Threads that this gdb traces, and the signal by which they are interrupted, as the kernel tells of them. */
#ifndef SPPROF_GDB_TRACEE_H
#define SPPROF_GDB_TRACEE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A thread of the process that is alive, traced by this gdb and does not block the signal; the first one where it will do. Its id
 * is gdb's as long as it is traced: no other process can get it meanwhile. 0: there is none.
 */
int64_t tracee_for_signal(int64_t pid, int signal);

/* Sends a thread the signal, unless it stands still or has ended. */
bool tracee_signal(int64_t pid, int64_t tid, int signal);

/* Whether a signal that was sent has not reached the thread yet, but will as soon as that runs. */
bool tracee_awaits(int64_t pid, int64_t tid, int signal);

/* The rest is to be called on gdb's own thread, the only one that the kernel answers. */

/* What the kernel knows of the signal that a stopped thread has stopped by, and making it so; one that has died has no use for it. */
bool tracee_siginfo(int64_t tid, siginfo_t *info);
void tracee_set_siginfo(int64_t tid, const siginfo_t *info);

/* Who sent it. */
enum sender { SENDER_UNKNOWN, SENDER_HELPER, SENDER_TERMINAL, SENDER_OTHERS };
enum sender tracee_stopped_by(int64_t tid, int signal);

#endif
