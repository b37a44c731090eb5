#include <inttypes.h>

#include "repr/writer.h"

/* Include/datetime.h, the same from 3.9 to 3.15: bytes of the date (year in two), the time of day, microseconds in three. */
enum { DATE_SIZE = 4, TIME_SIZE = 6, DATETIME_SIZE = 10 };

static enum read_cache_status read_bytes_at(struct writer *writer, uint64_t object, int32_t offset, size_t size, struct bytes *data)
{
    if (offset == LAYOUT_ABSENT)
        return object_reader_fail(writer->reader, "where it keeps its time is not known");
    STEP(object_reader_struct(writer->reader, object, (size_t)offset + size, "an object", data));
    *data = bytes_from(*data, (size_t)offset);
    return READ_CACHE_READY;
}

/* delta_repr, Modules/_datetimemodule.c. */
enum read_cache_status repr_timedelta(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    static const char *const names[] = {"days", "seconds", "microseconds"};
    const int32_t offsets[] = {LAYOUT(layout, timedelta, days), LAYOUT(layout, timedelta, seconds), LAYOUT(layout, timedelta, microseconds)};
    bool any = false;
    repr_put_format(writer, "%s(", type->name);
    for (int i = 0; i < 3; i++) {
        struct bytes data;
        STEP(read_bytes_at(writer, object, offsets[i], 4, &data));
        int32_t value = field_i32(data, 0);
        if (value != 0)
            repr_put_format(writer, "%s%s=%" PRId32, any ? ", " : "", names[i], value);
        any = any || value != 0;
    }
    repr_put(writer, any ? ")" : "0)");
    return READ_CACHE_READY;
}

static unsigned year(struct bytes date)
{
    return (unsigned)field_u8(date, 0) << 8 | field_u8(date, 1);
}

enum read_cache_status repr_date(struct writer *writer, uint64_t object, const struct type_info *type)
{
    struct bytes data;
    STEP(read_bytes_at(writer, object, LAYOUT(writer->reader->layout, date, data), DATE_SIZE, &data));
    repr_put_format(writer, "%s(%u, %u, %u)", type->name, year(data), field_u8(data, 2), field_u8(data, 3));
    return READ_CACHE_READY;
}

/* The seconds where they or the microseconds are not 0, the microseconds where they are not. */
static void put_seconds(struct writer *writer, struct bytes time)
{
    unsigned second = field_u8(time, 2), microsecond = (unsigned)field_u8(time, 3) << 16 | (unsigned)field_u8(time, 4) << 8 | field_u8(time, 5);
    if (second != 0 || microsecond != 0)
        repr_put_format(writer, ", %u", second);
    if (microsecond != 0)
        repr_put_format(writer, ", %u", microsecond);
}

/* fold and tzinfo: an object without tzinfo ends before them, but for fold, which is always there. */
static enum read_cache_status put_zone(struct writer *writer, uint64_t object, int32_t fold, int32_t has_zone, int32_t zone)
{
    struct bytes data;
    uint64_t address;
    STEP(read_bytes_at(writer, object, fold, 1, &data));
    if (field_u8(data, 0) != 0)
        repr_put(writer, ", fold=1");
    STEP(read_bytes_at(writer, object, has_zone, 1, &data));
    if (field_u8(data, 0) != 0) {
        STEP(repr_read_field(writer, object, zone, "its tzinfo", &address));
        repr_put(writer, ", tzinfo=");
        repr_put_value(writer, address);
    }
    repr_put(writer, ")");
    return READ_CACHE_READY;
}

/* time_repr. */
enum read_cache_status repr_time(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    STEP(read_bytes_at(writer, object, LAYOUT(layout, time, data), TIME_SIZE, &data));
    repr_put_format(writer, "%s(%u, %u", type->name, field_u8(data, 0), field_u8(data, 1));
    put_seconds(writer, data);
    return put_zone(writer, object, LAYOUT(layout, time, fold), LAYOUT(layout, time, has_zone), LAYOUT(layout, time, zone));
}

/* datetime_repr. */
enum read_cache_status repr_datetime(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    STEP(read_bytes_at(writer, object, LAYOUT(layout, datetime, data), DATETIME_SIZE, &data));
    repr_put_format(writer, "%s(%u, %u, %u, %u, %u", type->name, year(data), field_u8(data, 2), field_u8(data, 3), field_u8(data, 4),
                    field_u8(data, 5));
    put_seconds(writer, bytes_from(data, DATE_SIZE));
    return put_zone(writer, object, LAYOUT(layout, datetime, fold), LAYOUT(layout, datetime, has_zone), LAYOUT(layout, datetime, zone));
}

/* timezone_repr. The UTC object is the one without a name whose offset is 0: the constructor gives no other such (new_timezone). */
enum read_cache_status repr_timezone(struct writer *writer, uint64_t object, const struct type_info *type)
{
    const struct layout *layout = writer->reader->layout;
    struct bytes data;
    uint64_t offset, name;
    STEP(repr_read_field(writer, object, LAYOUT(layout, timezone, offset), "its offset", &offset));
    STEP(repr_read_field(writer, object, LAYOUT(layout, timezone, name), "its name", &name));
    STEP(object_reader_struct(writer->reader, offset, (size_t)LAYOUT(layout, timedelta, microseconds) + 4, "its offset", &data));
    bool zero = field_i32(data, LAYOUT(layout, timedelta, days)) == 0 && field_i32(data, LAYOUT(layout, timedelta, seconds)) == 0 &&
                field_i32(data, LAYOUT(layout, timedelta, microseconds)) == 0;
    if (name == 0 && zero) {
        repr_put_format(writer, "%s.utc", type->name);
        return READ_CACHE_READY;
    }
    repr_put_format(writer, "%s(", type->name);
    repr_put_value(writer, offset);
    if (name != 0) {
        repr_put(writer, ", ");
        repr_put_value(writer, name);
    }
    repr_put(writer, ")");
    return READ_CACHE_READY;
}
