#include <inttypes.h>

#include "object/dict.h"
#include "repr/writer.h"

/* func_repr, Objects/funcobject.c. */
enum read_cache_status repr_function(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t name;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, function, qualname), "its name", &name));
    repr_put(writer, "<function ");
    repr_put_characters(writer, name, "its name");
    repr_put_format(writer, " at 0x%" PRIx64 ">", object);
    return READ_CACHE_READY;
}

static enum read_cache_status type_of(struct writer *writer, uint64_t object, struct type_info **type)
{
    uint64_t address;
    STEP(object_reader_pointer(writer->reader, object + (uint64_t)LAYOUT(writer->reader->layout, object, type), "an object", &address));
    return object_types_find(writer->types, writer->reader, address, type);
}

/* meth_repr, Objects/methodobject.c. */
enum read_cache_status repr_builtin(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t definition, self, name;
    char text[TYPE_NAME_MAX];
    struct type_info *self_type = NULL;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(layout, builtin, definition), "its definition", &definition));
    STEP(repr_read_field(writer, object, LAYOUT(layout, builtin, self), "its object", &self));
    STEP(object_reader_pointer(writer->reader, definition, "its definition", &name));
    STEP(object_read_c_string(writer->reader, name, "its name", text, sizeof text));
    if (self != 0)
        STEP(type_of(writer, self, &self_type));
    if (self == 0 || strcmp(self_type->repr_name, "module") == 0)
        repr_put_format(writer, "<built-in function %s>", text);
    else
        repr_put_format(writer, "<built-in method %s of %s object at 0x%" PRIx64 ">", text, self_type->name, self);
    return READ_CACHE_READY;
}

/* The __qualname__ of what a method is bound to call; "?" where it has none. */
static enum read_cache_status put_function_name(struct writer *writer, uint64_t function)
{
    const struct layout *layout = writer->reader->layout;
    struct type_info *type;
    uint64_t name = 0;
    STEP(type_of(writer, function, &type));
    if (strcmp(type->repr_name, "function") == 0)
        STEP(repr_read_field(writer, function, LAYOUT(layout, function, qualname), "its name", &name));
    if (name == 0) {
        repr_put(writer, "?");
        return READ_CACHE_READY;
    }
    repr_put_characters(writer, name, "its name");
    return READ_CACHE_READY;
}

/* method_repr, Objects/classobject.c. */
enum read_cache_status repr_method(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t function, self;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(layout, method, function), "its function", &function));
    STEP(repr_read_field(writer, object, LAYOUT(layout, method, self), "its object", &self));
    repr_put(writer, "<bound method ");
    STEP(put_function_name(writer, function));
    if (!repr_open_container(writer, object)) {
        repr_put(writer, " of ...>");
        return READ_CACHE_READY;
    }
    repr_put(writer, " of ");
    repr_put_value(writer, self);
    repr_put(writer, ">");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* descr_repr, Objects/descrobject.c. */
static enum read_cache_status write_descriptor(struct writer *writer, uint64_t object, const char *kind)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t name, class;
    struct type_info *info;
    STEP(repr_read_field(writer, object, LAYOUT(layout, descriptor, name), "its name", &name));
    STEP(repr_read_field(writer, object, LAYOUT(layout, descriptor, type), "its type", &class));
    STEP(object_types_find(writer->types, writer->reader, class, &info));
    repr_put_format(writer, "<%s '", kind);
    repr_put_characters(writer, name, "its name");
    if (layout->rules->descriptor_hides_object && strcmp(info->name, "object") == 0 && info->base == 0)
        repr_put(writer, "'>");
    else
        repr_put_format(writer, "' of '%s' objects>", info->name);
    return READ_CACHE_READY;
}

enum read_cache_status repr_method_descriptor(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)type;
    return write_descriptor(writer, object, "method");
}

enum read_cache_status repr_member_descriptor(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)type;
    return write_descriptor(writer, object, "member");
}

enum read_cache_status repr_attribute_descriptor(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)type;
    return write_descriptor(writer, object, "attribute");
}

enum read_cache_status repr_slot_wrapper(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)type;
    return write_descriptor(writer, object, "slot wrapper");
}

/* wrapper_repr, Objects/descrobject.c. */
enum read_cache_status repr_method_wrapper(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t descriptor, self, name;
    struct type_info *self_type;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(layout, method_wrapper, descriptor), "its descriptor", &descriptor));
    STEP(repr_read_field(writer, object, LAYOUT(layout, method_wrapper, self), "its object", &self));
    STEP(repr_read_field(writer, descriptor, LAYOUT(layout, descriptor, name), "its name", &name));
    STEP(type_of(writer, self, &self_type));
    repr_put(writer, "<method-wrapper '");
    repr_put_characters(writer, name, "its name");
    repr_put_format(writer, "' of %s object at 0x%" PRIx64 ">", self_type->name, self);
    return READ_CACHE_READY;
}

/* sm_repr and cm_repr, Objects/funcobject.c, since 3.10; before they have no repr of their own. */
static enum read_cache_status write_wrapped(struct writer *writer, uint64_t object, const char *kind)
{
    uint64_t callable;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, static_method, callable), "its function", &callable));
    repr_put_format(writer, "<%s(", kind);
    repr_put_value(writer, callable);
    repr_put(writer, ")>");
    return READ_CACHE_READY;
}

enum read_cache_status repr_static_method(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)type;
    return write_wrapped(writer, object, "staticmethod");
}

enum read_cache_status repr_class_method(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)type;
    return write_wrapped(writer, object, "classmethod");
}

/* partial_repr, Modules/_functoolsmodule.c. */
enum read_cache_status repr_partial(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct dict_view view;
    uint64_t function, args, keywords, count;
    STEP(repr_read_field(writer, object, LAYOUT(layout, partial, function), "its function", &function));
    STEP(repr_read_field(writer, object, LAYOUT(layout, partial, args), "its arguments", &args));
    STEP(repr_read_field(writer, object, LAYOUT(layout, partial, keywords), "its keywords", &keywords));
    STEP(repr_read_field(writer, args, LAYOUT(layout, variable_object, ob_size), "its arguments", &count));
    STEP(object_dict_open(writer->reader, keywords, "its keywords", &view));
    if (!repr_open_container(writer, object)) {
        repr_put(writer, "...");
        return READ_CACHE_READY;
    }
    repr_put_text(writer, type->full_name);
    repr_put(writer, "(");
    repr_put_value(writer, function);
    if (count > 0) {
        repr_put(writer, ", ");
        STEP(repr_put_tuple_items(writer, args, "its arguments"));
    }
    size_t index = 0;
    for (size_t place = 0; place < object_dict_places(&view); place++) {
        uint64_t key, value;
        STEP(object_dict_at(writer->reader, &view, place, &key, &value));
        if (key == 0)
            continue;
        if (index++ >= writer->limits->items) {
            repr_put(writer, ", ...");
            break;
        }
        repr_put(writer, ", ");
        repr_put_characters(writer, key, "a keyword");
        repr_put(writer, "=");
        repr_put_value(writer, value);
    }
    repr_put(writer, ")");
    repr_close_container(writer);
    return READ_CACHE_READY;
}
