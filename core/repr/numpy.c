/*
 * numpy's arrays and scalars, pandas' frames: <numpy.ndarray at 0x… dtype=float64, shape=(2, 3), [1.0, 2.0, …]>, numpy.float64(1.5),
 * <pandas.core.frame.DataFrame at 0x… shape=(2, 3)>. The layouts are numpy's public ABI: PyArrayObject_fields, PyArray_Descr and the scalars
 * of numpy/ndarraytypes.h and arrayscalars.h, 1.x and 2.x.
 */
#include <inttypes.h>

#include "object/integer.h"
#include "repr/writer.h"

/* Behind the object's head. */
enum {
    ARRAY_DATA = 0,
    ARRAY_DIMENSION_COUNT = 8,
    ARRAY_DIMENSIONS = 16,
    ARRAY_STRIDES = 24,
    ARRAY_DESCR = 40,
    ARRAY_SIZE = 48,
    DESCR_KIND = 8,
    DESCR_TYPE = 9,
    DESCR_BYTE_ORDER = 10,
    DESCR_OLD_ITEM_SIZE = 16, /* 1.x: int */
    DESCR_NEW_ITEM_SIZE = 24,
    DESCR_NEW_ALIGNMENT = 32,
    DESCR_SIZE = 40,
    ALIGNMENT_MAX = 64, /* where 2.x has the alignment, 1.x has a pointer */
    DIMENSIONS_MAX = 64,
    ITEM_MAX = 1 << 16,
    SCALAR_MAX = 16,
};

struct element {
    char kind, type;
    bool swapped;
    size_t size;
};

struct array {
    uint64_t data;
    size_t dimension_count;
    int64_t dimensions[DIMENSIONS_MAX], strides[DIMENSIONS_MAX];
    struct element element;
    uint64_t count;
};

static enum read_cache_status read_element(struct writer *writer, uint64_t descr, struct element *element)
{
    struct bytes data;
    size_t head = (size_t)LAYOUT(writer->reader->layout, object, size);
    STEP(object_reader_struct(writer->reader, descr, head + DESCR_SIZE, "its dtype", &data));
    data = bytes_from(data, head);
    uint64_t alignment = field_u64(data, DESCR_NEW_ALIGNMENT);
    bool is_new = alignment > 0 && alignment <= ALIGNMENT_MAX;
    uint64_t size = is_new ? field_u64(data, DESCR_NEW_ITEM_SIZE) : field_u32(data, DESCR_OLD_ITEM_SIZE);
    *element =
        (struct element){(char)field_u8(data, DESCR_KIND), (char)field_u8(data, DESCR_TYPE), field_u8(data, DESCR_BYTE_ORDER) == '>', (size_t)size};
    if (size > ITEM_MAX)
        return object_reader_fail(writer->reader, "its dtype has %" PRIu64 " bytes an item", size);
    return READ_CACHE_READY;
}

static enum read_cache_status read_dimensions(struct writer *writer, uint64_t dimensions, uint64_t strides, struct array *array)
{
    struct bytes sizes, steps;
    array->count = 1;
    if (array->dimension_count == 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(writer->reader, dimensions, array->dimension_count * 8, "its shape", &sizes));
    STEP(object_reader_struct(writer->reader, strides, array->dimension_count * 8, "its strides", &steps));
    for (size_t i = 0; i < array->dimension_count; i++) {
        array->dimensions[i] = field_i64(sizes, (int32_t)(i * 8));
        array->strides[i] = field_i64(steps, (int32_t)(i * 8));
        if (array->dimensions[i] < 0 || __builtin_mul_overflow(array->count, (uint64_t)array->dimensions[i], &array->count))
            return object_reader_fail(writer->reader, "it has no sane shape");
    }
    return READ_CACHE_READY;
}

static enum read_cache_status read_array(struct writer *writer, uint64_t object, struct array *array)
{
    struct bytes data;
    size_t head = (size_t)LAYOUT(writer->reader->layout, object, size);
    STEP(object_reader_struct(writer->reader, object, head + ARRAY_SIZE, "an array", &data));
    data = bytes_from(data, head);
    array->data = field_u64(data, ARRAY_DATA);
    uint32_t count = field_u32(data, ARRAY_DIMENSION_COUNT);
    uint64_t dimensions = field_u64(data, ARRAY_DIMENSIONS), strides = field_u64(data, ARRAY_STRIDES);
    if (count > DIMENSIONS_MAX)
        return object_reader_fail(writer->reader, "it claims %" PRIu32 " dimensions", count);
    array->dimension_count = count;
    STEP(read_element(writer, field_u64(data, ARRAY_DESCR), &array->element));
    return read_dimensions(writer, dimensions, strides, array);
}

static void put_type_name(struct writer *writer, const struct element *element)
{
    static const char names[] = "b\0bool\0i\0int\0u\0uint\0f\0float\0c\0complex\0O\0object\0S\0S\0U\0U\0M\0datetime64\0m\0timedelta64\0";
    const char *name = "void";
    for (const char *at = names; *at != '\0'; at += strlen(at + 2) + 3)
        if (*at == element->kind)
            name = at + 2;
    bool sized = strchr("iufc", element->kind) != NULL, text = strchr("SU", element->kind) != NULL;
    repr_put_format(writer, "%s%s", element->swapped ? ">" : "", name);
    if (sized)
        repr_put_format(writer, "%zu", element->size * 8);
    else if (text || strcmp(name, "void") == 0)
        repr_put_format(writer, "%zu", element->kind == 'U' ? element->size / 4 : element->size);
}

/* IEEE 754 half precision, which C has no type for. */
static double half(uint16_t bits)
{
    int exponent = bits >> 10 & 31;
    double value = (double)(bits & 1023) / 1024;
    if (exponent == 31)
        value = (bits & 1023) != 0 ? __builtin_nan("") : __builtin_inf();
    else
        value = exponent == 0 ? value / 16384 : (1 + value) * (double)(UINT64_C(1) << exponent) / 32768;
    return (bits & 0x8000) != 0 ? -value : value;
}

static void put_real(struct writer *writer, const uint8_t *bytes, size_t size)
{
    float single;
    double value;
    uint16_t bits;
    switch (size) {
    case sizeof bits:
        memcpy(&bits, bytes, sizeof bits);
        repr_put_float(writer, half(bits));
        break;
    case sizeof single:
        memcpy(&single, bytes, sizeof single);
        repr_put_single(writer, single);
        break;
    case sizeof value:
        memcpy(&value, bytes, sizeof value);
        repr_put_float(writer, value);
        break;
    default: repr_put(writer, "?");
    }
}

static void put_whole(struct writer *writer, const uint8_t *bytes, size_t size, bool is_signed)
{
    uint64_t bits = 0;
    memcpy(&bits, bytes, size);
    unsigned shift = (unsigned)(64 - size * 8);
    if (is_signed)
        repr_put_format(writer, "%" PRId64, (int64_t)(bits << shift) >> shift);
    else
        repr_put_format(writer, "%" PRIu64, bits);
}

/* The zeros that fill a string up are no part of it. */
static size_t trimmed(const uint8_t *bytes, size_t size, size_t width)
{
    static const uint8_t zero[4];
    while (size >= width && memcmp(bytes + size - width, zero, width) == 0)
        size -= width;
    return size / width;
}

static void put_plain_element(struct writer *writer, const struct element *element, const uint8_t *bytes)
{
    bool number = element->size >= 1 && element->size <= 8;
    switch (element->kind) {
    case 'b': repr_put(writer, bytes[0] != 0 ? "True" : "False"); break;
    case 'i':
    case 'M':
    case 'm': number ? put_whole(writer, bytes, element->size, true) : repr_put(writer, "?"); break;
    case 'u': number ? put_whole(writer, bytes, element->size, false) : repr_put(writer, "?"); break;
    case 'f': put_real(writer, bytes, element->size); break;
    case 'c':
        repr_put(writer, "(");
        put_real(writer, bytes, element->size / 2);
        repr_put(writer, ", ");
        put_real(writer, bytes + element->size / 2, element->size / 2);
        repr_put(writer, ")");
        break;
    case 'S': repr_put_quoted_bytes(writer, bytes, trimmed(bytes, element->size, 1), false); break;
    case 'U': repr_put_quoted(writer, bytes, trimmed(bytes, element->size / 4 * 4, 4), 4); break;
    default: repr_put(writer, "?");
    }
}

static void put_element(struct writer *writer, const struct element *element, const uint8_t *bytes)
{
    uint8_t turned[SCALAR_MAX];
    bool pair = element->kind == 'c';
    size_t unit = pair ? element->size / 2 : element->size;
    if (element->kind == 'O' && element->size == 8) {
        uint64_t object = field_u64((struct bytes){bytes, element->size}, 0);
        object != 0 ? repr_put_value(writer, object) : repr_put(writer, "None");
        return;
    }
    if (unit == 0) {
        repr_put(writer, "?");
        return;
    }
    if (!element->swapped || element->size > sizeof turned || element->kind == 'U') {
        put_plain_element(writer, element, bytes);
        return;
    }
    for (size_t i = 0; i < element->size; i++)
        turned[i] = bytes[i / unit * unit + (unit - 1 - i % unit)];
    put_plain_element(writer, element, turned);
}

/* The address of an item, by its place in C order. */
static uint64_t item_address(const struct array *array, uint64_t place)
{
    uint64_t address = array->data;
    for (size_t i = array->dimension_count; i-- > 0;) {
        address += (uint64_t)array->strides[i] * (place % (uint64_t)array->dimensions[i]);
        place /= (uint64_t)array->dimensions[i];
    }
    return address;
}

static enum read_cache_status put_elements(struct writer *writer, const struct array *array)
{
    uint64_t shown = array->count < writer->limits->items ? array->count : writer->limits->items;
    struct bytes data;
    enum read_cache_status all = READ_CACHE_READY;
    for (uint64_t i = 0; i < shown && array->element.size > 0; i++) {
        enum read_cache_status status = object_reader_bytes(writer->reader, item_address(array, i), array->element.size, "an item", &data);
        if (status == READ_CACHE_FAILED)
            return status;
        if (status == READ_CACHE_PENDING)
            all = status;
        repr_put_separator(writer, (size_t)i);
        if (status == READ_CACHE_READY)
            put_element(writer, &array->element, data.at);
    }
    if (array->count > shown)
        repr_put_separator(writer, (size_t)shown);
    return all;
}

enum read_cache_status repr_numpy_array(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct array array;
    STEP(read_array(writer, object, &array));
    if (!repr_open_container(writer, object)) {
        repr_put_format(writer, "<%s at 0x%" PRIx64 ">", type->full_name.bytes, object);
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "<%s at 0x%" PRIx64 " dtype=", type->full_name.bytes, object);
    put_type_name(writer, &array.element);
    repr_put(writer, ", shape=(");
    for (size_t i = 0; i < array.dimension_count; i++)
        repr_put_format(writer, "%s%" PRId64, i > 0 ? ", " : "", array.dimensions[i]);
    repr_put(writer, array.dimension_count == 1 ? ",), [" : "), [");
    STEP(put_elements(writer, &array));
    repr_put(writer, "]>");
    repr_close_container(writer);
    return READ_CACHE_READY;
}

/* Scalars keep their value right behind the head. */
enum read_cache_status repr_numpy_scalar(struct writer *writer, uint64_t object, const struct type_info *type)
{
    static const struct {
        const char *name;
        struct element element;
    } scalars[] = {
        {"bool", {'b', '?', false, 1}},        {"bool_", {'b', '?', false, 1}},       {"int8", {'i', 'b', false, 1}},
        {"int16", {'i', 'h', false, 2}},       {"int32", {'i', 'i', false, 4}},       {"int64", {'i', 'l', false, 8}},
        {"longlong", {'i', 'q', false, 8}},    {"uint8", {'u', 'B', false, 1}},       {"uint16", {'u', 'H', false, 2}},
        {"uint32", {'u', 'I', false, 4}},      {"uint64", {'u', 'L', false, 8}},      {"ulonglong", {'u', 'Q', false, 8}},
        {"float16", {'f', 'e', false, 2}},     {"float32", {'f', 'f', false, 4}},     {"float64", {'f', 'd', false, 8}},
        {"complex64", {'c', 'F', false, 8}},   {"complex128", {'c', 'D', false, 16}}, {"datetime64", {'M', 'M', false, 8}},
        {"timedelta64", {'m', 'm', false, 8}},
    };
    size_t head = (size_t)LAYOUT(writer->reader->layout, object, size);
    struct bytes data;
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        if (strcmp(type->short_name, scalars[i].name) != 0)
            continue;
        STEP(object_reader_struct(writer->reader, object, head + scalars[i].element.size, "a scalar", &data));
        repr_put_format(writer, "%s(", type->name);
        put_element(writer, &scalars[i].element, data.at + head);
        repr_put(writer, ")");
        return READ_CACHE_READY;
    }
    bool text = (type->flags & TYPE_FLAG_UNICODE) != 0, bytes = (type->flags & TYPE_FLAG_BYTES) != 0;
    if (!text && !bytes)
        return repr_instance(writer, object, type);
    repr_put_format(writer, "%s(", type->name);
    STEP(text ? repr_string(writer, object, type) : repr_bytes(writer, object, type));
    repr_put(writer, ")");
    return READ_CACHE_READY;
}

static enum read_cache_status type_of(struct writer *writer, uint64_t object, struct type_info **type)
{
    uint64_t address;
    STEP(object_reader_pointer(writer->reader, object + (uint64_t)LAYOUT(writer->reader->layout, object, type), "an object", &address));
    return object_types_find(writer->types, writer->reader, address, type);
}

/* The length of a pandas Index: that of its range, or of its array. *known is false where it has neither. */
static enum read_cache_status index_length(struct writer *writer, uint64_t index, uint64_t *length, bool *known)
{
    const struct layout *layout = writer->reader->layout;
    struct type_info *type, *held;
    uint64_t range, data, number;
    struct array array;
    STEP(type_of(writer, index, &type));
    STEP(repr_find_attribute(writer, index, type, "_range", &range));
    STEP(repr_find_attribute(writer, index, type, "_data", &data));
    if (range != 0) { /* rangeobject.length follows step: Objects/rangeobject.c */
        STEP(repr_read_field(writer, range, LAYOUT(layout, range, step) + 8, "the length of a range", &number));
        return object_integer_read(writer->reader, number, "the length of a range", known, length);
    }
    *known = false;
    if (data == 0)
        return READ_CACHE_READY;
    STEP(type_of(writer, data, &held));
    if (strcmp(held->name, "numpy.ndarray") != 0)
        return READ_CACHE_READY;
    STEP(read_array(writer, data, &array));
    *known = array.dimension_count == 1;
    *length = array.count;
    return READ_CACHE_READY;
}

/* The list of axes of a block manager, a class of Cython, which has it among its first fields. */
static enum read_cache_status find_axes(struct writer *writer, uint64_t manager, uint64_t *axes)
{
    enum { FIELDS = 4 };
    struct bytes data;
    size_t head = (size_t)LAYOUT(writer->reader->layout, object, size);
    *axes = 0;
    STEP(object_reader_struct(writer->reader, manager, head + FIELDS * 8, "a block manager", &data));
    for (int32_t i = 0; i < FIELDS && *axes == 0; i++) {
        uint64_t type, flags, field = field_u64(data, (int64_t)head + i * 8);
        enum read_cache_status status = object_reader_type(writer->reader, field, "a field", &type, &flags);
        if (status == READ_CACHE_PENDING)
            return status;
        if (status == READ_CACHE_READY && (flags & TYPE_FLAG_LIST) != 0)
            *axes = field;
        STEP(object_reader_struct(writer->reader, manager, head + FIELDS * 8, "a block manager", &data));
    }
    return READ_CACHE_READY;
}

enum read_cache_status repr_data_frame(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    uint64_t manager, axes = 0, items, index, lengths[2] = {0, 0};
    bool known[2] = {false, false};
    STEP(repr_find_attribute(writer, object, type, "_mgr", &manager));
    if (manager != 0)
        STEP(find_axes(writer, manager, &axes));
    for (int32_t i = 0; axes != 0 && i < 2; i++) {
        STEP(repr_read_field(writer, axes, LAYOUT(layout, list, items), "the axes", &items));
        STEP(object_reader_pointer(writer->reader, items + (uint64_t)i * 8, "an axis", &index));
        STEP(index_length(writer, index, &lengths[i], &known[i]));
    }
    repr_put_format(writer, "<%s at 0x%" PRIx64 " shape=(", type->full_name.bytes, object);
    for (int i = 1; i >= 0; i--) { /* the columns are the first axis */
        if (known[i])
            repr_put_format(writer, "%" PRIu64 "%s", lengths[i], i == 1 ? ", " : ")>");
        else
            repr_put(writer, i == 1 ? "?, " : "?)>");
    }
    return READ_CACHE_READY;
}
