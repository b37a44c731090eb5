#include <inttypes.h>
#include <stdlib.h>

#include "object/string.h"
#include "repr/writer.h"

/* BaseException_repr, Objects/exceptions.c. */
enum read_cache_status repr_exception(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t args, count, item;
    STEP(repr_read_field(writer, object, LAYOUT(layout, exception, args), "its arguments", &args));
    STEP(object_reader_expect(writer->reader, args, TYPE_FLAG_TUPLE, "its arguments"));
    STEP(repr_read_field(writer, args, LAYOUT(layout, variable_object, ob_size), "its arguments", &count));
    if (!repr_open_container(writer, object)) {
        repr_put_format(writer, "%s(...)", type->short_name);
        return READ_CACHE_READY;
    }
    repr_put(writer, type->short_name);
    if (count == 1) {
        STEP(object_reader_pointer(writer->reader, args + (uint64_t)LAYOUT(layout, tuple, items), "its argument", &item));
        repr_put(writer, "(");
        repr_put_value(writer, item);
        repr_put(writer, ")");
    } else {
        repr_put_value(writer, args);
    }
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* BaseExceptionGroup_repr, 3.15: the exceptions as a list where they were given as one. A sequence of another kind has a text of its own. */
enum read_cache_status repr_exception_group(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t message, exceptions, args, count, given, given_type, flags;
    STEP(repr_read_field(writer, object, LAYOUT(layout, exception_group, message), "its message", &message));
    STEP(repr_read_field(writer, object, LAYOUT(layout, exception_group, exceptions), "its exceptions", &exceptions));
    STEP(repr_read_field(writer, object, LAYOUT(layout, exception, args), "its arguments", &args));
    STEP(repr_read_field(writer, args, LAYOUT(layout, variable_object, ob_size), "its arguments", &count));
    bool list = false;
    if (count == 2) {
        STEP(object_reader_pointer(writer->reader, args + (uint64_t)LAYOUT(layout, tuple, items) + 8, "its argument", &given));
        STEP(object_reader_type(writer->reader, given, "its argument", &given_type, &flags));
        list = (flags & TYPE_FLAG_LIST) != 0;
    }
    if (!repr_open_container(writer, object)) {
        repr_put_format(writer, "%s(...)", type->short_name);
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s(", type->short_name);
    repr_put_value(writer, message);
    repr_put(writer, ", ");
    if (list) {
        repr_put(writer, "[");
        STEP(repr_put_tuple_items(writer, exceptions, "its exceptions"));
        repr_put(writer, "]");
    } else {
        repr_put_value(writer, exceptions);
    }
    repr_put(writer, ")");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* str() of an object: a str as it is, anything else like its repr. */
static enum read_cache_status put_str(struct writer *writer, uint64_t object)
{
    uint64_t type, flags;
    STEP(object_reader_type(writer->reader, object, "an argument", &type, &flags));
    if ((flags & TYPE_FLAG_UNICODE) != 0)
        repr_put_characters(writer, object, "an argument");
    else
        repr_put_value(writer, object);
    return READ_CACHE_READY;
}

static enum read_cache_status is_none(struct writer *writer, uint64_t object, bool *none)
{
    uint64_t address;
    struct type_info *type;
    *none = object == 0;
    if (*none)
        return READ_CACHE_READY;
    STEP(object_reader_pointer(writer->reader, object + (uint64_t)LAYOUT(writer->reader->layout, object, type), "an object", &address));
    STEP(object_types_find(writer->types, writer->reader, address, &type));
    *none = strcmp(type->name, "NoneType") == 0;
    return READ_CACHE_READY;
}

/* OSError_str: [Errno 2] No such file or directory: 'name' -> 'other' */
static enum read_cache_status put_os_error(struct writer *writer, uint64_t object, bool *done)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t number, text, names[2];
    bool none, other;
    STEP(repr_read_field(writer, object, LAYOUT(layout, os_error, errno), "its errno", &number));
    STEP(repr_read_field(writer, object, LAYOUT(layout, os_error, strerror), "its strerror", &text));
    STEP(repr_read_field(writer, object, LAYOUT(layout, os_error, filename), "its filename", &names[0]));
    STEP(repr_read_field(writer, object, LAYOUT(layout, os_error, filename2), "its filename2", &names[1]));
    *done = number != 0 && text != 0;
    if (!*done)
        return READ_CACHE_READY;
    STEP(is_none(writer, names[0], &none));
    STEP(is_none(writer, names[1], &other));
    repr_put(writer, "[Errno ");
    STEP(put_str(writer, number));
    repr_put(writer, "] ");
    STEP(put_str(writer, text));
    if (!none) {
        repr_put(writer, ": ");
        repr_put_value(writer, names[0]);
    }
    if (!none && !other) {
        repr_put(writer, " -> ");
        repr_put_value(writer, names[1]);
    }
    return READ_CACHE_READY;
}

/* SyntaxError_str: message (file, line 3), of the file its last part only. */
static enum read_cache_status put_syntax_error(struct writer *writer, uint64_t object, bool *done)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t message, file, line;
    bool no_message, no_file, no_line;
    STEP(repr_read_field(writer, object, LAYOUT(layout, syntax_error, msg), "its message", &message));
    STEP(repr_read_field(writer, object, LAYOUT(layout, syntax_error, filename), "its filename", &file));
    STEP(repr_read_field(writer, object, LAYOUT(layout, syntax_error, lineno), "its line", &line));
    STEP(is_none(writer, message, &no_message));
    STEP(is_none(writer, file, &no_file));
    STEP(is_none(writer, line, &no_line));
    *done = true;
    if (no_message)
        repr_put(writer, "None");
    else
        STEP(put_str(writer, message));
    if (no_file && no_line)
        return READ_CACHE_READY;
    repr_put(writer, " (");
    if (!no_file) {
        struct spprof_text text;
        STEP(object_string_read(writer->reader, file, "its filename", &text));
        const char *slash = strrchr(text.bytes, '/');
        repr_put(writer, slash != NULL ? slash + 1 : text.bytes);
        free(text.bytes);
    }
    if (!no_line) {
        repr_put(writer, no_file ? "line " : ", line ");
        repr_put_value(writer, line);
    }
    repr_put(writer, ")");
    return READ_CACHE_READY;
}

/* BaseException_str: nothing, the one argument, or all of them as a tuple. */
static enum read_cache_status put_arguments(struct writer *writer, uint64_t object, bool quoted)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t args, count, item;
    STEP(repr_read_field(writer, object, LAYOUT(layout, exception, args), "its arguments", &args));
    STEP(object_reader_expect(writer->reader, args, TYPE_FLAG_TUPLE, "its arguments"));
    STEP(repr_read_field(writer, args, LAYOUT(layout, variable_object, ob_size), "its arguments", &count));
    if (count == 0)
        return READ_CACHE_READY;
    if (count > 1) {
        repr_put_value(writer, args);
        return READ_CACHE_READY;
    }
    STEP(object_reader_pointer(writer->reader, args + (uint64_t)LAYOUT(layout, tuple, items), "its argument", &item));
    if (!quoted)
        return put_str(writer, item);
    repr_put_value(writer, item);
    return READ_CACHE_READY;
}

/* The builtin class, of those whose str() is not that of BaseException, that this one comes from; "" for none of them. */
static enum read_cache_status find_family(struct writer *writer, const struct type_info *type, const char **family)
{
    static const char *const families[] = {"OSError",           "SyntaxError", "KeyError", "ImportError", "BaseExceptionGroup", "UnicodeEncodeError",
                                           "UnicodeDecodeError"};
    *family = "";
    for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
        for (size_t j = 0; j < sizeof families / sizeof *families && (type->flags & TYPE_FLAG_HEAP) == 0; j++)
            if (strcmp(type->name, families[j]) == 0)
                *family = families[j];
        if (type->base == 0 || **family != '\0')
            break;
        struct type_info *base;
        STEP(object_types_find(writer->types, writer->reader, type->base, &base));
        type = base;
    }
    return READ_CACHE_READY;
}

/* BaseExceptionGroup_str: message (2 sub-exceptions) */
static enum read_cache_status put_group(struct writer *writer, uint64_t object)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t message, exceptions, count;
    STEP(repr_read_field(writer, object, LAYOUT(layout, exception_group, message), "its message", &message));
    STEP(repr_read_field(writer, object, LAYOUT(layout, exception_group, exceptions), "its exceptions", &exceptions));
    STEP(repr_read_field(writer, exceptions, LAYOUT(layout, variable_object, ob_size), "its exceptions", &count));
    STEP(put_str(writer, message));
    repr_put_format(writer, " (%" PRIu64 " sub-exception%s)", count, count > 1 ? "s" : "");
    return READ_CACHE_READY;
}

/* UnicodeDecodeError_str, UnicodeEncodeError_str. */
static enum read_cache_status put_unicode_error(struct writer *writer, uint64_t object, bool encode)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t encoding, text, start, end, reason;
    STEP(repr_read_field(writer, object, LAYOUT(layout, unicode_error, encoding), "its encoding", &encoding));
    STEP(repr_read_field(writer, object, LAYOUT(layout, unicode_error, object), "its object", &text));
    STEP(repr_read_field(writer, object, LAYOUT(layout, unicode_error, start), "its start", &start));
    STEP(repr_read_field(writer, object, LAYOUT(layout, unicode_error, end), "its end", &end));
    STEP(repr_read_field(writer, object, LAYOUT(layout, unicode_error, reason), "its reason", &reason));
    const uint8_t *data;
    size_t length;
    unsigned width = 1;
    bool cut;
    uint32_t at = 0;
    bool single = end == start + 1;
    if (single && encode) {
        STEP(object_string_peek(writer->reader, text, "its object", STRING_LENGTH_MAX, &data, &length, &width, &cut));
        single = start < length;
        if (single)
            memcpy(&at, data + start * width, width);
    } else if (single) {
        STEP(object_bytes_read(writer->reader, text, "its object", STRING_LENGTH_MAX, &data, &length));
        single = start < length;
        at = single ? data[start] : 0;
    }
    repr_put(writer, "'");
    STEP(put_str(writer, encoding));
    repr_put_format(writer, "' codec can't %s ", encode ? "encode" : "decode");
    if (!single)
        repr_put_format(writer, "%s in position %" PRIu64 "-%" PRIu64, encode ? "characters" : "bytes", start, end - 1);
    else if (!encode)
        repr_put_format(writer, "byte 0x%02x in position %" PRIu64, at, start);
    else
        repr_put_format(writer,
                        at <= 0xff     ? "character '\\x%02x' in position %" PRIu64
                        : at <= 0xffff ? "character '\\u%04x' in position %" PRIu64
                                       : "character '\\U%08x' in position %" PRIu64,
                        at, start);
    repr_put(writer, ": ");
    return put_str(writer, reason);
}

enum read_cache_status repr_write_message(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const char *family;
    bool done = false, none;
    uint64_t message;
    STEP(find_family(writer, type, &family));
    if (strcmp(family, "OSError") == 0)
        STEP(put_os_error(writer, object, &done));
    else if (strcmp(family, "SyntaxError") == 0)
        STEP(put_syntax_error(writer, object, &done));
    else if (strcmp(family, "BaseExceptionGroup") == 0)
        return put_group(writer, object);
    else if (strncmp(family, "Unicode", 7) == 0)
        return put_unicode_error(writer, object, strcmp(family, "UnicodeEncodeError") == 0);
    else if (strcmp(family, "ImportError") == 0) {
        STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, import_error, msg), "its message", &message));
        STEP(is_none(writer, message, &none));
        if (!none)
            return put_str(writer, message);
    }
    return done ? READ_CACHE_READY : put_arguments(writer, object, strcmp(family, "KeyError") == 0);
}
