#include "walk/kernel_threads.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "object/reader.h"
#include "target/target.h"

enum { DESCRIPTOR_SIZE = 2304, DESCRIPTOR_SIZE_MIN = 64, FUTEX_X86_64 = 202, FUTEX_AARCH64 = 98, LEARN_FROM = 64 };

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

/* The descriptors of different threads, as far as they can be read. */
struct descriptors {
    uint64_t addresses[LEARN_FROM];
    uint8_t bytes[LEARN_FROM][DESCRIPTOR_SIZE];
    size_t sizes[LEARN_FROM];
    size_t count;
};

static void add_descriptor(struct descriptors *descriptors, uint64_t address)
{
    for (size_t i = 0; i < descriptors->count; i++)
        if (descriptors->addresses[i] == address) /* one thread may have a thread state in several interpreters */
            return;
    descriptors->addresses[descriptors->count++] = address;
}

/* One that ends where memory ends is read as far as it goes. */
static size_t read_less(struct spprof_target *target, uint64_t address, uint8_t *bytes)
{
    size_t size = DESCRIPTOR_SIZE / 2;
    while (size >= DESCRIPTOR_SIZE_MIN && target_try_read(target, address, bytes, size) != SPPROF_READ_OK)
        size /= 2;
    return size >= DESCRIPTOR_SIZE_MIN ? size : 0;
}

static void read_descriptors(const struct kernel_threads *threads, const struct thread_list *list, struct descriptors *descriptors)
{
    struct spprof_range ranges[LEARN_FROM];
    descriptors->count = 0;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->interpreters[i]->thread_count && descriptors->count < LEARN_FROM; j++)
            add_descriptor(descriptors, list->interpreters[i]->threads[j]->thread_id);
    for (size_t i = 0; i < descriptors->count; i++)
        ranges[i] = (struct spprof_range){.address = descriptors->addresses[i], .size = DESCRIPTOR_SIZE, .buffer = descriptors->bytes[i]};
    target_read_many(threads->target, ranges, descriptors->count);

    size_t readable = 0;
    for (size_t i = 0; i < descriptors->count; i++) {
        bool whole = ranges[i].status == SPPROF_READ_OK;
        size_t size = whole ? DESCRIPTOR_SIZE : read_less(threads->target, ranges[i].address, descriptors->bytes[i]);
        if (size == 0)
            continue;
        memmove(descriptors->bytes[readable], descriptors->bytes[i], size);
        descriptors->sizes[readable++] = size;
    }
    descriptors->count = readable;
}

/* Whether every descriptor holds here the id of a thread that exists, and no two the same. */
static bool holds_ids(const struct kernel_threads *threads, const struct descriptors *descriptors, size_t offset)
{
    int32_t ids[LEARN_FROM];
    for (size_t i = 0; i < descriptors->count; i++) {
        if (offset + sizeof *ids > descriptors->sizes[i])
            return false;
        ids[i] = field_i32((struct bytes){descriptors->bytes[i], sizeof descriptors->bytes[i]}, (int64_t)offset);
        if (find_tid(threads, ids[i]) == NULL)
            return false;
        for (size_t j = 0; j < i; j++)
            if (ids[j] == ids[i])
                return false;
    }
    return descriptors->count > 0;
}

void kernel_threads_learn_descriptors(struct kernel_threads *threads, const struct thread_list *list)
{
    CLEANUP_FREE struct descriptors *descriptors = malloc(sizeof *descriptors);
    if (descriptors == NULL)
        return;
    read_descriptors(threads, list, descriptors);
    for (size_t offset = sizeof(int32_t); offset < DESCRIPTOR_SIZE; offset += sizeof(int32_t)) {
        if (holds_ids(threads, descriptors, offset)) {
            threads->descriptor_offset = (int32_t)offset;
            return;
        }
    }
}

static int64_t descriptor_tid(const struct kernel_threads *threads, uint64_t descriptor, int32_t offset)
{
    int32_t tid;
    if (target_try_read(threads->target, descriptor + (uint64_t)offset, &tid, sizeof tid) != SPPROF_READ_OK)
        return 0;
    return tid;
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
