#include <inttypes.h>
#include <stdlib.h>

#include "object/dict.h"
#include "object/integer.h"
#include "object/string.h"
#include "repr/writer.h"

/* PyMemberDef {name, type, offset, flags, doc}: Include/descrobject.h of 3.12, structmember.h before. */
enum { MEMBER_NAME = 0, MEMBER_TYPE = 8, MEMBER_OFFSET = 16, MEMBER_SIZE = 40, MEMBER_OBJECT = 6, MEMBER_OBJECT_EX = 16 };

struct slot_value {
    char name[TYPE_NAME_MAX];
    uint64_t value; /* 0: it is not set, or no object */
};

static enum read_cache_status read_slot(struct writer *writer, uint64_t object, const struct type_info *type, uint64_t index, struct slot_value *slot)
{
    struct bytes data;
    slot->value = 0;
    STEP(object_reader_struct(writer->reader, type->slots.members, (size_t)type->slots.count * MEMBER_SIZE, "the slots of a class", &data));
    data = bytes_from(data, index * MEMBER_SIZE);
    uint32_t kind = field_u32(data, MEMBER_TYPE);
    int64_t offset = field_i64(data, MEMBER_OFFSET);
    STEP(object_read_c_string(writer->reader, field_u64(data, MEMBER_NAME), "the name of a slot", slot->name, sizeof slot->name));
    if ((kind != MEMBER_OBJECT && kind != MEMBER_OBJECT_EX) || offset <= 0 || offset > type->basicsize - 8)
        return READ_CACHE_READY;
    return object_reader_pointer(writer->reader, object + (uint64_t)offset, "a slot", &slot->value);
}

/* The type and its bases, the oldest first. Slots are laid out along this chain. */
static enum read_cache_status list_bases(struct writer *writer, const struct type_info *type, const struct type_info **chain, size_t *count)
{
    enum read_cache_status all = READ_CACHE_READY;
    *count = 0;
    while (*count < TYPE_CHAIN_MAX) {
        struct type_info *base;
        chain[(*count)++] = type;
        if (type->base == 0)
            break;
        enum read_cache_status status = object_types_find(writer->types, writer->reader, type->base, &base);
        if (status == READ_CACHE_FAILED)
            return status;
        if (status == READ_CACHE_PENDING) /* its own base may be known already */
            all = status;
        type = base;
    }
    STEP(all);
    for (size_t i = 0; i < *count / 2; i++) {
        const struct type_info *other = chain[i];
        chain[i] = chain[*count - 1 - i];
        chain[*count - 1 - i] = other;
    }
    return READ_CACHE_READY;
}

/* Asks for the slots of all classes before one is waited for. */
static enum read_cache_status load_slots(struct writer *writer, uint64_t object, const struct type_info **chain, size_t count)
{
    enum read_cache_status all = READ_CACHE_READY;
    for (size_t i = 0; i < count; i++) {
        for (uint64_t j = 0; j < chain[i]->slots.count; j++) {
            struct slot_value slot;
            enum read_cache_status status = read_slot(writer, object, chain[i], j, &slot);
            if (status == READ_CACHE_FAILED)
                return status;
            if (status == READ_CACHE_PENDING)
                all = status;
        }
    }
    return all;
}

static enum read_cache_status find_slot(struct writer *writer, uint64_t object, const struct type_info *type, const char *name, uint64_t *value)
{
    const struct type_info *chain[TYPE_CHAIN_MAX];
    size_t count;
    *value = 0;
    STEP(list_bases(writer, type, chain, &count));
    STEP(load_slots(writer, object, chain, count));
    for (size_t i = count; i-- > 0 && *value == 0;) {
        for (uint64_t j = 0; j < chain[i]->slots.count && *value == 0; j++) {
            struct slot_value slot;
            STEP(read_slot(writer, object, chain[i], j, &slot));
            if (strcmp(slot.name, name) == 0)
                *value = slot.value;
        }
    }
    return READ_CACHE_READY;
}

enum read_cache_status repr_find_attribute(struct writer *writer, uint64_t object, const struct type_info *type, const char *name, uint64_t *value)
{
    STEP(find_slot(writer, object, type, name, value));
    return *value != 0 ? READ_CACHE_READY : object_instance_find(writer->reader, object, "an instance", name, value);
}

/* Whether a key is the name; one that cannot be read is not. */
static enum read_cache_status same_text(struct reader *reader, uint64_t key, const struct spprof_text *name, bool *same)
{
    struct spprof_text text;
    enum read_cache_status status = object_string_read(reader, key, "the name of an attribute", &text);
    *same = false;
    if (status != READ_CACHE_READY)
        return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
    *same = text.size == name->size && memcmp(text.bytes, name->bytes, text.size) == 0;
    free(text.bytes);
    return READ_CACHE_READY;
}

static enum read_cache_status find_by_text(struct writer *writer, uint64_t object, const struct type_info *type, const struct dict_view *view,
                                           const struct spprof_text *name, uint64_t *value)
{
    for (size_t place = 0; view != NULL && place < object_dict_places(view); place++) {
        uint64_t key;
        bool same;
        STEP(object_dict_at(writer->reader, view, place, &key, value));
        if (key == 0)
            continue;
        STEP(same_text(writer->reader, key, name, &same));
        if (same)
            return READ_CACHE_READY;
    }
    return find_slot(writer, object, type, name->bytes, value);
}

/* The same for a name that is a str of the target: mostly the dict has the very same object, as CPython interns names. */
static enum read_cache_status find_attribute_by_object(struct writer *writer, uint64_t object, const struct type_info *type, uint64_t name,
                                                       uint64_t *value)
{
    struct dict_view view;
    bool has;
    struct spprof_text text;
    STEP(object_instance_open(writer->reader, object, "an instance", &view, &has));
    for (size_t place = 0; has && place < object_dict_places(&view); place++) {
        uint64_t key;
        STEP(object_dict_at(writer->reader, &view, place, &key, value));
        if (key == name)
            return READ_CACHE_READY;
    }
    STEP(object_string_read(writer->reader, name, "the name of a field", &text));
    enum read_cache_status status = find_by_text(writer, object, type, has ? &view : NULL, &text, value);
    free(text.bytes);
    return status;
}

static bool put_name_separator(struct writer *writer, size_t index)
{
    return index == 0 ? (repr_put(writer, " "), true) : repr_put_separator(writer, index);
}

static enum read_cache_status put_slots(struct writer *writer, uint64_t object, const struct type_info *type, size_t *index)
{
    const struct type_info *chain[TYPE_CHAIN_MAX];
    size_t count;
    STEP(list_bases(writer, type, chain, &count));
    STEP(load_slots(writer, object, chain, count));
    for (size_t i = 0; i < count; i++) {
        for (uint64_t j = 0; j < chain[i]->slots.count; j++) {
            struct slot_value slot;
            STEP(read_slot(writer, object, chain[i], j, &slot));
            if (slot.value == 0 || strcmp(slot.name, "__dict__") == 0 || strcmp(slot.name, "__weakref__") == 0)
                continue;
            if (!put_name_separator(writer, (*index)++))
                return READ_CACHE_READY;
            repr_put_format(writer, "%s=", slot.name);
            repr_put_value(writer, slot.value);
        }
    }
    return READ_CACHE_READY;
}

static enum read_cache_status put_attributes(struct writer *writer, uint64_t object, size_t *index)
{
    struct dict_view view;
    bool has;
    STEP(object_instance_open(writer->reader, object, "an instance", &view, &has));
    for (size_t place = 0; has && place < object_dict_places(&view); place++) {
        uint64_t key, value;
        STEP(object_dict_at(writer->reader, &view, place, &key, &value));
        if (key == 0)
            continue;
        if (!put_name_separator(writer, (*index)++))
            break;
        repr_put_characters(writer, key, "the name of an attribute");
        repr_put(writer, "=");
        repr_put_value(writer, value);
    }
    return READ_CACHE_READY;
}

/* What an instance of a subclass of a builtin type holds as such, where its repr is a program. */
static enum read_cache_status put_payload(struct writer *writer, uint64_t object, const struct type_info *type, size_t *index)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t known = TYPE_FLAG_LONG | TYPE_FLAG_UNICODE | TYPE_FLAG_BYTES | TYPE_FLAG_TUPLE | TYPE_FLAG_LIST | TYPE_FLAG_DICT | TYPE_FLAG_EXCEPTION;
    uint64_t args;
    if (!type->python_repr || (type->flags & known) == 0)
        return READ_CACHE_READY;
    repr_put(writer, " ");
    ++*index;
    if ((type->flags & TYPE_FLAG_LONG) != 0)
        return repr_integer(writer, object, type);
    if ((type->flags & TYPE_FLAG_UNICODE) != 0)
        return repr_string(writer, object, type);
    if ((type->flags & TYPE_FLAG_BYTES) != 0)
        return repr_bytes(writer, object, type);
    if ((type->flags & TYPE_FLAG_EXCEPTION) != 0) {
        STEP(repr_read_field(writer, object, LAYOUT(layout, exception, args), "its arguments", &args));
        repr_put_value(writer, args);
        return READ_CACHE_READY;
    }
    bool tuple = (type->flags & TYPE_FLAG_TUPLE) != 0, list = (type->flags & TYPE_FLAG_LIST) != 0;
    repr_put(writer, tuple ? "(" : list ? "[" : "{");
    STEP(tuple ? repr_put_tuple_items(writer, object, "a tuple") : list ? repr_put_list_items(writer, object) : repr_put_dict_items(writer, object));
    repr_put(writer, tuple ? ")" : list ? "]" : "}");
    return READ_CACHE_READY;
}

enum read_cache_status repr_instance(struct writer *writer, uint64_t object, const struct type_info *type)
{
    size_t index = 0;
    bool made_by_c = (type->flags & TYPE_FLAG_HEAP) == 0 || strchr(type->name, '.') != NULL;
    bool plain = made_by_c && strcmp(type->repr_name, "object") == 0; /* object_repr, Objects/typeobject.c */
    repr_put_format(writer, "<%s%s at 0x%" PRIx64, type->full_name.bytes, plain ? " object" : "", object);
    if ((type->flags & TYPE_FLAG_HEAP) != 0 && repr_open_container(writer, object)) {
        STEP(put_payload(writer, object, type, &index));
        STEP(put_slots(writer, object, type, &index));
        STEP(put_attributes(writer, object, &index));
        repr_close_container(writer);
    }
    repr_put(writer, ">");
    return READ_CACHE_READY;
}

/* Enum.__repr__, Lib/enum.py: <Color.RED: 1>, and <Color: 3> for a combination of flags that has no name (3.9, 3.10). */
enum read_cache_status repr_enum_member(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t name, value, name_type, flags;
    STEP(repr_find_attribute(writer, object, type, "_name_", &name));
    STEP(repr_find_attribute(writer, object, type, "_value_", &value));
    if (name == 0 || value == 0)
        return repr_instance(writer, object, type);
    STEP(object_reader_type(writer->reader, name, "a name", &name_type, &flags));
    repr_put_format(writer, "<%s", type->short_name);
    if ((flags & TYPE_FLAG_UNICODE) != 0) {
        repr_put(writer, ".");
        repr_put_characters(writer, name, "a name");
    }
    repr_put(writer, ": ");
    repr_put_value(writer, value);
    repr_put(writer, ">");
    return READ_CACHE_READY;
}

static enum read_cache_status read_item(struct writer *writer, uint64_t tuple, uint64_t index, const char *what, uint64_t *item)
{
    return object_reader_pointer(writer->reader, tuple + (uint64_t)LAYOUT(writer->reader->layout, tuple, items) + index * 8, what, item);
}

/* The __repr__ that Lib/collections/__init__.py makes: Point(x=1, y=2). */
enum read_cache_status repr_named_tuple(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t count, names, name, item;
    STEP(object_reader_expect(writer->reader, type->tuple_fields, TYPE_FLAG_TUPLE, "_fields"));
    STEP(repr_read_field(writer, type->tuple_fields, LAYOUT(layout, variable_object, ob_size), "_fields", &names));
    STEP(repr_read_field(writer, object, LAYOUT(layout, variable_object, ob_size), "its size", &count));
    if (names != count)
        return repr_tuple(writer, object, type);
    if (!repr_open_container(writer, object)) {
        repr_put_format(writer, "%s(...)", type->short_name);
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s(", type->short_name);
    for (uint64_t i = 0; i < count && repr_put_separator(writer, (size_t)i); i++) {
        STEP(read_item(writer, type->tuple_fields, i, "_fields", &name));
        STEP(read_item(writer, object, i, "its items", &item));
        repr_put_characters(writer, name, "the name of a field");
        repr_put(writer, "=");
        repr_put_value(writer, item);
    }
    repr_put(writer, ")");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* Whether dataclasses.Field is one that the repr shows: its repr is true, and it is no ClassVar and no InitVar. */
static enum read_cache_status is_shown(struct writer *writer, uint64_t field, bool *shown)
{
    uint64_t address, repr, kind, kind_address, kind_name, value;
    struct type_info *type, *kind_type;
    bool fits, equal;
    *shown = false;
    STEP(object_reader_pointer(writer->reader, field + (uint64_t)LAYOUT(writer->reader->layout, object, type), "a field", &address));
    STEP(object_types_find(writer->types, writer->reader, address, &type));
    STEP(find_slot(writer, field, type, "repr", &repr));
    STEP(find_slot(writer, field, type, "_field_type", &kind));
    if (repr == 0 || kind == 0)
        return READ_CACHE_READY;
    STEP(object_integer_read(writer->reader, repr, "a field", &fits, &value));
    STEP(object_reader_pointer(writer->reader, kind + (uint64_t)LAYOUT(writer->reader->layout, object, type), "the kind of a field", &kind_address));
    STEP(object_types_find(writer->types, writer->reader, kind_address, &kind_type));
    STEP(repr_find_attribute(writer, kind, kind_type, "name", &kind_name));
    if (kind_name == 0)
        return READ_CACHE_READY;
    STEP(object_string_equals(writer->reader, kind_name, "_FIELD", &equal));
    *shown = equal && fits && value != 0;
    return READ_CACHE_READY;
}

/* One field of a dataclass; *value is 0 where it is not shown, or not set yet. */
static enum read_cache_status read_data_field(struct writer *writer, uint64_t object, const struct type_info *type, uint64_t name, uint64_t field,
                                              uint64_t *value)
{
    bool shown;
    *value = 0;
    STEP(is_shown(writer, field, &shown));
    return shown ? find_attribute_by_object(writer, object, type, name, value) : READ_CACHE_READY;
}

static enum read_cache_status put_data_fields(struct writer *writer, uint64_t object, const struct type_info *type, const struct dict_view *fields)
{
    enum read_cache_status all = READ_CACHE_READY;
    size_t index = 0;
    for (size_t place = 0; place < object_dict_places(fields); place++) {
        uint64_t name, field, value;
        STEP(object_dict_at(writer->reader, fields, place, &name, &field));
        if (name == 0)
            continue;
        enum read_cache_status status = read_data_field(writer, object, type, name, field, &value);
        if (status == READ_CACHE_FAILED)
            return status;
        if (status == READ_CACHE_PENDING) /* goes on: the others are asked for, too */
            all = status;
        if (status == READ_CACHE_PENDING || value == 0)
            continue;
        if (!repr_put_separator(writer, index++))
            break;
        repr_put_characters(writer, name, "the name of a field");
        repr_put(writer, "=");
        repr_put_value(writer, value);
    }
    return all;
}

/* The __repr__ that Lib/dataclasses.py makes: Name(field=value). */
enum read_cache_status repr_dataclass(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct dict_view fields;
    STEP(object_dict_open(writer->reader, type->dataclass_fields, "__dataclass_fields__", &fields));
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "...");
        return READ_CACHE_READY;
    }
    repr_put_text(writer, type->qualified_name);
    repr_put(writer, "(");
    STEP(put_data_fields(writer, object, type, &fields));
    repr_put(writer, ")");
    repr_close_container(writer);
    return READ_CACHE_READY;
}
