/*
 * Which thread state is whose. A state says which pthread_t and, from 3.11 on, which kernel id its thread had when it was bound (bind_tstate
 * and new_threadstate, Python/pystate.c). Both may be of the past: C code that forks and does not tell Python leaves the parent's ids in the
 * child, a thread that ends without releasing its state leaves that in the list, and the C library hands its pthread_t out again.
 *
 * Each living thread gets one state of each interpreter, the one for which most speaks:
 *   1. the kernel id that the state says, where the descriptor (pthread_t) does not say that it is another thread's;
 *   2. the descriptor alone, before 3.11. From 3.11 on only for the main thread, which alone can have another id than its state says: it was
 *      forked; and where state and descriptor say the same, but the kernel's ids are those of another PID namespace.
 * Where several states speak for one thread: the one that its own storage names; the one that holds the GIL or is attached; then the newest one
 * of those that only share a pthread_t (the threads of the others had it before), the oldest one of those that the thread has made itself.
 */
#ifndef SPPROF_SNAPSHOT_THREAD_OWNERS_H
#define SPPROF_SNAPSHOT_THREAD_OWNERS_H

#include "snapshot/kernel_threads.h"
#include "frames/thread_list.h"

/* Sets owner of every thread state in the list, and marks the threads that have one. natives may have been listed after the states. */
struct spprof_error *snapshot_thread_owners_find(struct spprof_target *target, const struct thread_list *list, struct kernel_threads *kernel);

#endif
