#include "snapshot/kernel_threads.h"

#include <stdlib.h>

#include "base/cleanup.h"

enum { FUTEX_X86_64 = 202, FUTEX_AARCH64 = 98 };

static int by_target_tid(const void *left, const void *right)
{
    const struct spprof_native_thread *a = left, *b = right;
    return (a->target_tid > b->target_tid) - (a->target_tid < b->target_tid);
}

struct spprof_error *snapshot_kernel_threads_init(struct kernel_threads *threads, struct spprof_native_threads natives)
{
    *threads = (struct kernel_threads){.natives = natives};
    threads->known = calloc(natives.count + 1, sizeof *threads->known);
    if (threads->known == NULL)
        return spprof_error_no_memory();
    if (natives.count > 0)
        qsort(natives.items, natives.count, sizeof *natives.items, by_target_tid);
    return NULL;
}

struct spprof_error *snapshot_kernel_threads_read(struct spprof_target *target, struct kernel_threads *threads)
{
    struct spprof_native_threads natives = {NULL, 0};
    if (target->ops->threads != NULL)
        TRY(target->ops->threads(target, &natives));
    return snapshot_kernel_threads_init(threads, natives);
}

void snapshot_kernel_threads_free(struct kernel_threads *threads)
{
    spprof_native_threads_free(&threads->natives);
    free(threads->known);
}

struct spprof_native_thread *snapshot_natives_find(const struct spprof_native_threads *natives, int64_t target_tid)
{
    struct spprof_native_thread key = {.target_tid = target_tid};
    if (natives->count == 0 || target_tid <= 0)
        return NULL;
    return bsearch(&key, natives->items, natives->count, sizeof key, by_target_tid);
}

static int by_number(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

struct spprof_error *snapshot_kernel_threads_unknown_tids(const struct kernel_threads *threads, int64_t **tids)
{
    size_t count = 0;
    *tids = calloc(threads->natives.count + 1, sizeof **tids);
    if (*tids == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < threads->natives.count; i++)
        if (!threads->known[i])
            (*tids)[count++] = threads->natives.items[i].tid;
    qsort(*tids, count, sizeof **tids, by_number);
    return NULL;
}

size_t snapshot_kernel_threads_unknown(const struct kernel_threads *threads)
{
    size_t unknown = 0;
    for (size_t i = 0; i < threads->natives.count; i++)
        unknown += !threads->known[i];
    return unknown;
}

enum spprof_truth snapshot_kernel_thread_waits_in(const struct spprof_native_thread *thread, enum spprof_architecture architecture, uint64_t start,
                                                  uint64_t size)
{
    int64_t futex = architecture == SPPROF_AARCH64 ? FUTEX_AARCH64 : FUTEX_X86_64;
    if (!thread->in_system_call)
        return thread->activity == SPPROF_ACTIVITY_RUNNING ? SPPROF_FALSE : SPPROF_UNKNOWN;
    bool inside = thread->system_call_argument >= start && thread->system_call_argument - start < size;
    return thread->system_call == futex && inside ? SPPROF_TRUE : SPPROF_FALSE;
}
