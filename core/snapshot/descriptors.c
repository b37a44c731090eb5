#include "snapshot/descriptors.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "target/target.h"

enum {
    DESCRIPTOR_SIZE = 2304,
    DESCRIPTOR_SIZE_MIN = 64,
    LEARN_FROM = 64,
    SMALL_ID = 300, /* RESERVED_PIDS, kernel/pid.c of Linux: ids up to here are handed out to the first processes only */
};

static int by_address(const void *left, const void *right)
{
    const struct descriptor *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

struct descriptor *snapshot_descriptors_find(const struct descriptors *descriptors, uint64_t address)
{
    struct descriptor key = {.address = address};
    return descriptors->count == 0 ? NULL : bsearch(&key, descriptors->items, descriptors->count, sizeof key, by_address);
}

void snapshot_descriptors_free(struct descriptors *descriptors)
{
    free(descriptors->items);
    free(descriptors->sample);
    *descriptors = (struct descriptors){0};
}

static struct descriptor descriptor_of(const struct thread_state *state)
{
    return (struct descriptor){
        .address = state->thread_id, .said = (int64_t)state->native_thread_id, .tid = DESCRIPTOR_UNTOLD, .owner = DESCRIPTOR_UNKNOWN};
}

/* One for each that a thread state names: a thread may have a state in several interpreters, and leave its descriptor to a later one. */
static struct spprof_error *list_descriptors(const struct thread_list *list, struct descriptors *descriptors)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->interpreters[i]->thread_count;
    descriptors->items = calloc(count + 1, sizeof *descriptors->items);
    if (descriptors->items == NULL)
        return spprof_error_no_memory();
    count = 0;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++)
            descriptors->items[count++] = descriptor_of(list->interpreters[i]->threads[j]);
    qsort(descriptors->items, count, sizeof *descriptors->items, by_address);
    for (size_t i = 0; i < count; i++)
        if (descriptors->items[i].address != 0 && (kept == 0 || descriptors->items[kept - 1].address != descriptors->items[i].address))
            descriptors->items[kept++] = descriptors->items[i];
    descriptors->count = kept;
    return NULL;
}

/* The bytes of some descriptors, as far as they can be read, in their order. */
struct descriptor_sample {
    uint64_t addresses[LEARN_FROM];
    uint8_t bytes[LEARN_FROM][DESCRIPTOR_SIZE];
    size_t sizes[LEARN_FROM];
    int64_t said[LEARN_FROM];
    size_t count;
};

/* One that ends where memory ends is read as far as it goes. */
static size_t read_less(struct spprof_target *target, uint64_t address, uint8_t *bytes)
{
    size_t size = DESCRIPTOR_SIZE / 2;
    while (size >= DESCRIPTOR_SIZE_MIN && target_try_read(target, address, bytes, size) != SPPROF_READ_OK)
        size /= 2;
    return size >= DESCRIPTOR_SIZE_MIN ? size : 0;
}

static void read_sample(struct spprof_target *target, const struct descriptors *descriptors, struct descriptor_sample *sample)
{
    struct spprof_range ranges[LEARN_FROM];
    size_t count = descriptors->count < LEARN_FROM ? descriptors->count : LEARN_FROM;
    for (size_t i = 0; i < count; i++) /* from all over the list: those that were left over may lie together */
        ranges[i] = (struct spprof_range){
            .address = descriptors->items[i * descriptors->count / count].address, .size = DESCRIPTOR_SIZE, .buffer = sample->bytes[i]};
    target_read_many(target, ranges, count);
    sample->count = 0;
    for (size_t i = 0; i < count; i++) {
        bool whole = ranges[i].status == SPPROF_READ_OK;
        size_t size = whole ? DESCRIPTOR_SIZE : read_less(target, ranges[i].address, sample->bytes[i]);
        if (size == 0)
            continue;
        memmove(sample->bytes[sample->count], sample->bytes[i], size);
        sample->addresses[sample->count] = ranges[i].address;
        sample->said[sample->count] = descriptors->items[i * descriptors->count / count].said;
        sample->sizes[sample->count++] = size;
    }
}

/*
 * How many descriptors hold the id of a thread that exists here, or that their states say; 0 where two hold the same: it is not theirs. A
 * single small number proves nothing where ids are small: the debugger of a core of macOS counts its threads from 0.
 */
static size_t count_ids(const struct descriptor_sample *sample, const struct spprof_native_threads *natives, size_t offset)
{
    int32_t ids[LEARN_FROM];
    size_t found = 0;
    for (size_t i = 0; i < sample->count; i++) {
        if (offset + sizeof *ids > sample->sizes[i])
            continue;
        ids[found] = field_i32((struct bytes){sample->bytes[i], sample->sizes[i]}, (int64_t)offset);
        if (natives != NULL ? snapshot_natives_find(natives, ids[found]) == NULL : ids[found] <= 0 || ids[found] != sample->said[i])
            continue;
        for (size_t j = 0; j < found; j++)
            if (ids[j] == ids[found])
                return 0;
        found++;
    }
    bool by_chance = found == 1 && natives != NULL && natives->count > 1 && ids[0] <= SMALL_ID;
    return by_chance ? 0 : found;
}

/* natives NULL: by what the states say. */
static int32_t best_offset(const struct descriptor_sample *sample, const struct spprof_native_threads *natives)
{
    size_t most = 0;
    int32_t best = 0;
    for (size_t offset = sizeof(int32_t); offset < DESCRIPTOR_SIZE; offset += sizeof(int32_t)) {
        size_t found = count_ids(sample, natives, offset);
        if (found > most) {
            most = found;
            best = (int32_t)offset;
        }
    }
    return best;
}

static void learn_offset(struct spprof_target *target, struct descriptors *descriptors, const struct spprof_native_threads *natives)
{
    descriptors->sample = descriptors->count > 0 ? malloc(sizeof *descriptors->sample) : NULL;
    if (descriptors->sample == NULL)
        return;
    read_sample(target, descriptors, descriptors->sample);
    descriptors->tid_offset = best_offset(descriptors->sample, natives);
    if (descriptors->tid_offset == 0)
        descriptors->tid_offset = best_offset(descriptors->sample, NULL);
}

static struct spprof_error *read_tids(struct spprof_target *target, struct descriptors *descriptors)
{
    size_t count = descriptors->count;
    CLEANUP_FREE int32_t *tids = calloc(count + 1, sizeof *tids);
    CLEANUP_FREE struct spprof_range *ranges = calloc(count + 1, sizeof *ranges);
    if (tids == NULL || ranges == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct spprof_range){
            .address = descriptors->items[i].address + (uint64_t)descriptors->tid_offset, .size = sizeof *tids, .buffer = &tids[i]};
    target_read_many(target, ranges, count);
    for (size_t i = 0; i < count; i++)
        if (ranges[i].status == SPPROF_READ_OK || ranges[i].status == SPPROF_READ_UNMAPPED)
            descriptors->items[i].tid = ranges[i].status == SPPROF_READ_OK ? tids[i] : 0;
    return NULL;
}

/* On x86-64 the thread pointer is the address of the descriptor itself. */
static void find_by_pointer(struct descriptors *descriptors, const struct spprof_native_threads *natives)
{
    bool all = true, any = false;
    for (size_t i = 0; i < natives->count; i++) {
        struct descriptor key = {.address = natives->items[i].thread_pointer}, *found = NULL;
        if (key.address != 0 && descriptors->count > 0)
            found = bsearch(&key, descriptors->items, descriptors->count, sizeof key, by_address);
        if (found != NULL)
            found->owner = i;
        all = all && key.address != 0;
        any = any || found != NULL;
    }
    descriptors->by_pointer = all && any;
}

static void find_by_tid(struct descriptor *descriptor, const struct spprof_native_threads *natives)
{
    const struct spprof_native_thread *native = snapshot_natives_find(natives, descriptor->tid);
    if (descriptor->owner == DESCRIPTOR_UNKNOWN && native != NULL)
        descriptor->owner = (size_t)(native - natives->items);
    else if (descriptor->owner == DESCRIPTOR_UNKNOWN && descriptor->tid != DESCRIPTOR_UNTOLD)
        descriptor->owner = DESCRIPTOR_FREE;
}

/* What thread pointers and states say agrees in each: there is nothing to be read. */
static bool all_agree(const struct descriptors *descriptors, const struct spprof_native_threads *natives)
{
    for (size_t i = 0; i < descriptors->count; i++) {
        const struct descriptor *descriptor = &descriptors->items[i];
        if (descriptor->owner == DESCRIPTOR_UNKNOWN || natives->items[descriptor->owner].target_tid != descriptor->said)
            return false;
    }
    return descriptors->by_pointer;
}

struct spprof_error *snapshot_descriptors_read(struct spprof_target *target, const struct thread_list *list,
                                               const struct spprof_native_threads *natives, struct descriptors *descriptors)
{
    TRY(list_descriptors(list, descriptors));
    find_by_pointer(descriptors, natives);
    if (all_agree(descriptors, natives))
        return NULL;
    learn_offset(target, descriptors, natives);
    if (descriptors->tid_offset != 0)
        TRY(read_tids(target, descriptors));
    for (size_t i = 0; i < descriptors->count; i++)
        find_by_tid(&descriptors->items[i], natives);
    return NULL;
}

static bool holds(const uint8_t *bytes, size_t size, uint64_t thread_state)
{
    for (size_t offset = 0; offset + sizeof thread_state <= size; offset += sizeof thread_state)
        if (field_u64((struct bytes){bytes, size}, (int64_t)offset) == thread_state)
            return true;
    return false;
}

static int compare_addresses(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

bool snapshot_descriptor_names(struct spprof_target *target, const struct descriptors *descriptors, uint64_t descriptor, uint64_t thread_state)
{
    const struct descriptor_sample *sample = descriptors->sample;
    const uint64_t *known = NULL;
    uint8_t bytes[DESCRIPTOR_SIZE];
    if (sample != NULL)
        known = bsearch(&descriptor, sample->addresses, sample->count, sizeof descriptor, compare_addresses);
    if (known != NULL)
        return holds(sample->bytes[known - sample->addresses], sample->sizes[known - sample->addresses], thread_state);
    bool whole = target_try_read(target, descriptor, bytes, sizeof bytes) == SPPROF_READ_OK;
    return holds(bytes, whole ? sizeof bytes : read_less(target, descriptor, bytes), thread_state);
}
