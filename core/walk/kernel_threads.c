#include "walk/kernel_threads.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "object/reader.h"
#include "target/target.h"

enum { DESCRIPTOR_SIZE = 2304, FUTEX_X86_64 = 202, FUTEX_AARCH64 = 98, LEARN_FROM = 64 };

static int by_target_tid(const void *left, const void *right)
{
    const struct spprof_native_thread *a = left, *b = right;
    return (a->target_tid > b->target_tid) - (a->target_tid < b->target_tid);
}

struct spprof_error *kernel_threads_init(struct kernel_threads *threads, struct spprof_target *target, struct spprof_native_threads natives)
{
    *threads = (struct kernel_threads){.natives = natives, .target = target};
    threads->known = calloc(natives.count + 1, sizeof *threads->known);
    if (threads->known == NULL)
        return spprof_error_no_memory();
    if (natives.count > 0)
        qsort(natives.items, natives.count, sizeof *natives.items, by_target_tid);
    return NULL;
}

void kernel_threads_free(struct kernel_threads *threads)
{
    spprof_native_threads_free(&threads->natives);
    free(threads->known);
}

static struct spprof_native_thread *find_tid(const struct kernel_threads *threads, int64_t target_tid)
{
    struct spprof_native_thread key = {.target_tid = target_tid};
    if (threads->natives.count == 0 || target_tid <= 0)
        return NULL;
    return bsearch(&key, threads->natives.items, threads->natives.count, sizeof key, by_target_tid);
}

/* Keeps the offsets at which this descriptor holds the id of a thread that exists. */
static bool narrow(const struct kernel_threads *threads, const struct thread_state *state, bool *candidates)
{
    uint8_t descriptor[DESCRIPTOR_SIZE];
    size_t size = sizeof descriptor;
    while (size >= 64 && target_try_read(threads->target, state->thread_id, descriptor, size) != SPPROF_READ_OK)
        size /= 2;
    if (size < 64)
        return false;
    for (size_t offset = 0; offset < DESCRIPTOR_SIZE; offset += 4)
        if (offset + 4 > size || find_tid(threads, field_i32(descriptor, (int32_t)offset)) == NULL)
            candidates[offset / 4] = false;
    return true;
}

static int64_t descriptor_tid(const struct kernel_threads *threads, uint64_t descriptor, int32_t offset)
{
    int32_t tid;
    if (target_try_read(threads->target, descriptor + (uint64_t)offset, &tid, sizeof tid) != SPPROF_READ_OK)
        return 0;
    return tid;
}

/* A constant that happens to equal a thread's id would be the same for all threads. */
static bool distinct(const struct kernel_threads *threads, const struct thread_list *list, int32_t offset)
{
    const struct interpreter *main = list->interpreters[0];
    if (main->thread_count < 2)
        return true;
    return descriptor_tid(threads, main->threads[0]->thread_id, offset) != descriptor_tid(threads, main->threads[1]->thread_id, offset);
}

void kernel_threads_learn_descriptors(struct kernel_threads *threads, const struct thread_list *list)
{
    bool candidates[DESCRIPTOR_SIZE / 4];
    size_t read = 0;
    memset(candidates, true, sizeof candidates);
    if (threads->natives.count == 0 || list->count == 0)
        return;
    const struct interpreter *first = list->interpreters[0];
    for (size_t i = 0; i < first->thread_count && i < LEARN_FROM; i++)
        if (narrow(threads, first->threads[i], candidates))
            read++;
    for (int32_t offset = 4; read > 0 && offset < DESCRIPTOR_SIZE; offset += 4) {
        if (candidates[offset / 4] && distinct(threads, list, offset)) {
            threads->descriptor_offset = offset;
            return;
        }
    }
}

static struct spprof_native_thread *find_by_descriptor(const struct kernel_threads *threads, uint64_t thread_id)
{
    if (thread_id == 0)
        return NULL;
    /* On x86-64 the thread pointer is the address of the descriptor itself. */
    for (size_t i = 0; i < threads->natives.count; i++)
        if (threads->natives.items[i].thread_pointer == thread_id)
            return &threads->natives.items[i];
    if (threads->descriptor_offset == 0)
        return NULL;
    return find_tid(threads, descriptor_tid(threads, thread_id, threads->descriptor_offset));
}

const struct spprof_native_thread *kernel_threads_find(struct kernel_threads *threads, const struct thread_state *state)
{
    struct spprof_native_thread *native = find_tid(threads, (int64_t)state->native_thread_id);
    if (native == NULL) /* before 3.11, and in a child of fork where the version forgets to set it anew */
        native = find_by_descriptor(threads, state->thread_id);
    if (native != NULL)
        threads->known[native - threads->natives.items] = true;
    return native;
}

size_t kernel_threads_unknown(const struct kernel_threads *threads)
{
    size_t unknown = 0;
    for (size_t i = 0; i < threads->natives.count; i++)
        unknown += !threads->known[i];
    return unknown;
}

enum spprof_truth kernel_thread_waits_in(const struct spprof_native_thread *thread, enum spprof_architecture architecture, uint64_t start,
                                         uint64_t size)
{
    int64_t futex = architecture == SPPROF_AARCH64 ? FUTEX_AARCH64 : FUTEX_X86_64;
    if (!thread->in_system_call)
        return thread->activity == SPPROF_ACTIVITY_RUNNING ? SPPROF_FALSE : SPPROF_UNKNOWN;
    bool inside = thread->system_call_argument >= start && thread->system_call_argument - start < size;
    return thread->system_call == futex && inside ? SPPROF_TRUE : SPPROF_FALSE;
}
