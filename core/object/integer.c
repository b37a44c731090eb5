#include "object/integer.h"

enum {
    DIGIT_BITS = 30, /* PYLONG_BITS_IN_DIGIT, also on every 64-bit build of Windows and macOS */
    TAG_SIGN_MASK = 3,
    TAG_NEGATIVE = 2,
    TAG_SIZE_SHIFT = 3,
    DIGITS_IN_WORD = 3,
};

static uint64_t digit_count(const struct layout *layout, struct bytes data, bool *negative)
{
    int32_t tag = LAYOUT(layout, integer, tag);
    if (tag == LAYOUT_ABSENT) { /* before 3.12 the sign is that of ob_size */
        int64_t size = field_i64(data, LAYOUT(layout, variable_object, ob_size));
        *negative = size < 0;
        return size < 0 ? -(uint64_t)size : (uint64_t)size;
    }
    uint64_t word = field_u64(data, tag);
    *negative = (word & TAG_SIGN_MASK) == TAG_NEGATIVE;
    return word >> TAG_SIZE_SHIFT;
}

static enum read_cache_status read_magnitude(struct reader *reader, uint64_t object, const char *what, bool *fits, bool *negative, uint64_t *value)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t type, flags;
    *fits = false;
    STEP(object_reader_type(reader, object, what, &type, &flags));
    if ((flags & TYPE_FLAG_LONG) == 0)
        return READ_CACHE_READY;
    size_t header = (size_t)LAYOUT(layout, integer, digits);
    STEP(object_reader_struct(reader, object, header + 4, what, &data));
    uint64_t digits = digit_count(layout, data, negative);
    if (digits > DIGITS_IN_WORD)
        return READ_CACHE_READY;
    if (digits > 1)
        STEP(object_reader_struct(reader, object, header + (size_t)digits * 4, what, &data));
    uint64_t result = 0;
    for (uint64_t i = digits; i-- > 0;) {
        uint32_t digit = field_u32(data, (int32_t)(header + i * 4));
        if (digit >> DIGIT_BITS != 0 || result >> (64 - DIGIT_BITS) != 0)
            return READ_CACHE_READY;
        result = result << DIGIT_BITS | digit;
    }
    *value = result;
    *fits = true;
    return READ_CACHE_READY;
}

enum read_cache_status object_integer_read(struct reader *reader, uint64_t object, const char *what, bool *fits, uint64_t *value)
{
    bool negative = false;
    STEP(read_magnitude(reader, object, what, fits, &negative, value));
    *fits = *fits && !negative;
    return READ_CACHE_READY;
}

enum read_cache_status object_integer_read_signed(struct reader *reader, uint64_t object, const char *what, bool *fits, int64_t *value)
{
    bool negative = false;
    uint64_t magnitude = 0;
    STEP(read_magnitude(reader, object, what, fits, &negative, &magnitude));
    *fits = *fits && magnitude <= INT64_MAX;
    if (*fits)
        *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return READ_CACHE_READY;
}
