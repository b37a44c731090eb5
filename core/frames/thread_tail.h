/* The other end of the list of thread states: where the list itself has been damaged. */
#ifndef SPPROF_FRAMES_THREAD_TAIL_H
#define SPPROF_FRAMES_THREAD_TAIL_H

#include "object/reader.h"

/*
 * The thread state that an interpreter was made with, which is the oldest: _initial_thread, inside PyInterpreterState
 * (Include/internal/pycore_interp.h, 3.11 and later). It must say that it belongs to the interpreter, and to the main thread (a pthread_t).
 * *tail is 0 where there is none.
 */
enum read_cache_status frames_thread_tail_find(struct reader *reader, uint64_t interpreter, uint64_t main_thread, uint64_t *tail);

#endif
