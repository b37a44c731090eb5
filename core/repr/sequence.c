#include <inttypes.h>

#include "object/integer.h"
#include "repr/writer.h"

enum { DEQUE_BLOCK_ITEMS = 64 /* BLOCKLEN, Modules/_collectionsmodule.c */ };

/* Of so many pointers in a row those that the limit lets through are put, with separators. */
static enum read_cache_status put_items(struct writer *writer, uint64_t items, uint64_t count)
{
    struct bytes data;
    size_t shown = count < writer->limits->items ? (size_t)count : writer->limits->items;
    if (count > INT64_MAX / 8)
        return object_reader_fail(writer->reader, "it claims %" PRIu64 " items", count);
    STEP(object_reader_struct(writer->reader, items, shown * 8, "its array of items", &data));
    for (size_t i = 0; i < shown; i++) {
        repr_put_separator(writer, i);
        repr_put_value(writer, field_u64(data, (int32_t)(i * 8)));
    }
    if (count > shown)
        repr_put_separator(writer, shown);
    return READ_CACHE_READY;
}

enum read_cache_status repr_put_tuple_items(struct writer *writer, uint64_t object, const char *what)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t count;
    STEP(object_reader_expect(writer->reader, object, TYPE_FLAG_TUPLE, what));
    STEP(repr_read_field(writer, object, LAYOUT(layout, variable_object, ob_size), "its size", &count));
    return count == 0 ? READ_CACHE_READY : put_items(writer, object + (uint64_t)LAYOUT(layout, tuple, items), count);
}

enum read_cache_status repr_put_list_items(struct writer *writer, uint64_t object)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t count, items;
    STEP(repr_read_field(writer, object, LAYOUT(layout, variable_object, ob_size), "its size", &count));
    STEP(repr_read_field(writer, object, LAYOUT(layout, list, items), "its items", &items));
    return count == 0 ? READ_CACHE_READY : put_items(writer, items, count);
}

enum read_cache_status repr_tuple(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t count;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, variable_object, ob_size), "its size", &count));
    if (count == 0) {
        repr_put(writer, "()");
        return READ_CACHE_READY;
    }
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "(...)");
        return READ_CACHE_READY;
    }
    repr_put(writer, "(");
    STEP(repr_put_tuple_items(writer, object, "a tuple"));
    repr_put(writer, count == 1 ? ",)" : ")");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

enum read_cache_status repr_list(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t count;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, variable_object, ob_size), "its size", &count));
    if (count == 0) {
        repr_put(writer, "[]");
        return READ_CACHE_READY;
    }
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "[...]");
        return READ_CACHE_READY;
    }
    repr_put(writer, "[");
    STEP(repr_put_list_items(writer, object));
    repr_put(writer, "]");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* The table in its order; a place that was left by an item that is gone has hash -1. */
static enum read_cache_status put_set_items(struct writer *writer, uint64_t object)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    uint64_t mask, table, block = 64, entry_size = (uint64_t)LAYOUT(layout, set_entry, size);
    size_t index = 0;
    STEP(repr_read_field(writer, object, LAYOUT(layout, set, mask), "its size", &mask));
    STEP(repr_read_field(writer, object, LAYOUT(layout, set, table), "its table", &table));
    if (mask > UINT32_MAX)
        return object_reader_fail(writer->reader, "it claims %" PRIu64 " places", mask);
    for (uint64_t place = 0; place <= mask; place++) {
        uint64_t first = place / block * block, count = mask + 1 - first < block ? mask + 1 - first : block;
        STEP(object_reader_struct(writer->reader, table + first * entry_size, (size_t)(count * entry_size), "its table", &data));
        struct bytes entry = bytes_from(data, (place - first) * entry_size);
        uint64_t key = field_u64(entry, LAYOUT(layout, set_entry, key));
        if (key == 0 || field_i64(entry, LAYOUT(layout, set_entry, hash)) == -1)
            continue;
        if (!repr_put_separator(writer, index++))
            break;
        repr_put_value(writer, key);
    }
    return READ_CACHE_READY;
}

/* set_repr, Objects/setobject.c. */
enum read_cache_status repr_set(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t used;
    bool plain = strcmp(type->name, "set") == 0;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, set, used), "its size", &used));
    if (used == 0) {
        repr_put_format(writer, "%s()", type->name);
        return READ_CACHE_READY;
    }
    if (!repr_open_container(writer, object)) {
        repr_put_format(writer, "%s(...)", type->name);
        return READ_CACHE_READY;
    }
    if (plain)
        repr_put(writer, "{");
    else
        repr_put_format(writer, "%s({", type->name);
    STEP(put_set_items(writer, object));
    repr_put(writer, plain ? "}" : "})");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

static enum read_cache_status put_deque_items(struct writer *writer, uint64_t object, uint64_t count)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    uint64_t block, at;
    STEP(repr_read_field(writer, object, LAYOUT(layout, deque, left_block), "its first block", &block));
    STEP(repr_read_field(writer, object, LAYOUT(layout, deque, left_index), "its first index", &at));
    for (uint64_t i = 0; i < count; i++, at++) {
        if (at == DEQUE_BLOCK_ITEMS) {
            STEP(repr_read_field(writer, block, LAYOUT(layout, deque_block, right_link), "its next block", &block));
            at = 0;
        }
        if (at > DEQUE_BLOCK_ITEMS)
            return object_reader_fail(writer->reader, "it has no item %" PRIu64, at);
        STEP(object_reader_struct(writer->reader, block, (size_t)LAYOUT(layout, deque_block, size), "its block", &data));
        if (!repr_put_separator(writer, (size_t)i))
            break;
        repr_put_value(writer, field_u64(data, LAYOUT(layout, deque_block, data) + (int32_t)(at * 8)));
    }
    return READ_CACHE_READY;
}

/* deque_repr, Modules/_collectionsmodule.c. */
enum read_cache_status repr_deque(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t count, maximum;
    STEP(repr_read_field(writer, object, LAYOUT(layout, variable_object, ob_size), "its size", &count));
    STEP(repr_read_field(writer, object, LAYOUT(layout, deque, maximum), "its maximum", &maximum));
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "[...]");
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s([", type->short_name);
    STEP(put_deque_items(writer, object, count));
    if ((int64_t)maximum >= 0)
        repr_put_format(writer, "], maxlen=%" PRIu64 ")", maximum);
    else
        repr_put(writer, "])");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

enum read_cache_status repr_range(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t start, stop, step, value;
    bool fits;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(layout, range, start), "its start", &start));
    STEP(repr_read_field(writer, object, LAYOUT(layout, range, stop), "its stop", &stop));
    STEP(repr_read_field(writer, object, LAYOUT(layout, range, step), "its step", &step));
    STEP(object_integer_read(writer->reader, step, "its step", &fits, &value));
    repr_put(writer, "range(");
    repr_put_value(writer, start);
    repr_put(writer, ", ");
    repr_put_value(writer, stop);
    if (!fits || value != 1) {
        repr_put(writer, ", ");
        repr_put_value(writer, step);
    }
    repr_put(writer, ")");
    return READ_CACHE_READY;
}

enum read_cache_status repr_slice(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t start, stop, step;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(layout, slice, start), "its start", &start));
    STEP(repr_read_field(writer, object, LAYOUT(layout, slice, stop), "its stop", &stop));
    STEP(repr_read_field(writer, object, LAYOUT(layout, slice, step), "its step", &step));
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "slice(...)");
        return READ_CACHE_READY;
    }
    repr_put(writer, "slice(");
    repr_put_value(writer, start);
    repr_put(writer, ", ");
    repr_put_value(writer, stop);
    repr_put(writer, ", ");
    repr_put_value(writer, step);
    repr_put(writer, ")");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* struct arraydescr {char typecode (3.15: three of them); int itemsize; …}: Modules/arraymodule.c. */
enum { ARRAY_ITEM_SIZE = 4 };

static void put_array_item(struct writer *writer, char code, const uint8_t *item, unsigned size)
{
    uint64_t bits = 0;
    float single;
    double value;
    memcpy(&bits, item, size);
    switch (code) {
    case 'f':
        memcpy(&single, item, sizeof single);
        repr_put_float(writer, (double)single);
        break;
    case 'd':
        memcpy(&value, item, sizeof value);
        repr_put_float(writer, value);
        break;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q': repr_put_format(writer, "%" PRId64, (int64_t)(bits << (64 - size * 8)) >> (64 - size * 8)); break;
    default: repr_put_format(writer, "%" PRIu64, bits);
    }
}

/* array_repr. */
enum read_cache_status repr_array(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    uint64_t count, items, descr;
    STEP(repr_read_field(writer, object, LAYOUT(layout, variable_object, ob_size), "its size", &count));
    STEP(repr_read_field(writer, object, LAYOUT(layout, array, items), "its items", &items));
    STEP(repr_read_field(writer, object, LAYOUT(layout, array, descr), "its type code", &descr));
    STEP(object_reader_struct(writer->reader, descr, 8, "its type code", &data));
    char code = (char)field_u8(data, 0);
    uint32_t size = field_u32(data, ARRAY_ITEM_SIZE);
    if (size == 0 || size > 8 || code < 'A' || code > 'z' || count > INT64_MAX / 8)
        return object_reader_fail(writer->reader, "it has no sane type code");
    repr_put_format(writer, "%s('%c'", type->short_name, code);
    if (count > 0) {
        bool characters = code == 'u' || code == 'w';
        size_t limit = characters ? writer->limits->length : writer->limits->items, shown = count < limit ? (size_t)count : limit;
        STEP(object_reader_bytes(writer->reader, items, shown * size, "its items", &data));
        repr_put(writer, characters ? ", " : ", [");
        for (size_t i = 0; i < shown && !characters; i++) {
            repr_put_separator(writer, i);
            put_array_item(writer, code, data.at + i * size, size);
        }
        if (characters)
            repr_put_quoted(writer, data.at, shown, size);
        else if (count > shown)
            repr_put_separator(writer, shown);
        repr_put(writer, characters ? "" : "]");
    }
    repr_put(writer, ")");
    return READ_CACHE_READY;
}
