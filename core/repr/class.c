#include <inttypes.h>

#include "repr/writer.h"

/* type_repr, Objects/typeobject.c; EnumType.__repr__, Lib/enum.py: <enum 'Color'>, <flag 'Mode'> since 3.11. */
enum read_cache_status repr_class(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct type_info *class;
    STEP(object_types_find(writer->types, writer->reader, object, &class));
    if (!type->python_repr || !class->is_enum) {
        repr_put(writer, "<class '");
        repr_put_text(writer, class->full_name);
        repr_put(writer, "'>");
        return READ_CACHE_READY;
    }
    bool flag = false;
    struct type_info *base = class;
    for (int i = 0; i < TYPE_CHAIN_MAX && base->base != 0 && !flag && writer->reader->layout->rules->enum_tells_flags; i++) {
        flag = strcmp(base->full_name.bytes, "enum.Flag") == 0;
        STEP(object_types_find(writer->types, writer->reader, base->base, &base));
    }
    repr_put_format(writer, "<%s '%s'>", flag ? "flag" : "enum", class->short_name);
    return READ_CACHE_READY;
}

/* Classes stand in type expressions by their names: ga_repr_item, Objects/genericaliasobject.c. */
static enum read_cache_status put_type(struct writer *writer, uint64_t object)
{
    uint64_t address, flags;
    STEP(object_reader_type(writer->reader, object, "a type", &address, &flags));
    if ((flags & TYPE_FLAG_TYPE) == 0) {
        struct type_info *type;
        STEP(object_types_find(writer->types, writer->reader, address, &type));
        if (strcmp(type->name, "ellipsis") == 0)
            repr_put(writer, "...");
        else
            repr_put_value(writer, object);
        return READ_CACHE_READY;
    }
    struct type_info *class;
    STEP(object_types_find(writer->types, writer->reader, object, &class));
    if (strcmp(class->name, "NoneType") == 0 && (class->flags & TYPE_FLAG_HEAP) == 0)
        repr_put(writer, "None");
    else
        repr_put_text(writer, class->full_name);
    return READ_CACHE_READY;
}

static enum read_cache_status put_types(struct writer *writer, uint64_t tuple, const char *separator)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t count, item;
    STEP(object_reader_expect(writer->reader, tuple, TYPE_FLAG_TUPLE, "its types"));
    STEP(repr_read_field(writer, tuple, LAYOUT(layout, variable_object, ob_size), "its types", &count));
    for (uint64_t i = 0; i < count; i++) {
        if (i >= writer->limits->items) {
            repr_put(writer, "...");
            break;
        }
        repr_put(writer, i > 0 ? separator : "");
        STEP(repr_read_field(writer, tuple, LAYOUT(layout, tuple, items) + (int32_t)(i * 8), "its types", &item));
        STEP(put_type(writer, item));
    }
    return READ_CACHE_READY;
}

/* list[int] */
enum read_cache_status repr_generic_alias(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t origin, args;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(layout, generic_alias, origin), "its origin", &origin));
    STEP(repr_read_field(writer, object, LAYOUT(layout, generic_alias, args), "its types", &args));
    STEP(put_type(writer, origin));
    repr_put(writer, "[");
    STEP(put_types(writer, args, ", "));
    repr_put(writer, "]");
    return READ_CACHE_READY;
}

/* int | str */
enum read_cache_status repr_union(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t args;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, union, args), "its types", &args));
    return put_types(writer, args, " | ");
}
