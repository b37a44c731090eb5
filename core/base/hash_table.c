#include "base/hash_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

enum { CAPACITY_MIN = 16 };

static const uint64_t free_place = UINT64_MAX;

static uint64_t seed;

static void make_seed(void)
{
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = base_clock_now() ^ (uint64_t)(uintptr_t)&seed << 20;
}

static uint64_t seed_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_seed);
    return seed;
}

/* The finisher of MurmurHash3: every bit of the input reaches every bit of the result. */
static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdU;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53U;
    return value ^ value >> 33;
}

uint64_t base_hash_with(uint64_t hash, uint64_t value)
{
    hash += seed_once();
    return mix(hash + value) + (hash << 7 | hash >> 57);
}

uint64_t base_hash_bytes(const void *bytes, size_t size)
{
    const char *at = bytes;
    uint64_t hash = base_hash_with(0, size);
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, at + i, size - i < sizeof word ? size - i : sizeof word);
        hash = base_hash_with(hash, word);
    }
    return hash;
}

void base_hash_table_free(struct hash_table *table)
{
    free(table->entries);
    *table = (struct hash_table){NULL, 0, 0};
}

static void empty(struct hash_entry *entries, size_t capacity)
{
    for (size_t i = 0; i < capacity; i++)
        entries[i].number = free_place;
}

void base_hash_table_clear(struct hash_table *table)
{
    empty(table->entries, table->capacity);
    table->count = 0;
}

/* Where a key lies, if it lies where it belongs. */
static size_t home_of(const struct hash_table *table, uint64_t key)
{
    return (size_t)mix(key + seed_once()) & (table->capacity - 1);
}

/* Full to three quarters, it grows to the double. */
static size_t larger_capacity(const struct hash_table *table)
{
    if (table->count < table->capacity / 4 * 3)
        return table->capacity;
    return table->capacity == 0 ? CAPACITY_MIN : table->capacity > SIZE_MAX / 2 ? 0 : table->capacity * 2;
}

size_t base_hash_table_growth(const struct hash_table *table)
{
    size_t capacity = larger_capacity(table), bytes;
    if (capacity == table->capacity)
        return 0;
    return __builtin_mul_overflow(capacity, sizeof *table->entries, &bytes) ? SIZE_MAX : bytes;
}

bool base_hash_table_reserve(struct hash_table *table)
{
    struct hash_table larger = {.capacity = larger_capacity(table)};
    if (larger.capacity == table->capacity)
        return true;
    larger.entries = larger.capacity == 0 ? NULL : reallocarray(NULL, larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    empty(larger.entries, larger.capacity);
    for (size_t i = 0; i < table->capacity; i++)
        if (table->entries[i].number != free_place)
            base_hash_table_add(&larger, table->entries[i].key)->number = table->entries[i].number;
    free(table->entries);
    *table = larger;
    return true;
}

struct hash_entry *base_hash_table_add(struct hash_table *table, uint64_t key)
{
    size_t at = home_of(table, key);
    while (table->entries[at].number != free_place)
        at = (at + 1) & (table->capacity - 1);
    table->count++;
    table->entries[at].key = key;
    return &table->entries[at];
}

struct hash_entry *base_hash_table_next(const struct hash_table *table, uint64_t key, size_t *cursor)
{
    if (table->capacity == 0)
        return NULL;
    size_t home = home_of(table, key);
    for (;;) {
        struct hash_entry *entry = &table->entries[(home + *cursor) & (table->capacity - 1)];
        if (entry->number == free_place)
            return NULL;
        (*cursor)++;
        if (entry->key == key)
            return entry;
    }
}

struct hash_entry *base_hash_table_each(const struct hash_table *table, size_t *cursor)
{
    while (*cursor < table->capacity) {
        struct hash_entry *entry = &table->entries[(*cursor)++];
        if (entry->number != free_place)
            return entry;
    }
    return NULL;
}

void *base_hash_table_item(const struct hash_table *table, uint64_t key)
{
    size_t cursor = 0;
    const struct hash_entry *entry = base_hash_table_next(table, key, &cursor);
    return entry != NULL ? entry->item : NULL;
}

/* Moves what lies behind a place that has become free, and belongs no further back than there: no search ends too soon. */
static void close_gap(struct hash_table *table, size_t gap)
{
    size_t mask = table->capacity - 1;
    for (size_t at = (gap + 1) & mask; table->entries[at].number != free_place; at = (at + 1) & mask) {
        size_t from_home = (at - home_of(table, table->entries[at].key)) & mask;
        if (from_home < ((at - gap) & mask))
            continue;
        table->entries[gap] = table->entries[at];
        gap = at;
    }
    table->entries[gap].number = free_place;
}

bool base_hash_table_remove(struct hash_table *table, uint64_t key, const void *item)
{
    size_t cursor = 0;
    for (struct hash_entry *entry; (entry = base_hash_table_next(table, key, &cursor)) != NULL;) {
        if (entry->item != item)
            continue;
        table->count--;
        close_gap(table, (size_t)(entry - table->entries));
        return true;
    }
    return false;
}
