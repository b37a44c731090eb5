/*
 * What lets go of stopped threads when spprof cannot. The kernel lets only the tracer do that, so the tracer is made to run, or ended:
 *
 * - SIGSTOP, which cannot be caught or blocked: a watcher, which is no part of what is stopped, continues spprof until it has let go; then
 *   spprof stops itself as it was told to.
 * - Anything else that lasts for seconds (a frozen container, a debugger that holds spprof, memory that does not come from a dead disk or from
 *   the stopped threads themselves, an exec that waits for them): a timer of the kernel kills spprof, and the kernel lets go of all threads.
 *   What was sampled is lost then; a program that stands still would cost more.
 *
 * Where the kernel permits it, spprof is also the first in line for a CPU meanwhile: on a busy machine, or behind a limit of CPU time, the threads
 * would stand for as long as it waits for one.
 *
 * A process between spprof and the threads, which lets go by itself, would cost them two changes of process at each stop.
 */
#ifndef SPPROF_TARGET_PROCESS_GUARD_H
#define SPPROF_TARGET_PROCESS_GUARD_H

struct process_guard;

/* To be called before the first thread is stopped, with all signals blocked. *guard is made where it is NULL; it stays so where nothing can be made. */
void target_process_guard_begin(struct process_guard **guard);

/* To be called while threads stand, again and again: what goes on is not stuck. NULL is allowed. */
void target_process_guard_is_alive(struct process_guard *guard);

/* To be called where some stop later, which cannot be waited for: no sign of life is expected from now on. NULL is allowed. */
void target_process_guard_rests(struct process_guard *guard);

/* To be called when all of them run. Stops spprof if it was stopped meanwhile. NULL is allowed. */
void target_process_guard_end(struct process_guard *guard);

void target_process_guard_free(struct process_guard *guard); /* NULL is allowed */

#endif
