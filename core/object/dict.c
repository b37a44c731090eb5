#include "object/dict.h"

#include <inttypes.h>

#include "object/string.h"

enum { KEYS_GENERAL = 0, KEYS_UNICODE = 1, KEYS_SPLIT = 2 }; /* dk_kind, 3.11 and later */

static enum read_cache_status sane_count(struct reader *reader, const char *what, uint64_t count, uint64_t size)
{
    if (size > (uint64_t)DICT_ENTRIES_MAX * 2 || count > size)
        return object_reader_fail(reader, "%s is no sane dict: %" PRIu64 " entries in %" PRIu64 " places", what, count, size);
    return READ_CACHE_READY;
}

/* 3.9 and 3.10: dk_size places of 1, 2, 4 or 8 bytes, then entries of hash, key and value. */
static enum read_cache_status open_lookup_keys(struct reader *reader, uint64_t keys, const char *what, struct dict_view *view)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(object_reader_struct(reader, keys, (size_t)LAYOUT(layout, dict_keys, indices), what, &data));
    uint64_t size = field_u64(data, LAYOUT(layout, dict_keys, size));
    uint64_t count = field_u64(data, LAYOUT(layout, dict_keys, nentries));
    STEP(sane_count(reader, what, count, size));
    uint64_t index_width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
    view->entries = keys + (uint64_t)LAYOUT(layout, dict_keys, indices) + size * index_width;
    view->entry_size = 24;
    view->key_offset = 8;
    view->count = (size_t)count;
    return READ_CACHE_READY;
}

static enum read_cache_status open_log2_keys(struct reader *reader, uint64_t keys, const char *what, struct dict_view *view)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(object_reader_struct(reader, keys, (size_t)LAYOUT(layout, dict_keys, indices), what, &data));
    unsigned log2_size = field_u8(data, LAYOUT(layout, dict_keys, log2_size));
    unsigned log2_bytes = field_u8(data, LAYOUT(layout, dict_keys, log2_index_bytes));
    unsigned kind = field_u8(data, LAYOUT(layout, dict_keys, kind));
    uint64_t count = field_u64(data, LAYOUT(layout, dict_keys, nentries));
    if (log2_size > 32 || log2_bytes > 35 || kind > KEYS_SPLIT)
        return object_reader_fail(reader, "%s is no sane dict", what);
    STEP(sane_count(reader, what, count, UINT64_C(1) << log2_size));
    view->entries = keys + (uint64_t)LAYOUT(layout, dict_keys, indices) + (UINT64_C(1) << log2_bytes);
    view->entry_size = kind == KEYS_GENERAL ? 24 : 16;
    view->key_offset = kind == KEYS_GENERAL ? 8 : 0;
    view->count = (size_t)count;
    return READ_CACHE_READY;
}

static enum read_cache_status open_keys(struct reader *reader, uint64_t keys, const char *what, struct dict_view *view)
{
    *view = (struct dict_view){.reader = reader};
    if (reader->layout->rules->dict_keys == DICT_KEYS_LOOKUP)
        return open_lookup_keys(reader, keys, what, view);
    return open_log2_keys(reader, keys, what, view);
}

/* Where the values themselves begin behind a dict's or an instance's values pointer. */
static uint64_t values_array(const struct layout *layout, uint64_t values)
{
    int32_t offset = LAYOUT(layout, dict_values, values);
    return values + (uint64_t)(offset == LAYOUT_ABSENT ? 0 : offset);
}

/*
 * Split values keep the order in which they were set in bytes of their own: before the values in 3.11 and 3.12, behind them since 3.13
 * (get_index_from_order, Objects/dictobject.c). Before 3.11 it is the order of the keys.
 */
static enum read_cache_status find_order(struct reader *reader, uint64_t values, struct dict_view *view)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    view->split_values = values_array(layout, values);
    if (layout->rules->dict_keys == DICT_KEYS_LOOKUP)
        return READ_CACHE_READY;
    if (LAYOUT(layout, dict_values, capacity) == LAYOUT_ABSENT) {
        STEP(object_reader_bytes(reader, values - 2, 1, "the values of a dict", &data));
        view->order_count = field_u8(data, 0);
        view->order = values - 3;
        view->order_backwards = true;
    } else {
        STEP(object_reader_bytes(reader, values, (size_t)LAYOUT(layout, dict_values, values), "the values of a dict", &data));
        view->order_count = field_u8(data, LAYOUT(layout, dict_values, size));
        view->order = view->split_values + (uint64_t)field_u8(data, LAYOUT(layout, dict_values, capacity)) * 8;
    }
    if (view->order_count > view->count)
        view->order_count = view->count;
    return READ_CACHE_READY;
}

enum read_cache_status object_dict_open(struct reader *reader, uint64_t dict, const char *what, struct dict_view *view)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(object_reader_expect(reader, dict, TYPE_FLAG_DICT, what));
    STEP(object_reader_struct(reader, dict, (size_t)LAYOUT(layout, dict, values) + 8, what, &data));
    uint64_t keys = field_u64(data, LAYOUT(layout, dict, keys));
    uint64_t values = field_u64(data, LAYOUT(layout, dict, values));
    STEP(open_keys(reader, keys, what, view));
    return values != 0 ? find_order(reader, values, view) : READ_CACHE_READY;
}

enum read_cache_status object_dict_entry(struct reader *reader, const struct dict_view *view, size_t index, uint64_t *key, uint64_t *value)
{
    struct bytes data;
    STEP(object_reader_struct(reader, view->entries, view->count * view->entry_size, "the entries of a dict", &data));
    struct bytes entry = bytes_from(data, index * view->entry_size + view->key_offset);
    *key = field_u64(entry, 0);
    *value = field_u64(entry, 8);
    if (view->split_values != 0) {
        STEP(object_reader_struct(reader, view->split_values, view->count * 8, "the values of a dict", &data));
        *value = field_u64(data, (int32_t)(index * 8));
    }
    if (*key == 0 || *value == 0)
        *key = *value = 0;
    return READ_CACHE_READY;
}

size_t object_dict_places(const struct dict_view *view)
{
    return view->order != 0 ? view->order_count : view->count;
}

static enum read_cache_status entry_at_place(struct reader *reader, const struct dict_view *view, size_t place, size_t *index)
{
    struct bytes data;
    *index = place;
    if (view->order == 0)
        return READ_CACHE_READY;
    uint64_t first = view->order_backwards ? view->order - (view->order_count - 1) : view->order;
    STEP(object_reader_bytes(reader, first, view->order_count, "the order of a dict", &data));
    *index = field_u8(data, (int64_t)(view->order_backwards ? view->order_count - 1 - place : place));
    return READ_CACHE_READY;
}

enum read_cache_status object_dict_at(struct reader *reader, const struct dict_view *view, size_t place, uint64_t *key, uint64_t *value)
{
    enum { BLOCK = 64 };
    struct bytes data;
    size_t index;
    *key = *value = 0;
    STEP(entry_at_place(reader, view, place, &index));
    if (index >= view->count)
        return READ_CACHE_READY;
    size_t first = index / BLOCK * BLOCK, count = view->count - first < BLOCK ? view->count - first : BLOCK;
    STEP(object_reader_struct(reader, view->entries + first * view->entry_size, count * view->entry_size, "the entries of a dict", &data));
    struct bytes entry = bytes_from(data, (index - first) * view->entry_size + view->key_offset);
    *key = field_u64(entry, 0);
    *value = field_u64(entry, 8);
    if (view->split_values != 0) {
        STEP(object_reader_struct(reader, view->split_values + first * 8, count * 8, "the values of a dict", &data));
        *value = field_u64(data, (int32_t)((index - first) * 8));
    }
    if (*key == 0 || *value == 0)
        *key = *value = 0;
    return READ_CACHE_READY;
}

/* Goes through all keys even when one of them waits for memory, so that all are asked for in one batch. */
static enum read_cache_status view_find(struct reader *reader, const struct dict_view *view, const char *name, uint64_t *value)
{
    enum read_cache_status status = READ_CACHE_READY;
    *value = 0;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t key, candidate;
        STEP(object_dict_entry(reader, view, i, &key, &candidate));
        if (key == 0)
            continue;
        bool equal = false;
        enum read_cache_status compared = object_string_equals(reader, key, name, &equal);
        if (equal) {
            *value = candidate;
            return READ_CACHE_READY;
        }
        if (compared == READ_CACHE_PENDING)
            status = READ_CACHE_PENDING; /* an unreadable key is not the one: names that CPython looks up itself are always whole */
    }
    return status;
}

enum read_cache_status object_dict_find(struct reader *reader, uint64_t dict, const char *what, const char *key, uint64_t *value)
{
    struct dict_view view;
    STEP(object_dict_open(reader, dict, what, &view));
    return view_find(reader, &view, key, value);
}

enum read_cache_status object_dict_find_first(struct reader *reader, uint64_t dict, const char *what, const char *key, uint64_t *value)
{
    struct dict_view view;
    uint64_t candidate = 0;
    bool equal = false;
    *value = 0;
    STEP(object_dict_open(reader, dict, what, &view));
    if (object_dict_places(&view) > 0)
        STEP(object_dict_at(reader, &view, 0, &candidate, value));
    if (candidate != 0)
        STEP(object_string_equals(reader, candidate, key, &equal));
    return equal ? READ_CACHE_READY : view_find(reader, &view, key, value);
}

struct instance_type {
    uint64_t flags, cached_keys;
    int64_t basicsize, itemsize, dictoffset;
};

static enum read_cache_status read_instance_type(struct reader *reader, uint64_t object, const char *what, struct instance_type *type)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t address;
    STEP(object_reader_type(reader, object, what, &address, &type->flags));
    STEP(object_reader_struct(reader, address, (size_t)LAYOUT(layout, type, dictoffset) + 8, "a type", &data));
    type->basicsize = field_i64(data, LAYOUT(layout, type, basicsize));
    type->itemsize = field_i64(data, LAYOUT(layout, type, itemsize));
    type->dictoffset = field_i64(data, LAYOUT(layout, type, dictoffset));
    type->cached_keys = 0;
    if ((type->flags & TYPE_FLAG_HEAP) != 0)
        STEP(object_reader_pointer(reader, address + (uint64_t)LAYOUT(layout, type, cached_keys), "the keys of a type", &type->cached_keys));
    return READ_CACHE_READY;
}

/* Where an instance with a managed dict keeps its attributes: a dict, or values that go with the keys of its type. */
static enum read_cache_status managed_dict(struct reader *reader, uint64_t object, const struct instance_type *type, uint64_t *dict, uint64_t *values)
{
    const struct layout_rules *rules = reader->layout->rules;
    uint64_t word;
    *dict = *values = 0;
    switch (rules->instance_dict) {
    case INSTANCE_DICT_OFFSET: return READ_CACHE_READY;
    case INSTANCE_DICT_VALUES_BEFORE:
        STEP(object_reader_pointer(reader, object - 24, "the dict of an instance", dict));
        return object_reader_pointer(reader, object - 32, "the values of an instance", values);
    case INSTANCE_DICT_TAGGED:
        STEP(object_reader_pointer(reader, object - 24, "the dict of an instance", &word));
        *(word & 1 ? values : dict) = word & 1 ? word + 1 : word;
        return READ_CACHE_READY;
    case INSTANCE_DICT_INLINE:
        STEP(object_reader_pointer(reader, object + (uint64_t)(int64_t)rules->instance_dict_offset, "the dict of an instance", dict));
        if (*dict == 0 && (type->flags & TYPE_FLAG_INLINE_VALUES) != 0)
            *values = object + (uint64_t)type->basicsize;
        return READ_CACHE_READY;
    }
    return READ_CACHE_READY;
}

/* An instance of a type without a fixed size keeps its dict behind its items: _PyObject_DictPointer, Objects/object.c of 3.9 to 3.11. */
static enum read_cache_status dict_behind_items(struct reader *reader, uint64_t object, const struct instance_type *type, uint64_t *dict)
{
    struct bytes data;
    STEP(object_reader_struct(reader, object, (size_t)LAYOUT(reader->layout, variable_object, ob_size) + 8, "an instance", &data));
    int64_t count = field_i64(data, LAYOUT(reader->layout, variable_object, ob_size));
    if (count < 0)
        count = -count;
    if (count > INT32_MAX || count < 0)
        return object_reader_fail(reader, "an instance of %" PRId64 " items has no sane dict", count);
    uint64_t size = ((uint64_t)type->basicsize + (uint64_t)count * (uint64_t)type->itemsize + 7) & ~UINT64_C(7);
    return object_reader_pointer(reader, object + size + (uint64_t)type->dictoffset, "the dict of an instance", dict);
}

enum read_cache_status object_instance_open(struct reader *reader, uint64_t object, const char *what, struct dict_view *view, bool *has)
{
    struct instance_type type;
    uint64_t dict = 0, values = 0;
    *has = false;
    STEP(read_instance_type(reader, object, what, &type));
    if ((type.flags & TYPE_FLAG_MANAGED_DICT) != 0)
        STEP(managed_dict(reader, object, &type, &dict, &values));
    else if (type.dictoffset > 0)
        STEP(object_reader_pointer(reader, object + (uint64_t)type.dictoffset, "the dict of an instance", &dict));
    else if (type.dictoffset < 0)
        STEP(dict_behind_items(reader, object, &type, &dict));
    *has = dict != 0 || (values != 0 && type.cached_keys != 0);
    if (dict != 0)
        return object_dict_open(reader, dict, "the dict of an instance", view);
    if (!*has)
        return READ_CACHE_READY;
    STEP(open_keys(reader, type.cached_keys, "the keys of a type", view));
    return find_order(reader, values, view);
}

enum read_cache_status object_instance_find(struct reader *reader, uint64_t object, const char *what, const char *name, uint64_t *value)
{
    struct dict_view view;
    bool has;
    *value = 0;
    STEP(object_instance_open(reader, object, what, &view, &has));
    return has ? view_find(reader, &view, name, value) : READ_CACHE_READY;
}
