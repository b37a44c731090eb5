#include <inttypes.h>

#include "object/dict.h"
#include "object/frame_object.h"
#include "object/string.h"
#include "repr/writer.h"

static enum read_cache_status type_of(struct writer *writer, uint64_t object, struct type_info **type)
{
    uint64_t address;
    STEP(object_reader_pointer(writer->reader, object + (uint64_t)LAYOUT(writer->reader->layout, object, type), "an object", &address));
    return object_types_find(writer->types, writer->reader, address, type);
}

static enum read_cache_status is_type(struct writer *writer, uint64_t object, const char *name, bool *same)
{
    struct type_info *type;
    *same = false;
    if (object == 0)
        return READ_CACHE_READY;
    STEP(type_of(writer, object, &type));
    *same = strcmp(type->name, name) == 0;
    return READ_CACHE_READY;
}

/* What has loaded a module, where it has no file; 0: nothing that is known. */
static void put_loader(struct writer *writer, uint64_t loader)
{
    if (loader == 0)
        return;
    repr_put(writer, " (");
    repr_put_value(writer, loader);
    repr_put(writer, ")");
}

/* _module_repr_from_spec, Lib/importlib/_bootstrap.py. */
static enum read_cache_status put_module_by_spec(struct writer *writer, uint64_t spec)
{
    uint64_t name, origin, loader, has_location;
    bool no_origin, no_loader, located = false;
    struct type_info *type;
    STEP(object_instance_find(writer->reader, spec, "its spec", "name", &name));
    STEP(object_instance_find(writer->reader, spec, "its spec", "origin", &origin));
    STEP(object_instance_find(writer->reader, spec, "its spec", "loader", &loader));
    STEP(object_instance_find(writer->reader, spec, "its spec", "_set_fileattr", &has_location));
    STEP(is_type(writer, origin, "NoneType", &no_origin));
    STEP(is_type(writer, loader, "NoneType", &no_loader));
    if (has_location != 0) {
        STEP(type_of(writer, has_location, &type));
        struct bytes data;
        int32_t digits = LAYOUT(writer->reader->layout, integer, digits);
        STEP(object_reader_struct(writer->reader, has_location, (size_t)digits + 4, "its spec", &data));
        located = strcmp(type->name, "bool") == 0 && field_u32(data, digits) != 0;
    }
    repr_put(writer, "<module ");
    repr_put_value(writer, name);
    if (origin != 0 && !no_origin) {
        repr_put(writer, located ? " from " : " (");
        if (located)
            repr_put_value(writer, origin);
        else
            repr_put_characters(writer, origin, "its origin");
        repr_put(writer, located ? "" : ")");
    } else {
        put_loader(writer, no_loader ? 0 : loader);
    }
    repr_put(writer, ">");
    return READ_CACHE_READY;
}

/* _module_repr, Lib/importlib/_bootstrap.py. */
enum read_cache_status repr_module(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t dict, spec, name, file, loader;
    bool no_spec, no_loader;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, module, dict), "its dict", &dict));
    STEP(object_dict_find(writer->reader, dict, "its dict", "__spec__", &spec));
    STEP(is_type(writer, spec, "NoneType", &no_spec));
    if (spec != 0 && !no_spec)
        return put_module_by_spec(writer, spec);
    STEP(object_dict_find(writer->reader, dict, "its dict", "__name__", &name));
    STEP(object_dict_find(writer->reader, dict, "its dict", "__file__", &file));
    STEP(object_dict_find(writer->reader, dict, "its dict", "__loader__", &loader));
    STEP(is_type(writer, loader, "NoneType", &no_loader));
    repr_put(writer, "<module ");
    if (name != 0)
        repr_put_value(writer, name);
    else
        repr_put(writer, "'?'");
    if (file != 0) {
        repr_put(writer, " from ");
        repr_put_value(writer, file);
    } else {
        put_loader(writer, no_loader ? 0 : loader);
    }
    repr_put(writer, ">");
    return READ_CACHE_READY;
}

/* cell_repr, Objects/cellobject.c. */
enum read_cache_status repr_cell(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t contents;
    struct type_info *held;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, cell, contents), "its contents", &contents));
    if (contents == 0) {
        repr_put_format(writer, "<cell at 0x%" PRIx64 ": empty>", object);
        return READ_CACHE_READY;
    }
    STEP(type_of(writer, contents, &held));
    repr_put_format(writer, "<cell at 0x%" PRIx64 ": %.80s object at 0x%" PRIx64 ">", object, held->name, contents);
    return READ_CACHE_READY;
}

static enum read_cache_status put_module_name(struct writer *writer, uint64_t module)
{
    uint64_t dict, name;
    STEP(repr_read_field(writer, module, LAYOUT(writer->reader->layout, module, dict), "its dict", &dict));
    STEP(object_dict_find(writer->reader, dict, "its dict", "__name__", &name));
    if (name == 0)
        return READ_CACHE_READY;
    repr_put(writer, " (");
    repr_put_characters(writer, name, "its name");
    repr_put(writer, ")");
    return READ_CACHE_READY;
}

/* weakref_repr, Objects/weakrefobject.c. */
enum read_cache_status repr_weakref(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t referent, name;
    struct type_info *held, *class;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, weakref, object), "what it refers to", &referent));
    STEP(type_of(writer, referent, &held));
    if (strcmp(held->name, "NoneType") == 0) {
        repr_put_format(writer, "<weakref at 0x%" PRIx64 "; dead>", object);
        return READ_CACHE_READY;
    }
    const struct layout *layout = writer->reader->layout;
    bool full = layout->rules->weakref_full_names, main = strncmp(held->full_name.bytes, "__main__.", 9) == 0;
    const char *held_name = !full ? held->name : main ? held->full_name.bytes + 9 : held->full_name.bytes;
    repr_put_format(writer, "<weakref at 0x%" PRIx64 "; to '%s' at 0x%" PRIx64, object, held_name, referent);
    if (strcmp(held->repr_name, "function") == 0) { /* those whose type has __name__: functions and classes */
        STEP(repr_read_field(writer, referent, LAYOUT(layout, function, name), "its name", &name));
        repr_put(writer, " (");
        repr_put_characters(writer, name, "its name");
        repr_put(writer, ")");
    } else if ((held->flags & TYPE_FLAG_TYPE) != 0) {
        STEP(object_types_find(writer->types, writer->reader, referent, &class));
        repr_put_format(writer, " (%s)", class->short_name);
    } else if (strcmp(held->repr_name, "module") == 0 && layout->version < layout->rules->weakref_module_names_until) {
        STEP(put_module_name(writer, referent));
    }
    repr_put(writer, ">");
    return READ_CACHE_READY;
}

/* code_repr, Objects/codeobject.c. */
enum read_cache_status repr_code(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    uint64_t name, file;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(layout, code, name), "its name", &name));
    STEP(repr_read_field(writer, object, LAYOUT(layout, code, filename), "its file", &file));
    STEP(object_reader_bytes(writer->reader, object + (uint64_t)LAYOUT(layout, code, firstlineno), 4, "its line", &data));
    int32_t line = field_i32(data, 0);
    repr_put(writer, "<code object ");
    repr_put_characters(writer, name, "its name");
    repr_put_format(writer, " at 0x%" PRIx64 ", file \"", object);
    repr_put_characters(writer, file, "its file");
    repr_put_format(writer, "\", line %" PRId32 ">", line != 0 ? line : -1);
    return READ_CACHE_READY;
}

/* frame_repr, Objects/frameobject.c. */
enum read_cache_status repr_frame(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t frame, code = 0, name, file;
    int32_t line = 0;
    (void)type;
    STEP(object_frame_of_object(writer->reader, object, "its frame", &frame));
    if (writer->place != NULL)
        STEP(writer->place(writer->place_context, writer->reader, frame, &code, &line));
    if (code == 0) {
        repr_put_format(writer, "<frame at 0x%" PRIx64 ">", object);
        return READ_CACHE_READY;
    }
    STEP(repr_read_field(writer, code, LAYOUT(layout, code, name), "its name", &name));
    STEP(repr_read_field(writer, code, LAYOUT(layout, code, filename), "its file", &file));
    repr_put_format(writer, "<frame at 0x%" PRIx64 ", file ", object);
    repr_put_value(writer, file);
    repr_put_format(writer, ", line %" PRId32 ", code ", line);
    repr_put_characters(writer, name, "its name");
    repr_put(writer, ">");
    return READ_CACHE_READY;
}

/* As a byte tells it, of the generator or of its frame. */
static enum read_cache_status read_state(struct writer *writer, uint64_t address, enum generator_state *state)
{
    struct bytes data;
    STEP(object_reader_bytes(writer->reader, address, 1, "its state", &data));
    int index = (int8_t)field_u8(data, 0) + GENERATOR_STATE_LOWEST;
    if (index >= 0 && index < GENERATOR_STATES)
        *state = (enum generator_state)writer->reader->layout->rules->generator_states[index];
    return READ_CACHE_READY;
}

/* 3.9 has no state: a frame that does not run has not begun, or stands at an instruction. */
static enum read_cache_status infer_state(struct writer *writer, uint64_t object, uint64_t frame, enum generator_state *state)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    STEP(object_reader_bytes(writer->reader, object + (uint64_t)LAYOUT(layout, generator, running), 1, "its state", &data));
    bool running = field_u8(data, 0) != 0;
    STEP(object_reader_bytes(writer->reader, frame + (uint64_t)LAYOUT(layout, frame_object, lasti), 4, "its frame", &data));
    *state = running ? GENERATOR_RUNNING : field_i32(data, 0) < 0 ? GENERATOR_CREATED : GENERATOR_SUSPENDED;
    return READ_CACHE_READY;
}

/* The frame of a generator that has one left, and in which state it is: until 3.10 it points to its frame, which has the state. */
static enum read_cache_status generator_state(struct writer *writer, uint64_t object, uint64_t *frame, enum generator_state *state)
{
    const struct layout *layout = writer->reader->layout;
    int32_t own = LAYOUT(layout, generator, frame_state), of_frame = LAYOUT(layout, frame_object, state);
    *frame = object + (uint64_t)LAYOUT(layout, generator, frame);
    *state = GENERATOR_FINISHED;
    if (own != LAYOUT_ABSENT)
        return read_state(writer, object + (uint64_t)own, state);
    STEP(repr_read_field(writer, object, LAYOUT(layout, generator, frame), "its frame", frame));
    if (*frame == 0)
        return READ_CACHE_READY;
    return of_frame != LAYOUT_ABSENT ? read_state(writer, *frame + (uint64_t)of_frame, state) : infer_state(writer, object, *frame, state);
}

/* gen_repr and its kin, Objects/genobject.c, and where it stands. */
enum read_cache_status repr_generator(struct writer *writer, uint64_t object, const struct type_info *type)
{
    static const char *const states[] = {"not started", "suspended", "running", "finished"};
    const struct layout *layout = writer->reader->layout;
    uint64_t name, frame, code = 0, file;
    int32_t line = 0;
    enum generator_state state;
    STEP(repr_read_field(writer, object, LAYOUT(layout, generator, qualname), "its name", &name));
    STEP(generator_state(writer, object, &frame, &state));
    if (state == GENERATOR_SUSPENDED && writer->place != NULL)
        STEP(writer->place(writer->place_context, writer->reader, frame, &code, &line));
    repr_put_format(writer, "<%s object ", type->name);
    repr_put_characters(writer, name, "its name");
    repr_put_format(writer, " at 0x%" PRIx64 ", %s", object, states[state]);
    if (code != 0) {
        STEP(repr_read_field(writer, code, LAYOUT(layout, code, filename), "its file", &file));
        repr_put(writer, " at ");
        repr_put_characters(writer, file, "its file");
        repr_put_format(writer, ":%" PRId32, line);
    }
    repr_put(writer, ">");
    return READ_CACHE_READY;
}
