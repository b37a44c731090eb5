#include <inttypes.h>
#include <string.h>

#include "object/string.h"
#include "repr/printable.inc"
#include "repr/writer.h"

enum {
    /* So much of a long one is read, since its end decides about the quotes; the text is cut long before. */
    READ_MAX = 1 << 16,
    MEMORYVIEW_RELEASED = 1, /* _Py_MEMORYVIEW_RELEASED, Include/cpython/memoryobject.h */
};

/* str.isprintable() in the version of the target. */
static bool is_printable(uint32_t character, uint32_t minor)
{
    size_t low = 0, high = sizeof printable_table / sizeof *printable_table;
    if (character > 0x10ffff)
        return false;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (printable_table[middle] >> PRINTABLE_VERSIONS <= character)
            low = middle;
        else
            high = middle;
    }
    uint32_t version = minor & 0xff;
    version = version < PRINTABLE_OLDEST ? PRINTABLE_OLDEST : version > PRINTABLE_NEWEST ? PRINTABLE_NEWEST : version;
    return (printable_table[low] >> (version - PRINTABLE_OLDEST) & 1) != 0;
}

static uint32_t character_at(const uint8_t *data, size_t index, unsigned width)
{
    uint32_t value = 0;
    memcpy(&value, data + index * width, width);
    return value;
}

/* Single quotes, unless there are such in the text and no double ones. */
static char choose_quote(const uint8_t *data, size_t length, unsigned width)
{
    bool has_single = false;
    for (size_t i = 0; i < length; i++) {
        uint32_t character = character_at(data, i, width);
        if (character == '"')
            return '\'';
        has_single = has_single || character == '\'';
    }
    return has_single ? '"' : '\'';
}

static bool add_common_escape(struct text *text, uint32_t character, char quote)
{
    switch (character) {
    case '\t': base_text_add(text, "\\t", 2); return true;
    case '\n': base_text_add(text, "\\n", 2); return true;
    case '\r': base_text_add(text, "\\r", 2); return true;
    case '\\': base_text_add(text, "\\\\", 2); return true;
    }
    if (character != (unsigned char)quote)
        return false;
    base_text_add(text, "\\", 1);
    base_text_add(text, &quote, 1);
    return true;
}

/* unicode_repr, Objects/unicodeobject.c. */
static void add_character(struct text *text, uint32_t character, char quote, uint32_t minor)
{
    if (add_common_escape(text, character, quote))
        return;
    if (is_printable(character, minor))
        base_text_add_character(text, character);
    else if (character <= 0xff)
        base_text_format(text, "\\x%02" PRIx32, character);
    else if (character <= 0xffff)
        base_text_format(text, "\\u%04" PRIx32, character);
    else
        base_text_format(text, "\\U%08" PRIx32, character);
}

void repr_put_quoted(struct writer *writer, const uint8_t *data, size_t length, unsigned width)
{
    struct text text = {0};
    char quote = choose_quote(data, length, width);
    base_text_add(&text, &quote, 1);
    for (size_t i = 0; i < length && text.size <= writer->limits->length; i++)
        add_character(&text, character_at(data, i, width), quote, writer->reader->layout->rules->minor);
    base_text_add(&text, &quote, 1);
    repr_put_bytes(writer, text.bytes, text.size);
    base_text_free(&text);
}

enum read_cache_status repr_string(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const uint8_t *data;
    size_t length;
    unsigned width;
    bool cut;
    (void)type;
    STEP(object_string_peek(writer->reader, object, "a str", READ_MAX, &data, &length, &width, &cut));
    repr_put_quoted(writer, data, length, width);
    if (cut)
        repr_put(writer, "...");
    return READ_CACHE_READY;
}

/* bytes_repr, Objects/bytesobject.c. */
void repr_put_quoted_bytes(struct writer *writer, const uint8_t *data, size_t size, bool always_escape)
{
    struct text text = {0};
    char quote = choose_quote(data, size, 1);
    base_text_add(&text, "b", 1);
    base_text_add(&text, &quote, 1);
    for (size_t i = 0; i < size && text.size <= writer->limits->length; i++) {
        if (add_common_escape(&text, data[i], quote))
            continue;
        if (data[i] == '\'' && always_escape)
            base_text_add(&text, "\\'", 2);
        else if (data[i] >= ' ' && data[i] <= '~')
            base_text_add(&text, (const char *)&data[i], 1);
        else
            base_text_format(&text, "\\x%02x", data[i]);
    }
    base_text_add(&text, &quote, 1);
    repr_put_bytes(writer, text.bytes, text.size);
    base_text_free(&text);
}

enum read_cache_status repr_bytes(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    size_t header = (size_t)LAYOUT(layout, bytes, data);
    uint64_t size;
    (void)type;
    STEP(object_bytes_size(writer->reader, object, "bytes", &size));
    bool cut = size > READ_MAX;
    if (cut)
        size = READ_MAX;
    STEP(object_reader_struct(writer->reader, object, header + (size_t)size, "bytes", &data));
    repr_put_quoted_bytes(writer, data.at + header, (size_t)size, false);
    if (cut)
        repr_put(writer, "...");
    return READ_CACHE_READY;
}

enum read_cache_status repr_bytearray(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data = bytes_none();
    uint64_t size, start;
    STEP(repr_read_field(writer, object, LAYOUT(layout, variable_object, ob_size), "its size", &size));
    STEP(repr_read_field(writer, object, LAYOUT(layout, bytearray, start), "its bytes", &start));
    bool cut = size > READ_MAX;
    if (cut)
        size = READ_MAX;
    if (size > 0)
        STEP(object_reader_bytes(writer->reader, start, (size_t)size, "its bytes", &data));
    repr_put_format(writer, "%s(", type->short_name);
    repr_put_quoted_bytes(writer, data.at, (size_t)size, layout->rules->bytearray_escapes_quotes);
    repr_put(writer, cut ? "..." : ")");
    return READ_CACHE_READY;
}

/* memory_repr, Objects/memoryobject.c. */
enum read_cache_status repr_memoryview(struct writer *writer, uint64_t object, const struct type_info *type)
{
    uint64_t flags;
    (void)type;
    STEP(repr_read_field(writer, object, LAYOUT(writer->reader->layout, memoryview, flags), "its flags", &flags));
    repr_put_format(writer, "<%smemory at 0x%" PRIx64 ">", (flags & MEMORYVIEW_RELEASED) != 0 ? "released " : "", object);
    return READ_CACHE_READY;
}
