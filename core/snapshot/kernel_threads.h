/* The kernel's threads, and what its side says of them: idle, waiting for the GIL, crashed. */
#ifndef SPPROF_SNAPSHOT_KERNEL_THREADS_H
#define SPPROF_SNAPSHOT_KERNEL_THREADS_H

#include "spprof/snapshot.h"
#include "spprof/target.h"

struct kernel_threads {
    struct spprof_native_threads natives; /* sorted by target_tid */
    bool *known;                          /* those that some thread state belongs to */
};

/* Lists them; empty where the target cannot tell. */
struct spprof_error *snapshot_kernel_threads_read(struct spprof_target *target, struct kernel_threads *threads);
/* Takes over natives. */
struct spprof_error *snapshot_kernel_threads_init(struct kernel_threads *threads, struct spprof_native_threads natives);
void snapshot_kernel_threads_free(struct kernel_threads *threads);

/* The thread with this id, as the target sees it; NULL: there is none. */
struct spprof_native_thread *snapshot_natives_find(const struct spprof_native_threads *natives, int64_t target_tid);

/* Threads that no thread state was found for: how many, and their ids, sorted; *tids is owned by the caller. */
size_t snapshot_kernel_threads_unknown(const struct kernel_threads *threads);
struct spprof_error *snapshot_kernel_threads_unknown_tids(const struct kernel_threads *threads, int64_t **tids);

/* Whether the thread waits in a futex inside [start, start + size). UNKNOWN where its system call is not known. */
enum spprof_truth snapshot_kernel_thread_waits_in(const struct spprof_native_thread *thread, enum spprof_architecture architecture, uint64_t start,
                                                  uint64_t size);

#endif
