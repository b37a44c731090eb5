/* Which kernel thread a thread state belongs to, and what the kernel's side says of it: idle, waiting for the GIL, crashed. */
#ifndef SPPROF_WALK_KERNEL_THREADS_H
#define SPPROF_WALK_KERNEL_THREADS_H

#include "spprof/snapshot.h"
#include "spprof/target.h"
#include "walk/thread_list.h"

struct kernel_threads {
    struct spprof_native_threads natives;
    struct spprof_target *target;
    bool *known;               /* natives that some thread state belongs to */
    int32_t descriptor_offset; /* of the kernel's id in the thread's descriptor (pthread_t); 0 not found */
};

/* Takes over natives. */
struct spprof_error *kernel_threads_init(struct kernel_threads *threads, struct spprof_target *target, struct spprof_native_threads natives);
void kernel_threads_free(struct kernel_threads *threads);

/*
 * Where glibc and musl keep the kernel's id in a thread's descriptor differs; the offset is the one at which every descriptor holds the
 * id of a thread that exists, a different one each. Needed for 3.9 and 3.10, whose thread states have no kernel id.
 */
void kernel_threads_learn_descriptors(struct kernel_threads *threads, const struct thread_list *list);

/* The kernel's thread; NULL where it cannot be told. Marks it as known to Python. */
const struct spprof_native_thread *kernel_threads_find(struct kernel_threads *threads, const struct thread_state *state);

size_t kernel_threads_unknown(const struct kernel_threads *threads);

/* Whether the thread waits in a futex inside [start, start + size). UNKNOWN where its system call is not known. */
enum spprof_truth kernel_thread_waits_in(const struct spprof_native_thread *thread, enum spprof_architecture architecture, uint64_t start,
                                         uint64_t size);

#endif
