#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "repr/writer.h"

/* The digits of an int: Include/cpython/longintrepr.h, 3.9 to 3.15. */
enum {
    DIGIT_BITS = 30,
    TAG_SIGN_MASK = 3,
    TAG_NEGATIVE = 2,
    TAG_SIZE_SHIFT = 3,
    DECIMAL_DIGITS_MAX = 4300, /* sys.int_info.default_max_str_digits: repr() refuses longer ones */
    BITS_MAX = 14285,          /* of an int of so many digits */
    PIECE = 1000000000,
    TARGET_DIGITS_MAX = 1 << 26,
};

struct integer {
    struct bytes digits;
    uint64_t count;
    bool negative;
};

static enum read_cache_status read_integer(struct writer *writer, uint64_t object, struct integer *integer)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    int32_t tag = LAYOUT(layout, integer, tag);
    size_t header = (size_t)LAYOUT(layout, integer, digits);
    STEP(object_reader_struct(writer->reader, object, header, "an int", &data));
    if (tag == LAYOUT_ABSENT) { /* before 3.12 the sign is that of ob_size */
        int64_t size = field_i64(data, LAYOUT(layout, variable_object, ob_size));
        integer->negative = size < 0;
        integer->count = size < 0 ? -(uint64_t)size : (uint64_t)size;
    } else {
        uint64_t word = field_u64(data, tag);
        integer->negative = (word & TAG_SIGN_MASK) == TAG_NEGATIVE;
        integer->count = word >> TAG_SIZE_SHIFT;
    }
    if (integer->count > TARGET_DIGITS_MAX)
        return object_reader_fail(writer->reader, "it claims %" PRIu64 " digits", integer->count);
    integer->digits = bytes_none();
    if (integer->count == 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(writer->reader, object, header + (size_t)integer->count * 4, "the digits of an int", &data));
    integer->digits = bytes_from(data, header);
    return READ_CACHE_READY;
}

static uint64_t bit_count(const struct integer *integer)
{
    uint32_t highest = field_u32(integer->digits, (int32_t)((integer->count - 1) * 4));
    uint64_t bits = (integer->count - 1) * DIGIT_BITS;
    for (; highest != 0; highest >>= 1)
        bits++;
    return bits;
}

/* Schoolbook conversion to pieces of nine decimal digits: the length is limited. */
static enum read_cache_status put_decimal(struct writer *writer, const struct integer *integer)
{
    CLEANUP_FREE uint32_t *pieces = calloc((size_t)integer->count + 2, sizeof *pieces);
    size_t count = 0;
    if (pieces == NULL)
        return object_reader_no_memory(writer->reader);
    for (uint64_t i = integer->count; i-- > 0;) {
        uint64_t carry = field_u32(integer->digits, (int32_t)(i * 4));
        if (carry >> DIGIT_BITS != 0)
            return object_reader_fail(writer->reader, "its digit %" PRIu64 " is 0x%" PRIx64, i, carry);
        for (size_t j = 0; j < count; j++) {
            carry += (uint64_t)pieces[j] << DIGIT_BITS;
            pieces[j] = (uint32_t)(carry % PIECE);
            carry /= PIECE;
        }
        for (; carry != 0; carry /= PIECE)
            pieces[count++] = (uint32_t)(carry % PIECE);
    }
    struct text text = {0};
    base_text_format(&text, "%s%" PRIu32, integer->negative ? "-" : "", count > 0 ? pieces[count - 1] : 0);
    for (size_t j = count > 0 ? count - 1 : 0; j-- > 0;)
        base_text_format(&text, "%09" PRIu32, pieces[j]);
    repr_put_bytes(writer, text.bytes, text.size);
    base_text_free(&text);
    return READ_CACHE_READY;
}

enum read_cache_status repr_integer(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct integer integer;
    (void)type;
    STEP(read_integer(writer, object, &integer));
    uint64_t bits = integer.count > 0 ? bit_count(&integer) : 0;
    if (bits > BITS_MAX) {
        repr_put_format(writer, "<int of %" PRIu64 " bits>", bits);
        return READ_CACHE_READY;
    }
    return put_decimal(writer, &integer);
}

enum read_cache_status repr_bool(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct integer integer;
    (void)type;
    STEP(read_integer(writer, object, &integer));
    repr_put(writer, integer.count != 0 ? "True" : "False");
    return READ_CACHE_READY;
}

/* The shortest digits that give the value back: "d.ddde[+-]xx" in shortest. Locales that print a comma are none of our business. */
static void find_shortest(double value, char *shortest, size_t size)
{
    int mantissa_exponent;
    bool power_of_two = fabs(frexp(value, &mantissa_exponent)) == 0.5;
    for (int precision = 0; precision < 17; precision++) {
        snprintf(shortest, size, "%.*e", precision, value);
        if (strtod(shortest, NULL) == value)
            return;
        /* Above a power of two the doubles lie twice as far apart as below: the next decimal up may do where the nearest does not. */
        char *end = strchr(shortest, 'e');
        if (power_of_two && end[-1] >= '0' && end[-1] < '9') {
            end[-1]++;
            if (strtod(shortest, NULL) == value)
                return;
        }
    }
}

/* format_float_short with 'r', Python/pystrtod.c: an exponent where the point would lie more than 16 digits to the right or 4 to the left. */
static void format_repr(double value, bool point, char *out, size_t size)
{
    char shortest[40], digits[24];
    size_t count = 0;
    find_shortest(fabs(value), shortest, sizeof shortest);
    char *exponent = strchr(shortest, 'e');
    for (const char *c = shortest; c < exponent; c++)
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    int decimal_point = atoi(exponent + 1) + 1, n = (int)count;
    const char *sign = signbit(value) ? "-" : "";
    if (decimal_point > 16 || decimal_point <= -4)
        snprintf(out, size, "%s%c%s%.*se%+03d", sign, digits[0], n > 1 ? "." : "", n - 1, digits + 1, decimal_point - 1);
    else if (decimal_point <= 0)
        snprintf(out, size, "%s0.%.*s%.*s", sign, -decimal_point, "0000", n, digits);
    else if (decimal_point >= n)
        snprintf(out, size, "%s%.*s%.*s%s", sign, n, digits, decimal_point - n, "0000000000000000", point ? ".0" : "");
    else
        snprintf(out, size, "%s%.*s.%.*s", sign, decimal_point, digits, n - decimal_point, digits + decimal_point);
}

static void put_double(struct writer *writer, double value, bool point, bool plus)
{
    char text[64];
    if (isnan(value))
        snprintf(text, sizeof text, "nan");
    else if (isinf(value))
        snprintf(text, sizeof text, value < 0 ? "-inf" : "inf");
    else
        format_repr(value, point, text, sizeof text);
    repr_put_format(writer, "%s%s", plus && text[0] != '-' ? "+" : "", text);
}

void repr_put_float(struct writer *writer, double value)
{
    put_double(writer, value, true, false);
}

/* The shortest digits that give a float of C back, as numpy prints them. */
void repr_put_single(struct writer *writer, float value)
{
    char text[32];
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, (double)value);
        if (strtof(text, NULL) >= value && strtof(text, NULL) <= value)
            break;
    }
    repr_put_float(writer, isfinite(value) ? strtod(text, NULL) : (double)value);
}

static enum read_cache_status read_double(struct writer *writer, uint64_t object, int32_t offset, double *value)
{
    uint64_t bits;
    STEP(repr_read_field(writer, object, offset, "its value", &bits));
    memcpy(value, &bits, sizeof *value);
    return READ_CACHE_READY;
}

enum read_cache_status repr_float(struct writer *writer, uint64_t object, const struct type_info *type)
{
    double value;
    (void)type;
    STEP(read_double(writer, object, LAYOUT(writer->reader->layout, float_object, value), &value));
    repr_put_float(writer, value);
    return READ_CACHE_READY;
}

/* complex_repr, Objects/complexobject.c. */
enum read_cache_status repr_complex(struct writer *writer, uint64_t object, const struct type_info *type)
{
    double real, imag;
    (void)type;
    STEP(read_double(writer, object, LAYOUT(writer->reader->layout, complex, real), &real));
    STEP(read_double(writer, object, LAYOUT(writer->reader->layout, complex, imag), &imag));
    bool only_imag = real == 0 && !signbit(real);
    if (!only_imag) {
        repr_put(writer, "(");
        put_double(writer, real, false, false);
    }
    put_double(writer, imag, false, !only_imag);
    repr_put(writer, only_imag ? "j" : "j)");
    return READ_CACHE_READY;
}
