#include "object/dict.h"

#include <inttypes.h>

#include "object/string.h"

enum { KEYS_GENERAL = 0, KEYS_UNICODE = 1, KEYS_SPLIT = 2 }; /* dk_kind, 3.11 and later */

static enum copy_status sane_count(struct reader *reader, const char *what, uint64_t count, uint64_t size)
{
    if (size > (uint64_t)DICT_ENTRIES_MAX * 2 || count > size)
        return reader_fail(reader, "%s is no sane dict: %" PRIu64 " entries in %" PRIu64 " places", what, count, size);
    return COPY_READY;
}

/* 3.9 and 3.10: dk_size places of 1, 2, 4 or 8 bytes, then entries of hash, key and value. */
static enum copy_status open_lookup_keys(struct reader *reader, uint64_t keys, const char *what, struct dict_view *view)
{
    const struct layout *layout = reader->layout;
    const uint8_t *data;
    STEP(reader_struct(reader, keys, (size_t)LAYOUT(layout, dict_keys, indices), what, &data));
    uint64_t size = field_u64(data, LAYOUT(layout, dict_keys, size));
    uint64_t count = field_u64(data, LAYOUT(layout, dict_keys, nentries));
    STEP(sane_count(reader, what, count, size));
    uint64_t index_width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
    view->entries = keys + (uint64_t)LAYOUT(layout, dict_keys, indices) + size * index_width;
    view->entry_size = 24;
    view->key_offset = 8;
    view->count = (size_t)count;
    return COPY_READY;
}

static enum copy_status open_log2_keys(struct reader *reader, uint64_t keys, const char *what, struct dict_view *view)
{
    const struct layout *layout = reader->layout;
    const uint8_t *data;
    STEP(reader_struct(reader, keys, (size_t)LAYOUT(layout, dict_keys, indices), what, &data));
    unsigned log2_size = data[LAYOUT(layout, dict_keys, log2_size)];
    unsigned log2_bytes = data[LAYOUT(layout, dict_keys, log2_index_bytes)];
    unsigned kind = data[LAYOUT(layout, dict_keys, kind)];
    uint64_t count = field_u64(data, LAYOUT(layout, dict_keys, nentries));
    if (log2_size > 32 || log2_bytes > 35 || kind > KEYS_SPLIT)
        return reader_fail(reader, "%s is no sane dict", what);
    STEP(sane_count(reader, what, count, UINT64_C(1) << log2_size));
    view->entries = keys + (uint64_t)LAYOUT(layout, dict_keys, indices) + (UINT64_C(1) << log2_bytes);
    view->entry_size = kind == KEYS_GENERAL ? 24 : 16;
    view->key_offset = kind == KEYS_GENERAL ? 8 : 0;
    view->count = (size_t)count;
    return COPY_READY;
}

static enum copy_status open_keys(struct reader *reader, uint64_t keys, const char *what, struct dict_view *view)
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

enum copy_status dict_open(struct reader *reader, uint64_t dict, const char *what, struct dict_view *view)
{
    const struct layout *layout = reader->layout;
    const uint8_t *data;
    STEP(reader_expect(reader, dict, TYPE_FLAG_DICT, what));
    STEP(reader_struct(reader, dict, (size_t)LAYOUT(layout, dict, values) + 8, what, &data));
    uint64_t keys = field_u64(data, LAYOUT(layout, dict, keys));
    uint64_t values = field_u64(data, LAYOUT(layout, dict, values));
    STEP(open_keys(reader, keys, what, view));
    if (values != 0)
        view->split_values = values_array(layout, values);
    return COPY_READY;
}

enum copy_status dict_entry(struct reader *reader, const struct dict_view *view, size_t index, uint64_t *key, uint64_t *value)
{
    const uint8_t *data;
    STEP(reader_struct(reader, view->entries, view->count * view->entry_size, "the entries of a dict", &data));
    const uint8_t *entry = data + index * view->entry_size + view->key_offset;
    *key = field_u64(entry, 0);
    *value = field_u64(entry, 8);
    if (view->split_values != 0) {
        STEP(reader_struct(reader, view->split_values, view->count * 8, "the values of a dict", &data));
        *value = field_u64(data, (int32_t)(index * 8));
    }
    if (*key == 0 || *value == 0)
        *key = *value = 0;
    return COPY_READY;
}

/* Goes through all keys even when one of them waits for memory, so that all are asked for in one batch. */
static enum copy_status view_find(struct reader *reader, const struct dict_view *view, const char *name, uint64_t *value)
{
    enum copy_status status = COPY_READY;
    *value = 0;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t key, candidate;
        STEP(dict_entry(reader, view, i, &key, &candidate));
        if (key == 0)
            continue;
        bool equal = false;
        enum copy_status compared = string_equals(reader, key, name, &equal);
        if (equal) {
            *value = candidate;
            return COPY_READY;
        }
        if (compared == COPY_PENDING)
            status = COPY_PENDING; /* an unreadable key is not the one: names that CPython looks up itself are always whole */
    }
    return status;
}

enum copy_status dict_find(struct reader *reader, uint64_t dict, const char *what, const char *key, uint64_t *value)
{
    struct dict_view view;
    STEP(dict_open(reader, dict, what, &view));
    return view_find(reader, &view, key, value);
}

struct instance_type {
    uint64_t flags, cached_keys;
    int64_t basicsize, dictoffset;
};

static enum copy_status read_instance_type(struct reader *reader, uint64_t object, const char *what, struct instance_type *type)
{
    const struct layout *layout = reader->layout;
    const uint8_t *data;
    uint64_t address;
    STEP(reader_type(reader, object, what, &address, &type->flags));
    STEP(reader_struct(reader, address, (size_t)LAYOUT(layout, type, dictoffset) + 8, "a type", &data));
    type->basicsize = field_i64(data, LAYOUT(layout, type, basicsize));
    type->dictoffset = field_i64(data, LAYOUT(layout, type, dictoffset));
    type->cached_keys = 0;
    if ((type->flags & TYPE_FLAG_HEAP) != 0)
        STEP(reader_pointer(reader, address + (uint64_t)LAYOUT(layout, type, cached_keys), "the keys of a type", &type->cached_keys));
    return COPY_READY;
}

/* Where an instance with a managed dict keeps its attributes: a dict, or values that go with the keys of its type. */
static enum copy_status managed_dict(struct reader *reader, uint64_t object, const struct instance_type *type, uint64_t *dict, uint64_t *values)
{
    const struct layout_rules *rules = reader->layout->rules;
    uint64_t word;
    *dict = *values = 0;
    switch (rules->instance_dict) {
    case INSTANCE_DICT_OFFSET:
        return COPY_READY;
    case INSTANCE_DICT_VALUES_BEFORE:
        STEP(reader_pointer(reader, object - 24, "the dict of an instance", dict));
        return reader_pointer(reader, object - 32, "the values of an instance", values);
    case INSTANCE_DICT_TAGGED:
        STEP(reader_pointer(reader, object - 24, "the dict of an instance", &word));
        *(word & 1 ? values : dict) = word & 1 ? word + 1 : word;
        return COPY_READY;
    case INSTANCE_DICT_INLINE:
        STEP(reader_pointer(reader, object + (uint64_t)(int64_t)rules->instance_dict_offset, "the dict of an instance", dict));
        if (*dict == 0 && (type->flags & TYPE_FLAG_INLINE_VALUES) != 0)
            *values = object + (uint64_t)type->basicsize;
        return COPY_READY;
    }
    return COPY_READY;
}

enum copy_status instance_find(struct reader *reader, uint64_t object, const char *what, const char *name, uint64_t *value)
{
    struct instance_type type;
    uint64_t dict = 0, values = 0;
    *value = 0;
    STEP(read_instance_type(reader, object, what, &type));
    if ((type.flags & TYPE_FLAG_MANAGED_DICT) != 0)
        STEP(managed_dict(reader, object, &type, &dict, &values));
    else if (type.dictoffset > 0)
        STEP(reader_pointer(reader, object + (uint64_t)type.dictoffset, "the dict of an instance", &dict));
    if (dict != 0)
        return dict_find(reader, dict, "the dict of an instance", name, value);
    if (values == 0 || type.cached_keys == 0)
        return COPY_READY;
    struct dict_view view;
    STEP(open_keys(reader, type.cached_keys, "the keys of a type", &view));
    view.split_values = values_array(reader->layout, values);
    return view_find(reader, &view, name, value);
}
