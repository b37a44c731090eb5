/*
 * The descriptors of threads: what a pthread_t points to, struct pthread of glibc (nptl/descr.h) and of musl (src/internal/pthread_impl.h).
 * Both keep the kernel's id of the thread in it. The kernel and the library set that to 0 when the thread has ended, and fork() sets it
 * anew: it tells which thread has the descriptor now.
 */
#ifndef SPPROF_SNAPSHOT_DESCRIPTORS_H
#define SPPROF_SNAPSHOT_DESCRIPTORS_H

#include "spprof/target.h"
#include "snapshot/kernel_threads.h"
#include "frames/thread_list.h"

struct descriptor {
    uint64_t address;
    int64_t said;    /* the id that a state which names it says; 0: none does */
    int64_t tid;     /* as the target sees it; 0: no thread has it; DESCRIPTOR_UNTOLD */
    size_t owner;    /* index of the native thread that has it now; DESCRIPTOR_FREE: none has; DESCRIPTOR_UNKNOWN */
    bool named;      /* for the caller: the thread that has it names one of the states that name it */
    uint64_t newest; /* for the caller: PyThreadState.id of the newest state that names it */
};

#define DESCRIPTOR_UNTOLD INT64_MIN
#define DESCRIPTOR_FREE (SIZE_MAX - 1)
#define DESCRIPTOR_UNKNOWN SIZE_MAX

struct descriptor_sample;

struct descriptors {
    struct descriptor *items; /* sorted by address */
    size_t count;
    struct descriptor_sample *sample; /* the bytes of some of them; NULL: none were read */
    int32_t tid_offset;               /* 0: could not be learnt */
    bool by_pointer; /* every native thread tells its thread pointer, and one of those is a descriptor: the rest is no living thread's */
};

/*
 * Reads the descriptors of all thread states in the list. Where the id lies differs between libraries and their versions; the offset is the
 * one at which most descriptors hold the id of a thread that exists, no two the same; where none does, that which their states say (the ids
 * are those of another PID namespace then).
 */
struct spprof_error *snapshot_descriptors_read(struct spprof_target *target, const struct thread_list *list,
                                               const struct spprof_native_threads *natives, struct descriptors *descriptors);
void snapshot_descriptors_free(struct descriptors *descriptors);

struct descriptor *snapshot_descriptors_find(const struct descriptors *descriptors, uint64_t address);

/*
 * Whether the thread that has the descriptor names this thread state in its own storage, which lies in glibc's descriptor: PyGILState keeps
 * it there (autoTSSkey, Python/pystate.c, 3.9 to 3.14). False does not mean that it has another.
 */
bool snapshot_descriptor_names(struct spprof_target *target, const struct descriptors *descriptors, uint64_t descriptor, uint64_t thread_state);

#endif
