#include "object/string.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"

/* Where the characters of a str are: Include/cpython/unicodeobject.h, 3.9 to 3.15. */
struct characters {
    const uint8_t *data;
    size_t length;
    unsigned width; /* bytes a character: 1, 2 or 4 */
    bool cut;       /* there are more */
};

enum { KIND_MASK = 7, WIDE_WIDTH = 4 };

/* How much is read of a long str. */
struct limit {
    size_t length;
    bool cut; /* read as much of a longer one; else it is refused */
};

static const struct limit names_only = {STRING_LENGTH_MAX, false};

static enum read_cache_status too_long(struct reader *reader, const char *what, uint64_t object, uint64_t length)
{
    return object_reader_fail(reader, "%s at 0x%" PRIx64 " claims %" PRIu64 " characters, more than any name has", what, object, length);
}

/*
 * A str whose characters stand apart: one of a subclass of str in every version, and the legacy strings of 3.9 to 3.11, of which those
 * that are not "ready" (kind 0) have them as wchar_t in wstr.
 */
static enum read_cache_status separate_characters(struct reader *reader, uint64_t object, unsigned kind, const char *what, struct limit limit,
                                                  struct characters *characters)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(object_reader_struct(reader, object, (size_t)LAYOUT(layout, unicode, legacy_data) + 8, what, &data));
    uint64_t address = field_u64(data, LAYOUT(layout, unicode, legacy_data));
    uint64_t length = field_u64(data, LAYOUT(layout, unicode, length));
    characters->width = kind;
    if (kind == 0) {
        address = field_u64(data, LAYOUT(layout, unicode, wide));
        length = field_u64(data, LAYOUT(layout, unicode, wide_length));
        characters->width = WIDE_WIDTH;
    }
    if (length > limit.length && !limit.cut)
        return too_long(reader, what, object, length);
    characters->cut = length > limit.length;
    characters->length = characters->cut ? limit.length : (size_t)length;
    if (characters->length == 0)
        return READ_CACHE_READY;
    STEP(object_reader_bytes(reader, address, characters->length * characters->width, what, &data));
    characters->data = data.at;
    return READ_CACHE_READY;
}

static enum read_cache_status find_characters(struct reader *reader, uint64_t object, const char *what, struct limit limit,
                                              struct characters *characters)
{
    const struct layout *layout = reader->layout;
    const struct layout_rules *rules = layout->rules;
    struct bytes data;
    *characters = (struct characters){.data = NULL};
    STEP(object_reader_expect(reader, object, TYPE_FLAG_UNICODE, what));
    size_t header = (size_t)LAYOUT(layout, unicode, ascii_size);
    STEP(object_reader_struct(reader, object, header, what, &data));
    uint32_t state = field_u32(data, LAYOUT(layout, unicode, state));
    uint64_t length = field_u64(data, LAYOUT(layout, unicode, length));
    unsigned kind = (state >> rules->unicode_kind_shift) & KIND_MASK;
    bool compact = (state >> rules->unicode_compact_shift) & 1;
    bool ascii = (state >> rules->unicode_ascii_shift) & 1;
    bool known_kind = kind == 1 || kind == 2 || kind == 4;
    if (!compact && (known_kind || (kind == 0 && rules->legacy_strings)))
        return separate_characters(reader, object, kind, what, limit, characters);
    if (!compact || !known_kind || (ascii && kind != 1))
        return object_reader_fail(reader, "%s at 0x%" PRIx64 " is no sane str (state 0x%x)", what, object, state);
    if (length > limit.length && !limit.cut)
        return too_long(reader, what, object, length);
    bool cut = length > limit.length;
    if (cut)
        length = limit.length;
    if (!ascii)
        header = (size_t)LAYOUT(layout, unicode, compact_size);
    STEP(object_reader_struct(reader, object, header + (size_t)length * kind, what, &data));
    *characters = (struct characters){data.at + header, (size_t)length, kind, cut};
    return READ_CACHE_READY;
}

static uint32_t character_at(const struct characters *characters, size_t index)
{
    uint32_t value = 0;
    memcpy(&value, characters->data + index * characters->width, characters->width);
    return value;
}

static size_t encode(uint32_t character, char *out)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xe0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3f));
        out[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3f));
    out[2] = (char)(0x80 | (character >> 6 & 0x3f));
    out[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

enum read_cache_status object_string_load(struct reader *reader, uint64_t object, const char *what)
{
    struct characters characters;
    return find_characters(reader, object, what, names_only, &characters);
}

enum read_cache_status object_string_read(struct reader *reader, uint64_t object, const char *what, struct spprof_text *text)
{
    struct characters characters;
    STEP(find_characters(reader, object, what, names_only, &characters));
    size_t size = 0, room = characters.length * (characters.width == 1 ? 2 : 4) + 1;
    uint64_t before = reader->taken;
    char *bytes = object_reader_allocate(reader, room, 1);
    if (bytes == NULL)
        return READ_CACHE_FAILED;
    for (size_t i = 0; i < characters.length; i++) {
        uint32_t character = character_at(&characters, i);
        if (character > 0x10ffff) {
            free(bytes);
            object_reader_give_back(reader, before);
            return object_reader_fail(reader, "%s at 0x%" PRIx64 " holds 0x%x, which is no character", what, object, character);
        }
        size += encode(character, bytes + size);
    }
    bytes[size] = '\0';
    ARRAY_RESIZE(bytes, size + 1); /* as much as it needs; where that is refused, it stays as it is */
    object_reader_give_back(reader, before + size + 1);
    *text = (struct spprof_text){bytes, size};
    return READ_CACHE_READY;
}

enum read_cache_status object_string_peek(struct reader *reader, uint64_t object, const char *what, size_t limit, const uint8_t **data,
                                          size_t *length, unsigned *width, bool *cut)
{
    struct characters characters;
    STEP(find_characters(reader, object, what, (struct limit){limit, true}, &characters));
    *data = characters.data;
    *length = characters.length;
    *width = characters.width;
    *cut = characters.cut;
    return READ_CACHE_READY;
}

enum read_cache_status object_string_equals(struct reader *reader, uint64_t object, const char *ascii, bool *equal)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t type, flags;
    *equal = false;
    size_t length = strlen(ascii);
    STEP(object_reader_type(reader, object, "a key", &type, &flags));
    if ((flags & TYPE_FLAG_UNICODE) == 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(reader, object, (size_t)LAYOUT(layout, unicode, ascii_size), "a key", &data));
    if (field_u64(data, LAYOUT(layout, unicode, length)) != length)
        return READ_CACHE_READY;
    struct characters characters;
    STEP(find_characters(reader, object, "a key", names_only, &characters));
    *equal = characters.width == 1 && (length == 0 || memcmp(characters.data, ascii, length) == 0);
    return READ_CACHE_READY;
}

static enum read_cache_status bytes_header(struct reader *reader, uint64_t object, const char *what, uint64_t *size)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(object_reader_struct(reader, object, (size_t)LAYOUT(layout, bytes, data), what, &data));
    *size = field_u64(data, LAYOUT(layout, bytes, size));
    return READ_CACHE_READY;
}

enum read_cache_status object_bytes_size(struct reader *reader, uint64_t object, const char *what, uint64_t *size)
{
    STEP(object_reader_expect(reader, object, TYPE_FLAG_BYTES, what));
    return bytes_header(reader, object, what, size);
}

enum read_cache_status object_bytes_read(struct reader *reader, uint64_t object, const char *what, size_t limit, const uint8_t **data, size_t *size)
{
    struct bytes whole;
    uint64_t length;
    STEP(object_bytes_size(reader, object, what, &length));
    if (length > limit)
        return object_reader_fail(reader, "%s at 0x%" PRIx64 " claims %" PRIu64 " bytes, more than can be right", what, object, length);
    size_t header = (size_t)LAYOUT(reader->layout, bytes, data);
    STEP(object_reader_struct(reader, object, header + (size_t)length, what, &whole));
    *data = whole.at + header;
    *size = (size_t)length;
    return READ_CACHE_READY;
}
