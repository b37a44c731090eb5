#include "target/read_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/hash_table.h"
#include "target/budget.h"
#include "target/target.h"

enum {
    /* Ranges so close to one another are read as one: copying a few bytes more is cheaper than another element of the batch. */
    MERGE_GAP = 1024,
    MERGED_MAX = 1 << 16,
    GROUP_SIZE = 1 << 22,
    LARGE = 1 << 20,
    PAGE = 4096,
    UNWANTED_ROUNDS = 64,
    UNWANTED_ROUNDS_MERGED = 8, /* where frames lie anywhere there would soon be too many */
};

/* One range. A longer range at the same address is an entry of its own: it may fail where the shorter one did not. */
struct entry {
    uint64_t address;
    size_t size;
    uint8_t *data;
    struct entry *next; /* that begins at the same address, and was made before */
    uint32_t wanted;    /* the round in which it was wanted last */
    enum spprof_read_status status;
};

struct read_cache {
    struct spprof_target *target;
    struct hash_table by_address; /* the entry that was made last of each address */
    struct entry **entries;       /* every one, in the order in which they were first wanted */
    size_t entry_count, entry_capacity;
    struct entry **pending;
    size_t pending_count, pending_capacity;
    struct spprof_range *ranges; /* of target_read_cache_reread */
    size_t range_capacity;
    uint8_t *buffer; /* of merged ranges */
    size_t buffer_size;
    uint32_t round;
    enum spprof_read_status refusal; /* why no entry was made when one was wanted last */
    bool has_released;               /* some entries have lost their memory: see release_failed */
    size_t bytes;                    /* of all entries */
    size_t sorted_count;             /* entries that stood in order when they were last read merged */
};

struct spprof_error *target_read_cache_new(struct spprof_target *target, struct read_cache **result)
{
    struct read_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return spprof_error_no_memory();
    cache->target = target;
    *result = cache;
    return NULL;
}

/* What an entry takes: its bytes, itself, and its places in the lists and the table. */
static uint64_t cost_of(size_t size)
{
    return size + sizeof(struct entry) + 4 * sizeof(struct entry *);
}

static void release_data(struct read_cache *cache, struct entry *entry)
{
    if (entry->data == NULL)
        return;
    target_budget_give(&cache->target->budget, entry->size);
    cache->bytes -= entry->size;
    free(entry->data);
    entry->data = NULL;
}

static void free_entry(struct read_cache *cache, struct entry *entry)
{
    release_data(cache, entry);
    target_budget_give(&cache->target->budget, cost_of(0));
    free(entry);
}

void target_read_cache_clear(struct read_cache *cache)
{
    for (size_t i = 0; i < cache->entry_count; i++)
        free_entry(cache, cache->entries[i]);
    cache->entry_count = 0;
    cache->pending_count = 0;
    cache->sorted_count = 0;
    base_hash_table_clear(&cache->by_address);
}

size_t target_read_cache_bytes(const struct read_cache *cache)
{
    return cache->bytes;
}

void target_read_cache_free(struct read_cache *cache)
{
    if (cache == NULL)
        return;
    target_read_cache_clear(cache);
    base_hash_table_free(&cache->by_address);
    free(cache->entries);
    free(cache->pending);
    free(cache->ranges);
    free(cache->buffer);
    free(cache);
}

struct spprof_target *target_read_cache_target(const struct read_cache *cache)
{
    return cache->target;
}

/* The entry that serves size bytes at address best: one that was read, else one that is pending, else one that failed at that size. */
static struct entry *find(const struct read_cache *cache, uint64_t address, size_t size)
{
    struct entry *best = NULL;
    for (struct entry *entry = base_hash_table_item(&cache->by_address, address); entry != NULL; entry = entry->next) {
        if (entry->size < size)
            continue;
        if (entry->status == SPPROF_READ_OK)
            return entry;
        if (entry->status == SPPROF_READ_PENDING || (best == NULL && entry->size == size))
            best = entry;
    }
    return best;
}

/* There is room for it. */
static void link_entry(struct read_cache *cache, struct entry *entry)
{
    size_t cursor = 0;
    struct hash_entry *known = base_hash_table_next(&cache->by_address, entry->address, &cursor);
    entry->next = known != NULL ? known->item : NULL;
    if (known == NULL)
        known = base_hash_table_add(&cache->by_address, entry->address);
    known->item = entry;
}

static struct entry *new_entry(struct read_cache *cache, uint64_t address, size_t size)
{
    struct spprof_budget *budget = &cache->target->budget;
    if (!target_budget_take(budget, cost_of(size)))
        return NULL;
    struct entry *entry = calloc(1, sizeof *entry);
    uint8_t *data = malloc(size);
    if (entry == NULL || data == NULL) {
        target_budget_give(budget, cost_of(size));
        target_budget_out_of_memory(budget);
        free(entry);
        free(data);
        return NULL;
    }
    *entry = (struct entry){.address = address, .size = size, .data = data};
    cache->bytes += size;
    return entry;
}

/* Makes an entry that is pending. */
static struct entry *add(struct read_cache *cache, uint64_t address, size_t size)
{
    struct entry *entry = new_entry(cache, address, size);
    if (entry == NULL)
        return NULL;
    if (!ARRAY_RESERVE(cache->pending, cache->pending_capacity, cache->pending_count + 1) ||
        !ARRAY_RESERVE(cache->entries, cache->entry_capacity, cache->entry_count + 1) || !base_hash_table_reserve(&cache->by_address)) {
        free_entry(cache, entry);
        target_budget_out_of_memory(&cache->target->budget);
        return NULL;
    }
    cache->pending[cache->pending_count++] = entry;
    cache->entries[cache->entry_count++] = entry;
    link_entry(cache, entry);
    return entry;
}

enum read_cache_status target_read_cache_want(struct read_cache *cache, uint64_t address, size_t size, const uint8_t **data)
{
    cache->refusal = SPPROF_READ_UNMAPPED;
    if (size == 0 || size > TARGET_READ_MAX || address + size < address)
        return READ_CACHE_FAILED;
    cache->refusal = SPPROF_READ_NOT_KEPT;
    struct entry *entry = find(cache, address, size);
    if (entry == NULL)
        entry = add(cache, address, size);
    if (entry == NULL)
        return READ_CACHE_FAILED;
    entry->wanted = cache->round;
    if (entry->status == SPPROF_READ_PENDING)
        return READ_CACHE_PENDING;
    if (entry->status != SPPROF_READ_OK)
        return READ_CACHE_FAILED;
    *data = entry->data;
    return READ_CACHE_READY;
}

enum read_cache_status target_read_cache_look(const struct read_cache *cache, uint64_t address, size_t size, const uint8_t **data)
{
    if (size == 0 || size > TARGET_READ_MAX || address + size < address)
        return READ_CACHE_FAILED;
    struct entry *entry = find(cache, address, size);
    if (entry == NULL || entry->status == SPPROF_READ_PENDING)
        return READ_CACHE_PENDING;
    entry->wanted = cache->round;
    if (entry->status != SPPROF_READ_OK)
        return READ_CACHE_FAILED;
    *data = entry->data;
    return READ_CACHE_READY;
}

enum spprof_read_status target_read_cache_failure(const struct read_cache *cache, uint64_t address)
{
    const struct entry *entry = base_hash_table_item(&cache->by_address, address);
    while (entry != NULL && (entry->status == SPPROF_READ_PENDING || entry->status == SPPROF_READ_OK))
        entry = entry->next;
    return entry != NULL ? entry->status : cache->refusal;
}

static int by_address(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
    return (a->address > b->address) - (a->address < b->address);
}

/*
 * How many entries from first on lie so close that one read serves them; *end is where that read ends. pages_apart: two that touch where
 * a page ends are no neighbours, since the next page may be gone, and what fails is not read again one by one.
 */
static size_t run_length(struct entry *const *entries, size_t first, size_t count, bool pages_apart, uint64_t *end)
{
    uint64_t start = entries[first]->address;
    *end = start + entries[first]->size;
    size_t next = first + 1;
    for (; next < count; next++) {
        const struct entry *entry = entries[next];
        uint64_t entry_end = entry->address + entry->size;
        bool overlaps = entry->address < *end || (!pages_apart && entry->address == *end);
        bool near = overlaps || (entry->address - *end < MERGE_GAP && entry->address / PAGE == (*end - 1) / PAGE);
        if (!near || entry_end - start > MERGED_MAX)
            break;
        if (entry_end > *end)
            *end = entry_end;
    }
    return next - first;
}

struct run {
    size_t first, count; /* of the entries that one range serves */
};

/* Gives each entry of a run its part of the buffer that was read, or where that failed, tries each for itself later. */
static size_t distribute(struct entry *const *entries, const struct run *run, const struct spprof_range *range, struct spprof_range *again)
{
    size_t retries = 0;
    for (size_t i = run->first; i < run->first + run->count; i++) {
        struct entry *entry = entries[i];
        if (run->count == 1) {
            entry->status = range->status;
        } else if (range->status == SPPROF_READ_OK) {
            memcpy(entry->data, (const uint8_t *)range->buffer + (entry->address - range->address), entry->size);
            entry->status = SPPROF_READ_OK;
        } else {
            again[retries++] = (struct spprof_range){.address = entry->address, .size = entry->size, .buffer = entry->data};
        }
    }
    return retries;
}

/* Entries of failed runs, in the order in which distribute put them into again. */
static void settle(struct entry *const *entries, size_t count, const struct spprof_range *again)
{
    for (size_t i = 0, next = 0; i < count; i++)
        if (entries[i]->status == SPPROF_READ_PENDING)
            entries[i]->status = again[next++].status;
}

static void fail_all(struct read_cache *cache, struct entry *const *entries, size_t count)
{
    target_budget_out_of_memory(&cache->target->budget);
    for (size_t i = 0; i < count; i++)
        entries[i]->status = SPPROF_READ_NOT_KEPT;
}

static void read_group(struct read_cache *cache, struct entry **entries, size_t count)
{
    CLEANUP_FREE struct spprof_range *ranges = calloc(count, sizeof *ranges);
    CLEANUP_FREE struct spprof_range *again = calloc(count, sizeof *again);
    CLEANUP_FREE struct run *runs = calloc(count, sizeof *runs);
    if (ranges == NULL || again == NULL || runs == NULL) {
        fail_all(cache, entries, count);
        return;
    }
    qsort(entries, count, sizeof *entries, by_address);
    size_t range_count = 0;
    for (size_t first = 0; first < count; first += runs[range_count++].count) {
        uint64_t end;
        size_t length = run_length(entries, first, count, false, &end);
        void *buffer = length == 1 ? entries[first]->data : malloc((size_t)(end - entries[first]->address));
        if (buffer == NULL) {
            length = 1;
            end = entries[first]->address + entries[first]->size;
            buffer = entries[first]->data;
        }
        runs[range_count] = (struct run){first, length};
        ranges[range_count] =
            (struct spprof_range){.address = entries[first]->address, .size = (size_t)(end - entries[first]->address), .buffer = buffer};
    }
    target_read_many(cache->target, ranges, range_count);

    size_t retries = 0;
    for (size_t i = 0; i < range_count; i++) {
        retries += distribute(entries, &runs[i], &ranges[i], again + retries);
        if (runs[i].count > 1)
            free(ranges[i].buffer);
    }
    if (retries > 0) {
        target_read_many(cache->target, again, retries);
        settle(entries, count, again);
    }
}

/* Damaged memory may ask for much that is not there: that takes nothing of the budget. */
static void release_failed(struct read_cache *cache, struct entry *const *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (entries[i]->status == SPPROF_READ_OK || entries[i]->size < LARGE)
            continue;
        release_data(cache, entries[i]);
        cache->has_released = true;
    }
}

/* In groups: what is read merged is there twice for as long as that takes. */
static void read_entries(struct read_cache *cache, struct entry **entries, size_t count)
{
    for (size_t first = 0, next; first < count; first = next) {
        size_t size = 0;
        for (next = first; next < count && (next == first || size + entries[next]->size <= GROUP_SIZE); next++)
            size += entries[next]->size;
        target_keep_time(cache->target);
        read_group(cache, entries + first, next - first);
        release_failed(cache, entries + first, next - first);
    }
}

bool target_read_cache_fetch(struct read_cache *cache)
{
    if (cache->pending_count == 0)
        return false;
    read_entries(cache, cache->pending, cache->pending_count);
    cache->pending_count = 0;
    return true;
}

/* Drops the ranges that nobody has wanted for so many rounds, and those whose memory was released: they are read anew when they are wanted. */
static void drop_unwanted(struct read_cache *cache, uint32_t rounds)
{
    size_t kept = 0;
    cache->has_released = false;
    for (size_t i = 0; i < cache->entry_count; i++) {
        struct entry *entry = cache->entries[i];
        if (entry->data != NULL && cache->round - entry->wanted < rounds)
            cache->entries[kept++] = entry;
        else
            free_entry(cache, entry);
    }
    if (kept == cache->entry_count)
        return;
    cache->entry_count = kept;
    cache->sorted_count = 0;
    base_hash_table_clear(&cache->by_address);
    for (size_t i = 0; i < kept; i++)
        link_entry(cache, cache->entries[i]);
}

void target_read_cache_refresh(struct read_cache *cache)
{
    if (cache->has_released)
        drop_unwanted(cache, UINT32_MAX);
    for (size_t i = 0; i < cache->entry_count; i++)
        cache->entries[i]->status = SPPROF_READ_PENDING;
    cache->pending_count = 0;
    read_entries(cache, cache->entries, cache->entry_count);
}

/*
 * A word or two lead to the rest, and come before it; each kind keeps its order. One alone comes first of all: a thread that is about to
 * write to what was just read has to wait for its cache, so that only what is read first is what it is by itself. Where there are several
 * the first range tells which of them counts, and must be older than they are.
 */
static void put_words_first(struct read_cache *cache)
{
    struct entry **entries = cache->entries;
    size_t words = 0;
    for (size_t i = 0; i < cache->entry_count; i++) {
        struct entry *entry = entries[i];
        if (entry->size > 2 * sizeof(uint64_t))
            continue;
        memmove(entries + words + 1, entries + words, (i - words) * sizeof *entries);
        entries[words++] = entry;
    }
    if (words > 1 && words < cache->entry_count) {
        struct entry *first = entries[words];
        memmove(entries + 1, entries, words * sizeof *entries);
        entries[0] = first;
    }
}

/* One range for each entry, read right into it. */
static size_t plan_apart(struct read_cache *cache)
{
    if (cache->sorted_count != cache->entry_count)
        put_words_first(cache);
    cache->sorted_count = cache->entry_count;
    for (size_t i = 0; i < cache->entry_count; i++) {
        struct entry *entry = cache->entries[i];
        cache->ranges[i] = (struct spprof_range){.address = entry->address, .size = entry->size, .buffer = entry->data};
    }
    return cache->entry_count;
}

/* The first entry, then runs of entries that lie close, read into the buffer one behind the other. */
static size_t plan_merged(struct read_cache *cache)
{
    struct entry **entries = cache->entries;
    size_t count = cache->entry_count, ranges = 0, size = 0;
    uint64_t end;
    if (count > 1 && cache->sorted_count != count) /* what was added since stands at the end */
        qsort(entries + 1, count - 1, sizeof *entries, by_address);
    cache->sorted_count = count;
    for (size_t first = 0, length; first < count; first += length) {
        length = first == 0 ? 1 : run_length(entries, first, count, true, &end);
        size_t needed = first == 0 ? entries[0]->size : (size_t)(end - entries[first]->address);
        cache->ranges[ranges++] = (struct spprof_range){.address = entries[first]->address, .size = needed};
        size += needed;
    }
    if (!ARRAY_RESERVE(cache->buffer, cache->buffer_size, size))
        return 0;
    for (size_t i = 0, at = 0; i < ranges; at += cache->ranges[i++].size)
        cache->ranges[i].buffer = cache->buffer + at;
    return ranges;
}

static void distribute_merged(struct read_cache *cache, size_t ranges)
{
    size_t next = 0;
    for (size_t i = 0; i < ranges; i++) {
        const struct spprof_range *range = &cache->ranges[i];
        for (bool first = true; next < cache->entry_count; next++, first = false) {
            struct entry *entry = cache->entries[next];
            bool later = i + 1 < ranges && entry->address >= cache->ranges[i + 1].address;
            if (!first && (i == 0 || later))
                break;
            entry->status = range->status;
            if (range->status == SPPROF_READ_OK)
                memcpy(entry->data, (const uint8_t *)range->buffer + (entry->address - range->address), entry->size);
            else if (entry->size < range->size) /* a neighbour may have spoilt it */
                entry->status = target_try_read(cache->target, entry->address, entry->data, entry->size);
        }
    }
}

void target_read_cache_reread(struct read_cache *cache, bool merged)
{
    cache->pending_count = 0;
    uint32_t rounds = merged ? UNWANTED_ROUNDS_MERGED : UNWANTED_ROUNDS;
    if (++cache->round % rounds == 0)
        drop_unwanted(cache, rounds);
    else if (cache->has_released)
        drop_unwanted(cache, UINT32_MAX);
    size_t count = cache->entry_count, ranges = 0;
    if (count == 0)
        return;
    if (ARRAY_RESERVE(cache->ranges, cache->range_capacity, count))
        ranges = merged ? plan_merged(cache) : plan_apart(cache);
    if (ranges == 0) {
        fail_all(cache, cache->entries, count);
        return;
    }
    target_read_many(cache->target, cache->ranges, ranges);
    if (merged)
        distribute_merged(cache, ranges);
    else
        for (size_t i = 0; i < count; i++)
            cache->entries[i]->status = cache->ranges[i].status;
}
