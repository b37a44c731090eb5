/* Dicts of a program made by a test (memory.h), as every version lays them out. */
#ifndef TESTS_UNIT_DICTS_H
#define TESTS_UNIT_DICTS_H

#include "memory.h"

enum { KEYS_GENERAL, KEYS_UNICODE, KEYS_SPLIT };

struct item {
    uint64_t key, value; /* addresses; key 0: a hole */
};

static inline bool has_lookup_keys(const struct memory *memory)
{
    return memory->layout.rules->dict_keys == DICT_KEYS_LOOKUP;
}

struct table {
    int kind; /* 3.11 and later */
    unsigned log2_size;
    const struct item *items;
    size_t count;
};

/* DK_IXSIZE of Objects/dictobject.c up to 3.10, calculate_log2_index_bytes since: 128 places take a byte each, 256 take two. */
static inline size_t index_bytes(unsigned log2_size)
{
    return ((size_t)1 << log2_size) * (log2_size < 8 ? 1 : log2_size < 16 ? 2 : 4);
}

static inline uint64_t log2_of(size_t number)
{
    uint64_t log2 = 0;
    while ((size_t)1 << log2 < number)
        log2++;
    return log2;
}

static inline uint64_t make_keys(struct memory *memory, const struct table *table)
{
    size_t indices = index_bytes(table->log2_size);
    bool general = has_lookup_keys(memory) || table->kind == KEYS_GENERAL;
    size_t entry_size = general ? 24 : 16;
    uint64_t keys = place(memory, 64 + indices + table->count * entry_size);
    if (has_lookup_keys(memory)) {
        put_u64(memory, FIELD_AT(memory, keys, dict_keys, size), (uint64_t)1 << table->log2_size);
    } else {
        put_u8(memory, FIELD_AT(memory, keys, dict_keys, log2_size), (uint8_t)table->log2_size);
        put_u8(memory, FIELD_AT(memory, keys, dict_keys, log2_index_bytes), (uint8_t)log2_of(indices));
        put_u8(memory, FIELD_AT(memory, keys, dict_keys, kind), (uint8_t)table->kind);
    }
    put_u64(memory, FIELD_AT(memory, keys, dict_keys, nentries), table->count);
    uint64_t entries = FIELD_AT(memory, keys, dict_keys, indices) + indices;
    for (size_t i = 0; i < table->count; i++) {
        put_u64(memory, entries + i * entry_size + (general ? 8 : 0), table->items[i].key);
        put_u64(memory, entries + i * entry_size + (general ? 16 : 8), table->kind == KEYS_SPLIT ? 0 : table->items[i].value);
    }
    return keys;
}

/* The values of a split table, as its dict or instance points to them. */
static inline uint64_t make_values(struct memory *memory, uint64_t where, const struct table *table)
{
    int32_t offset = LAYOUT(&memory->layout, dict_values, values);
    uint64_t values = where != 0 ? where : place(memory, 64 + table->count * 8);
    for (size_t i = 0; i < table->count; i++)
        put_u64(memory, values + (uint64_t)(offset == LAYOUT_ABSENT ? 0 : offset) + i * 8, table->items[i].value);
    return values;
}

static inline uint64_t make_dict_of(struct memory *memory, uint64_t keys, uint64_t values)
{
    if (memory->dict_type == 0)
        memory->dict_type = make_type(memory, "dict", TYPE_FLAG_DICT, 64);
    uint64_t dict = make_object(memory, memory->dict_type, 128);
    put_u64(memory, FIELD_AT(memory, dict, dict, keys), keys);
    put_u64(memory, FIELD_AT(memory, dict, dict, values), values);
    return dict;
}

static inline uint64_t make_dict(struct memory *memory, const struct table *table)
{
    return make_dict_of(memory, make_keys(memory, table), table->kind == KEYS_SPLIT ? make_values(memory, 0, table) : 0);
}

#endif
