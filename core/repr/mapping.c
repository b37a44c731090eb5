#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "object/dict.h"
#include "object/integer.h"
#include "repr/writer.h"

enum { PLACES_MAX = 1 << 16 /* holes that are gone by until so many items are found */ };

enum part { PART_ITEM, PART_KEY, PART_VALUE, PART_PAIR };

static void put_pair(struct writer *writer, uint64_t key, uint64_t value, const char *before, const char *between, const char *after)
{
    repr_put(writer, before);
    repr_put_value(writer, key);
    repr_put(writer, between);
    repr_put_value(writer, value);
    repr_put(writer, after);
}

static void put_part(struct writer *writer, uint64_t key, uint64_t value, enum part part)
{
    switch (part) {
    case PART_ITEM: put_pair(writer, key, value, "", ": ", ""); break;
    case PART_PAIR: put_pair(writer, key, value, "(", ", ", ")"); break;
    case PART_KEY: repr_put_value(writer, key); break;
    case PART_VALUE: repr_put_value(writer, value); break;
    }
}

static enum read_cache_status put_dict_parts(struct writer *writer, uint64_t dict, enum part part)
{
    struct dict_view view;
    size_t index = 0;
    STEP(object_dict_open(writer->reader, dict, "its dict", &view));
    size_t places = object_dict_places(&view);
    for (size_t place = 0; place < places; place++) {
        uint64_t key, value;
        STEP(object_dict_at(writer->reader, &view, place, &key, &value));
        if (key == 0 && place < PLACES_MAX)
            continue;
        if (!repr_put_separator(writer, key == 0 ? writer->limits->items : index++))
            break;
        put_part(writer, key, value, part);
    }
    return READ_CACHE_READY;
}

enum read_cache_status repr_put_dict_items(struct writer *writer, uint64_t dict)
{
    return put_dict_parts(writer, dict, PART_ITEM);
}

enum read_cache_status repr_dict(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t used;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, dict, used), "its size", &used));
    if (used == 0) {
        repr_put(writer, "{}");
        return READ_CACHE_READY;
    }
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "{...}");
        return READ_CACHE_READY;
    }
    repr_put(writer, "{");
    STEP(repr_put_dict_items(writer, object));
    repr_put(writer, "}");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* The value of a key that is known by its address; the search begins where the last one ended, as the order is mostly the same. */
static enum read_cache_status find_by_identity(struct reader *reader, const struct dict_view *view, uint64_t wanted, size_t *place, uint64_t *value)
{
    size_t places = object_dict_places(view);
    *value = 0;
    for (size_t i = 0; i < places && i < PLACES_MAX; i++) {
        uint64_t key;
        size_t here = (*place + i) % places;
        STEP(object_dict_at(reader, view, here, &key, value));
        if (key == wanted) {
            *place = here + 1;
            return READ_CACHE_READY;
        }
    }
    return object_reader_fail(reader, "its key at 0x%" PRIx64 " is not in its dict", wanted);
}

/* An OrderedDict links its keys in their order: Objects/odictobject.c. */
static enum read_cache_status put_ordered_parts(struct writer *writer, uint64_t object, enum part part)
{
    const struct layout *layout = writer->reader->layout;
    struct dict_view view;
    size_t place = 0;
    uint64_t node, key, value;
    STEP(object_dict_open(writer->reader, object, "its dict", &view));
    STEP(repr_read_field(writer, object, LAYOUT(layout, ordered_dict, first), "its first node", &node));
    for (size_t index = 0; node != 0; index++) {
        if (!repr_put_separator(writer, index))
            break;
        STEP(repr_read_field(writer, node, LAYOUT(layout, ordered_dict_node, key), "a node", &key));
        STEP(find_by_identity(writer->reader, &view, key, &place, &value));
        put_part(writer, key, value, part);
        STEP(repr_read_field(writer, node, LAYOUT(layout, ordered_dict_node, next), "a node", &node));
    }
    return READ_CACHE_READY;
}

/* odict_repr: OrderedDict([('a', 1)]) before 3.12, OrderedDict({'a': 1}) since. */
enum read_cache_status repr_ordered_dict(struct writer *writer, uint64_t object, const struct type_info *type)
{
    bool pairs = writer->reader->layout->rules->ordered_dict_pairs;
    uint64_t used;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, dict, used), "its size", &used));
    if (used == 0) {
        repr_put_format(writer, "%s()", type->short_name);
        return READ_CACHE_READY;
    }
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "...");
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s(%s", type->short_name, pairs ? "[" : "{");
    STEP(put_ordered_parts(writer, object, pairs ? PART_PAIR : PART_ITEM));
    repr_put(writer, pairs ? "])" : "})");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

enum read_cache_status repr_default_dict(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t factory;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, default_dict, factory), "its factory", &factory));
    repr_put_format(writer, "%s(", type->short_name);
    if (factory != 0)
        repr_put_value(writer, factory);
    else
        repr_put(writer, "None");
    repr_put(writer, ", ");
    STEP(repr_dict(writer, object, type));
    repr_put(writer, ")");
    return READ_CACHE_READY;
}

struct counted {
    uint64_t key, value;
    double count;
    size_t place;
};

static int by_count(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;
    if (a->count > b->count || a->count < b->count)
        return a->count < b->count ? 1 : -1;
    return a->place > b->place ? 1 : -1;
}

/* A float, or an int that a double holds exactly; *fits is false for anything else. */
static enum read_cache_status read_count(struct writer *writer, uint64_t object, double *value, bool *fits)
{
    enum { EXACT_BITS = 53 };
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    struct type_info *info;
    uint64_t type, flags;
    int64_t count;
    STEP(object_reader_type(writer->reader, object, "a count", &type, &flags));
    if ((flags & TYPE_FLAG_LONG) != 0) {
        STEP(object_integer_read_signed(writer->reader, object, "a count", fits, &count));
        *fits = *fits && count < INT64_C(1) << EXACT_BITS && count > -(INT64_C(1) << EXACT_BITS);
        if (*fits)
            *value = (double)count;
        return READ_CACHE_READY;
    }
    STEP(object_types_find(writer->types, writer->reader, type, &info));
    *fits = strcmp(info->name, "float") == 0;
    if (!*fits)
        return READ_CACHE_READY;
    STEP(object_reader_struct(writer->reader, object, (size_t)LAYOUT(layout, float_object, value) + 8, "a count", &data));
    uint64_t bits = field_u64(data, LAYOUT(layout, float_object, value));
    memcpy(value, &bits, sizeof *value);
    return READ_CACHE_READY;
}

/* Counter.__repr__, Lib/collections/__init__.py: in the order of most_common() where the counts can be compared. */
enum read_cache_status repr_counter(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct dict_view view;
    size_t used = 0;
    bool comparable = true;
    STEP(object_dict_open(writer->reader, object, "its dict", &view));
    size_t places = object_dict_places(&view) < PLACES_MAX ? object_dict_places(&view) : PLACES_MAX;
    CLEANUP_FREE struct counted *items = calloc(places + 1, sizeof *items);
    if (items == NULL)
        return object_reader_no_memory(writer->reader);
    enum read_cache_status all = READ_CACHE_READY;
    for (size_t place = 0; place < places; place++) {
        struct counted *item = &items[used];
        bool fits = false;
        STEP(object_dict_at(writer->reader, &view, place, &item->key, &item->value));
        if (item->key == 0)
            continue;
        enum read_cache_status status = read_count(writer, item->value, &item->count, &fits);
        if (status == READ_CACHE_PENDING)
            all = status;
        comparable = comparable && fits;
        item->place = place;
        used++;
    }
    STEP(all);
    if (used == 0) {
        repr_put_format(writer, "%s()", type->short_name);
        return READ_CACHE_READY;
    }
    if (comparable)
        qsort(items, used, sizeof *items, by_count);
    if (!repr_open_container(writer, object)) {
        repr_put_format(writer, "%s({...})", type->short_name);
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s({", type->short_name);
    for (size_t i = 0; i < used && repr_put_separator(writer, i); i++)
        put_part(writer, items[i].key, items[i].value, PART_ITEM);
    repr_put(writer, "})");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* dictview_repr: dict_keys([…]), dict_values([…]), dict_items([…]). */
enum read_cache_status repr_dict_view(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t dict;
    const char *kind = strchr(type->name, '_');
    enum part part = strcmp(kind, "_keys") == 0 ? PART_KEY : strcmp(kind, "_values") == 0 ? PART_VALUE : PART_PAIR;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, dict_view, dict), "its dict", &dict));
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "...");
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s([", type->name);
    STEP(type->name[0] == 'o' ? put_ordered_parts(writer, dict, part) : put_dict_parts(writer, dict, part));
    repr_put(writer, "])");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

enum read_cache_status repr_mapping_proxy(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t mapping;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, mapping_proxy, mapping), "its mapping", &mapping));
    repr_put(writer, "mappingproxy(");
    repr_put_value(writer, mapping);
    repr_put(writer, ")");
    return READ_CACHE_READY;
}

/* namespace_repr, Objects/namespaceobject.c. */
enum read_cache_status repr_namespace(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const char *name = strcmp(type->name, "types.SimpleNamespace") == 0 ? "namespace" : type->name;
    struct dict_view view;
    uint64_t dict, key, value;
    size_t index = 0;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, namespace, dict), "its dict", &dict));
    STEP(object_dict_open(writer->reader, dict, "its dict", &view));
    if (!repr_open_container(writer, object)) {
        repr_put_format(writer, "%s(...)", name);
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s(", name);
    for (size_t place = 0; place < object_dict_places(&view); place++) {
        STEP(object_dict_at(writer->reader, &view, place, &key, &value));
        if (key == 0)
            continue;
        if (!repr_put_separator(writer, index++))
            break;
        repr_put_characters(writer, key, "a name");
        repr_put(writer, "=");
        repr_put_value(writer, value);
    }
    repr_put(writer, ")");
    repr_close_container(writer);
    return READ_CACHE_READY;
}
