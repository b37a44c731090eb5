/*
 * The one hash table: from keys of 64 bits to things of its user, amortised O(1). A key is an address, a number, or the hash of a text; what
 * is kept is a pointer or a number, as the user chooses for the whole table. One key may stand for several things: the user of a hash looks
 * which one is meant. Keys come from the target, which may be hostile: where they lie depends on a seed that it cannot know.
 */
#ifndef SPPROF_BASE_HASH_TABLE_H
#define SPPROF_BASE_HASH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_entry {
    uint64_t key;
    union {
        void *item;      /* borrowed */
        uint64_t number; /* UINT64_MAX: a free place */
    };
};

/* All zero: empty. */
struct hash_table {
    struct hash_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void base_hash_table_free(struct hash_table *table); /* its memory; it is empty afterwards */

/* Takes everything out. The memory is kept: so much as was in it fits again. */
void base_hash_table_clear(struct hash_table *table);

/* Makes room for one more, so that the next base_hash_table_add cannot fail. False: no memory. */
bool base_hash_table_reserve(struct hash_table *table);

/* The bytes that the next base_hash_table_reserve would allocate, for those who draw them from a budget; 0: there is room. */
size_t base_hash_table_growth(const struct hash_table *table);

/* A new entry under a key, whose item or number is to be set; room must have been reserved. It moves when room is made. */
struct hash_entry *base_hash_table_add(struct hash_table *table, uint64_t key);

/* The entries of a key, one after the other, in no order: begin with *cursor = 0; NULL: there is no other. */
struct hash_entry *base_hash_table_next(const struct hash_table *table, uint64_t key, size_t *cursor);

/* All entries, in no order: begin with *cursor = 0; NULL: there is no other. */
struct hash_entry *base_hash_table_each(const struct hash_table *table, size_t *cursor);

/* The item of a key that stands for one at most; NULL: there is none. */
void *base_hash_table_item(const struct hash_table *table, uint64_t key);

/* Takes one item of a key out; false where it is not there. Cursors and entries of the table are void afterwards. */
bool base_hash_table_remove(struct hash_table *table, uint64_t key, const void *item);

/* Hashes that cannot be foreseen outside this process: of bytes, and of a hash together with one more part of a key. */
uint64_t base_hash_bytes(const void *bytes, size_t size);
uint64_t base_hash_with(uint64_t hash, uint64_t value);

#endif
