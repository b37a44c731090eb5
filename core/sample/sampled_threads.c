#include "sample/sampled_threads.h"

#include <stdlib.h>

#include "base/array.h"

void sample_threads_free(struct sampled_threads *threads)
{
    free(threads->items);
    *threads = (struct sampled_threads){NULL, 0, 0};
}

/* The states of one thread next to each other, the older ones first. */
static int by_thread(const void *left, const void *right)
{
    const struct sampled_thread *a = *(struct sampled_thread *const *)left, *b = *(struct sampled_thread *const *)right;
    if (a->tid != b->tid)
        return a->tid > b->tid ? 1 : -1;
    if (a->python != b->python)
        return a->python > b->python ? 1 : -1;
    return (a->unique_id > b->unique_id) - (a->unique_id < b->unique_id);
}

/* One that may not have begun has the id of the thread that has made it. */
static bool is_same(const struct sampled_thread *first, const struct sampled_thread *second)
{
    return first->tid != 0 && first->tid == second->tid && first->born_by == 0 && second->born_by == 0;
}

static void join(struct sampled_threads *threads)
{
    struct sampled_thread *last = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < threads->count; i++) {
        struct sampled_thread *thread = threads->items[i];
        if (last != NULL && is_same(last, thread))
            last->elsewhere = thread;
        else
            threads->items[kept++] = thread;
        last = thread;
    }
    threads->count = kept;
}

struct spprof_error *sample_threads_gather(struct sampled_threads *threads, struct sampled_python *pythons, size_t python_count)
{
    threads->count = 0;
    for (size_t i = 0; i < python_count; i++) {
        const struct thread_table *thread_table = &pythons[i].thread_table;
        if (!ARRAY_RESERVE(threads->items, threads->capacity, threads->count + thread_table->count))
            return spprof_error_no_memory();
        for (size_t j = 0; j < thread_table->count; j++) {
            struct sampled_thread *thread = thread_table->threads[j];
            thread->python = &pythons[i];
            thread->elsewhere = NULL;
            threads->items[threads->count++] = thread;
        }
    }
    if (threads->count > 0)
        qsort(threads->items, threads->count, sizeof *threads->items, by_thread);
    join(threads);
    return NULL;
}
