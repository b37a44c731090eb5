#include <inttypes.h>

#include "object/integer.h"
#include "object/string.h"
#include "repr/writer.h"

/* mpd_t, Modules/_decimal/libmpdec/mpdecimal.h, on 64-bit machines: words of 19 decimal digits, the lowest first. */
enum { FLAG_NEGATIVE = 1, FLAG_INFINITE = 2, FLAG_NAN = 4, FLAG_SIGNALING_NAN = 8, WORD_DIGITS = 19, WORDS_MAX = 1 << 16 };

struct decimal {
    uint8_t flags;
    int64_t exponent, digits;
    uint64_t length, data;
};

static enum read_cache_status read_decimal(struct writer *writer, uint64_t object, struct decimal *decimal)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    if (LAYOUT(layout, decimal, data) == LAYOUT_ABSENT)
        return object_reader_fail(writer->reader, "how it is laid out is not known");
    STEP(object_reader_struct(writer->reader, object, (size_t)LAYOUT(layout, decimal, data) + 8, "a Decimal", &data));
    *decimal = (struct decimal){
        .flags = field_u8(data, LAYOUT(layout, decimal, flags)),
        .exponent = field_i64(data, LAYOUT(layout, decimal, exponent)),
        .digits = field_i64(data, LAYOUT(layout, decimal, digits)),
        .length = field_u64(data, LAYOUT(layout, decimal, length)),
        .data = field_u64(data, LAYOUT(layout, decimal, data)),
    };
    if (decimal->length > WORDS_MAX || decimal->exponent > INT64_C(4000000000000000000) || decimal->exponent < -INT64_C(4000000000000000000))
        return object_reader_fail(writer->reader, "it claims %" PRIu64 " words of digits", decimal->length);
    return READ_CACHE_READY;
}

static enum read_cache_status read_coefficient(struct writer *writer, const struct decimal *decimal, struct text *digits)
{
    struct bytes data;
    if (decimal->length == 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(writer->reader, decimal->data, (size_t)decimal->length * 8, "its digits", &data));
    for (uint64_t i = decimal->length; i-- > 0;) {
        uint64_t word = field_u64(data, (int32_t)(i * 8));
        if (i + 1 == decimal->length)
            base_text_format(digits, "%" PRIu64, word);
        else
            base_text_format(digits, "%0*" PRIu64, WORD_DIGITS, word);
    }
    return READ_CACHE_READY;
}

static void put_zeros(struct text *text, int64_t count)
{
    for (; count > 0; count--)
        base_text_add(text, "0", 1);
}

/* to-scientific-string of the General Decimal Arithmetic Specification, as _mpd_to_string gives it. */
static void add_finite(struct text *text, const struct text *digits, int64_t exponent)
{
    int64_t count = (int64_t)digits->size, point = exponent <= 0 && exponent + count > -6 ? exponent + count : 1;
    if (point <= 0) {
        base_text_add(text, "0.", 2);
        put_zeros(text, -point);
        base_text_add(text, digits->bytes, digits->size);
    } else {
        base_text_add(text, digits->bytes, (size_t)point);
        if (point < count) {
            base_text_add(text, ".", 1);
            base_text_add(text, digits->bytes + point, (size_t)(count - point));
        }
    }
    if (exponent > 0 || exponent + count <= -6)
        base_text_format(text, "E%+" PRId64, exponent + count - 1);
}

static void put_decimal(struct writer *writer, uint8_t flags, const struct text *digits, int64_t exponent)
{
    struct text text = {0};
    base_text_add_string(&text, (flags & FLAG_NEGATIVE) != 0 ? "-" : "");
    if ((flags & (FLAG_NAN | FLAG_SIGNALING_NAN)) != 0) {
        base_text_add_string(&text, (flags & FLAG_SIGNALING_NAN) != 0 ? "sNaN" : "NaN");
        base_text_add(&text, digits->bytes, digits->size);
    } else if ((flags & FLAG_INFINITE) != 0) {
        base_text_add_string(&text, "Infinity");
    } else {
        add_finite(&text, digits, exponent);
    }
    repr_put(writer, "Decimal('"); /* dec_repr does not ask for the name of a subclass */
    repr_put_bytes(writer, text.bytes, text.size);
    repr_put(writer, "')");
    base_text_free(&text);
}

enum read_cache_status repr_decimal(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct decimal decimal = {0};
    struct text digits = {0};
    (void)type;
    STEP(read_decimal(writer, object, &decimal));
    enum read_cache_status status = read_coefficient(writer, &decimal, &digits);
    bool finite = (decimal.flags & (FLAG_NAN | FLAG_SIGNALING_NAN | FLAG_INFINITE)) == 0;
    if (status == READ_CACHE_READY && finite && digits.size == 0)
        status = object_reader_fail(writer->reader, "it has no digits");
    if (status == READ_CACHE_READY)
        put_decimal(writer, decimal.flags, &digits, decimal.exponent);
    base_text_free(&digits);
    return status;
}

/* Lib/_pydecimal.py, where the module in C was not built: _exp is an int, or 'F', 'n' or 'N' for what is no finite number. */
enum read_cache_status repr_python_decimal(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct reader *reader = writer->reader;
    static const char *const names[] = {"_sign", "_int", "_exp"};
    uint64_t values[3], sign;
    int64_t exponent = 0;
    bool fits, is_int, equal[3] = {false};
    for (int i = 0; i < 3; i++) {
        STEP(repr_find_attribute(writer, object, type, names[i], &values[i]));
        if (values[i] == 0)
            return object_reader_fail(reader, "it has no %s", names[i]);
    }
    STEP(object_integer_read(reader, values[0], "_sign", &fits, &sign));
    STEP(object_integer_read_signed(reader, values[2], "_exp", &is_int, &exponent));
    STEP(object_string_equals(reader, values[2], "F", &equal[0]));
    STEP(object_string_equals(reader, values[2], "n", &equal[1]));
    STEP(object_string_equals(reader, values[2], "N", &equal[2]));
    bool finite = !equal[0] && !equal[1] && !equal[2];
    if (!fits || (finite && !is_int))
        return object_reader_fail(reader, "it is no sane number");
    struct spprof_text digits;
    STEP(object_string_read(reader, values[1], "_int", &digits));
    struct text text = {.bytes = digits.bytes, .size = digits.size, .capacity = digits.size + 1};
    uint8_t flags =
        (uint8_t)((sign != 0 ? FLAG_NEGATIVE : 0) | (equal[0] ? FLAG_INFINITE : 0) | (equal[1] ? FLAG_NAN : 0) | (equal[2] ? FLAG_SIGNALING_NAN : 0));
    enum read_cache_status status = finite && text.size == 0 ? object_reader_fail(reader, "it has no digits") : READ_CACHE_READY;
    if (status == READ_CACHE_READY)
        put_decimal(writer, flags, &text, exponent);
    base_text_free(&text);
    return status;
}
