/*
 * An index from the hash of a thing to its number, for things that stand in an array of their owner: open addressing, amortised O(1).
 * What is looked up came from the target, so hashes start from a seed that it cannot know.
 */
#ifndef SPPROF_SAMPLE_HASH_INDEX_H
#define SPPROF_SAMPLE_HASH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_slot {
    uint32_t hash, number; /* number UINT32_MAX: free */
};

/* All zero: empty. */
struct hash_index {
    struct hash_slot *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

void hash_index_free(struct hash_index *index);

/* Makes room for one more, so that the next hash_index_add cannot fail. False: no memory. */
bool hash_index_reserve(struct hash_index *index);

/* Adds a number under a hash; room must have been reserved. */
void hash_index_add(struct hash_index *index, uint32_t hash, uint32_t number);

/*
 * The slots of a hash, one after the other: begin with *cursor = hash; NULL: there is no other. Whether a slot is the one that is
 * sought, the caller sees by its number, which it may also replace.
 */
struct hash_slot *hash_index_next(const struct hash_index *index, uint32_t hash, uint64_t *cursor);

/* A seed that nobody outside this process knows. */
uint64_t hash_seed(void);

uint64_t hash_integer(uint64_t hash, uint64_t value);
uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size);

static inline uint32_t hash_fold(uint64_t hash)
{
    return (uint32_t)(hash ^ hash >> 32);
}

#endif
