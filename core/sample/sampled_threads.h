/* The threads of all Pythons of a target that are sampled, each once: one may have states in several interpreters, and in several Pythons. */
#ifndef SPPROF_SAMPLE_SAMPLED_THREADS_H
#define SPPROF_SAMPLE_SAMPLED_THREADS_H

#include "sample/sampled_python.h"

struct sampled_threads {
    struct sampled_thread **items; /* owned by the thread tables; a thread's further states hang behind its first one, the oldest first */
    size_t count, capacity;
};

/* To be called whenever a thread table has changed: what it held before may be freed. Errors: NO_MEMORY. */
struct spprof_error *sample_threads_gather(struct sampled_threads *threads, struct sampled_python *pythons, size_t python_count);
void sample_threads_free(struct sampled_threads *threads);

#endif
