#include <stdlib.h>

#include "base/array.h"
#include "object/string.h"
#include "repr/writer.h"

/* Characters of a path that is put together from pieces of different widths. */
struct path {
    uint32_t *characters;
    size_t size, capacity;
};

static bool add(struct path *path, uint32_t character)
{
    if (!ARRAY_RESERVE(path->characters, path->capacity, path->size + 1))
        return false;
    path->characters[path->size++] = character;
    return true;
}

static enum read_cache_status add_string(struct writer *writer, struct path *path, uint64_t object)
{
    const uint8_t *data;
    size_t length;
    unsigned width;
    bool cut;
    STEP(object_string_peek(writer->reader, object, "a part of a path", STRING_LENGTH_MAX, &data, &length, &width, &cut));
    if (length > 0 && data[0] == '/' && (width == 1 || memcmp(data, "/\0\0", width) == 0))
        path->size = 0; /* an absolute part: posixpath.join begins anew */
    else if (path->size > 0 && path->characters[path->size - 1] != '/')
        if (!add(path, '/'))
            return object_reader_no_memory(writer->reader);
    for (size_t i = 0; i < length; i++) {
        uint32_t character = 0;
        memcpy(&character, data + i * width, width);
        if (!add(path, character))
            return object_reader_no_memory(writer->reader);
    }
    return READ_CACHE_READY;
}

/* The strings of a list, joined. */
static enum read_cache_status add_list(struct writer *writer, struct path *path, uint64_t list)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    uint64_t count, items;
    STEP(object_reader_expect(writer->reader, list, TYPE_FLAG_LIST, "the parts of a path"));
    STEP(repr_read_field(writer, list, LAYOUT(layout, variable_object, ob_size), "the parts of a path", &count));
    STEP(repr_read_field(writer, list, LAYOUT(layout, list, items), "the parts of a path", &items));
    if (count > writer->limits->objects)
        return object_reader_fail(writer->reader, "a path of too many parts");
    for (uint64_t i = 0; i < count; i++) {
        STEP(object_reader_struct(writer->reader, items, (size_t)count * 8, "the parts of a path", &data));
        STEP(add_string(writer, path, field_u64(data, (int32_t)(i * 8))));
    }
    return READ_CACHE_READY;
}

/* PurePath._parse_path for POSIX, Lib/pathlib: no empty parts, none that are ".", two slashes in front stay two. */
static void normalize(struct path *path)
{
    size_t slashes = 0, to = 0, from;
    while (slashes < path->size && path->characters[slashes] == '/')
        slashes++;
    to = slashes == 2 ? 2 : slashes > 0;
    size_t root = to;
    for (from = slashes; from < path->size;) {
        size_t end = from;
        while (end < path->size && path->characters[end] != '/')
            end++;
        bool dropped = end == from || (end == from + 1 && path->characters[from] == '.');
        if (!dropped && to > root)
            path->characters[to++] = '/';
        if (!dropped) {
            memmove(path->characters + to, path->characters + from, (end - from) * sizeof *path->characters);
            to += end - from;
        }
        from = end + 1;
    }
    path->size = to;
    if (to == 0 && path->capacity > 0)
        path->characters[path->size++] = '.';
}

/* Its parts: _raw_paths since 3.12, _parts, which begin with the root, before. */
static enum read_cache_status collect(struct writer *writer, uint64_t object, const struct type_info *type, struct path *path)
{
    uint64_t parts;
    if (!add(path, '.')) /* so that there is room */
        return object_reader_no_memory(writer->reader);
    path->size = 0;
    STEP(repr_find_attribute(writer, object, type, "_raw_paths", &parts));
    if (parts == 0)
        STEP(repr_find_attribute(writer, object, type, "_parts", &parts));
    if (parts == 0)
        return object_reader_fail(writer->reader, "it has no parts");
    STEP(add_list(writer, path, parts));
    normalize(path);
    return READ_CACHE_READY;
}

/* PurePath.__repr__: PosixPath('/tmp'). The text of the path is made when it is first asked for, and kept in _str. */
enum read_cache_status repr_path(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t text;
    if (strstr(type->name, "Windows") != NULL)
        return repr_instance(writer, object, type);
    STEP(repr_find_attribute(writer, object, type, "_str", &text));
    if (text != 0) {
        repr_put_format(writer, "%s(", type->short_name);
        repr_put_value(writer, text);
        repr_put(writer, ")");
        return READ_CACHE_READY;
    }
    struct path path = {NULL, 0, 0};
    enum read_cache_status status = collect(writer, object, type, &path);
    if (status == READ_CACHE_READY) {
        repr_put_format(writer, "%s(", type->short_name);
        repr_put_quoted(writer, (const uint8_t *)path.characters, path.size, sizeof *path.characters);
        repr_put(writer, ")");
    }
    free(path.characters);
    return status;
}
