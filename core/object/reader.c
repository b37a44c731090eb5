#include "object/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "target/target.h"

enum copy_status reader_fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->reason, sizeof reader->reason, format, arguments);
    va_end(arguments);
    return COPY_FAILED;
}

enum copy_status reader_bytes(struct reader *reader, uint64_t address, size_t size, const char *what, struct bytes *data)
{
    enum copy_status status = copy_want(reader->copy, address, size, &data->at);
    data->size = status == COPY_READY ? size : 0;
    if (status == COPY_FAILED)
        return reader_fail(reader, "%s at 0x%" PRIx64 " %s", what, address, target_read_reason(copy_failure(reader->copy, address)));
    return status;
}

enum copy_status reader_struct(struct reader *reader, uint64_t address, size_t size, const char *what, struct bytes *data)
{
    if (address == 0)
        return reader_fail(reader, "%s is a null pointer", what);
    if (address % 8 != 0)
        return reader_fail(reader, "%s at 0x%" PRIx64 " is not aligned", what, address);
    return reader_bytes(reader, address, size, what, data);
}

enum copy_status reader_pointer(struct reader *reader, uint64_t address, const char *what, uint64_t *value)
{
    struct bytes data;
    STEP(reader_struct(reader, address, 8, what, &data));
    *value = field_u64(data, 0);
    return COPY_READY;
}

uint64_t reader_long(const struct reader *reader, struct bytes data, int32_t offset)
{
    return copy_target(reader->copy)->long_size == sizeof(uint32_t) ? field_u32(data, offset) : field_u64(data, offset);
}

enum copy_status reader_type(struct reader *reader, uint64_t object, const char *what, uint64_t *type, uint64_t *flags)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(reader_struct(reader, object, (size_t)LAYOUT(layout, object, size), what, &data));
    *type = field_u64(data, LAYOUT(layout, object, type));
    STEP(reader_struct(reader, *type, (size_t)LAYOUT(layout, type, flags) + 8, "a type", &data));
    *flags = reader_long(reader, data, LAYOUT(layout, type, flags));
    return COPY_READY;
}

static const char *flag_name(enum type_flag flag)
{
    switch (flag) {
    case TYPE_FLAG_LONG: return "an int";
    case TYPE_FLAG_LIST: return "a list";
    case TYPE_FLAG_TUPLE: return "a tuple";
    case TYPE_FLAG_BYTES: return "bytes";
    case TYPE_FLAG_UNICODE: return "a str";
    case TYPE_FLAG_DICT: return "a dict";
    default: return "of the type expected";
    }
}

enum copy_status reader_expect(struct reader *reader, uint64_t object, enum type_flag flag, const char *what)
{
    uint64_t type, flags;
    STEP(reader_type(reader, object, what, &type, &flags));
    if ((flags & (uint64_t)flag) == 0)
        return reader_fail(reader, "%s at 0x%" PRIx64 " is not %s", what, object, flag_name(flag));
    return COPY_READY;
}
