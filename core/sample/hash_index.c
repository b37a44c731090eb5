#include "sample/hash_index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { CAPACITY_MIN = 16 };

void hash_index_free(struct hash_index *index)
{
    free(index->slots);
    *index = (struct hash_index){0};
}

static struct hash_slot *free_slot(struct hash_slot *slots, uint32_t capacity, uint32_t hash)
{
    uint32_t at = hash & (capacity - 1);
    while (slots[at].number != UINT32_MAX)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

bool hash_index_reserve(struct hash_index *index)
{
    if (index->count < index->capacity / 4 * 3)
        return true;
    if (index->capacity > UINT32_MAX / 2)
        return false;
    uint32_t capacity = index->capacity == 0 ? CAPACITY_MIN : index->capacity * 2;
    struct hash_slot *slots = malloc(capacity * sizeof *slots);
    if (slots == NULL)
        return false;
    memset(slots, 0xff, capacity * sizeof *slots);
    for (uint32_t i = 0; i < index->capacity; i++)
        if (index->slots[i].number != UINT32_MAX)
            *free_slot(slots, capacity, index->slots[i].hash) = index->slots[i];
    free(index->slots);
    index->slots = slots;
    index->capacity = capacity;
    return true;
}

void hash_index_add(struct hash_index *index, uint32_t hash, uint32_t number)
{
    *free_slot(index->slots, index->capacity, hash) = (struct hash_slot){.hash = hash, .number = number};
    index->count++;
}

struct hash_slot *hash_index_next(const struct hash_index *index, uint32_t hash, uint64_t *cursor)
{
    if (index->capacity == 0)
        return NULL;
    for (;;) {
        struct hash_slot *slot = &index->slots[*cursor & (index->capacity - 1)];
        if (slot->number == UINT32_MAX)
            return NULL;
        (*cursor)++;
        if (slot->hash == hash)
            return slot;
    }
}

uint64_t hash_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        return seed;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uintptr_t)&now;
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

uint64_t hash_integer(uint64_t hash, uint64_t value)
{
    return mix(hash + value) + (hash << 7 | hash >> 57);
}

uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size)
{
    hash = hash_integer(hash, size);
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, size - i < sizeof word ? size - i : sizeof word);
        hash = hash_integer(hash, word);
    }
    return hash;
}
