#include "object/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "target/budget.h"
#include "target/target.h"

static struct spprof_budget *budget_of(const struct reader *reader)
{
    return &target_read_cache_target(reader->cache)->budget;
}

enum read_cache_status object_reader_no_memory(struct reader *reader)
{
    struct spprof_budget *budget = budget_of(reader);
    if (!budget->memory_refused)
        target_budget_out_of_memory(budget);
    return object_reader_fail(reader, "%s", target_budget_reason(budget));
}

bool object_reader_is_short(const struct reader *reader)
{
    return budget_of(reader)->memory_refused || budget_of(reader)->out_of_memory;
}

bool object_reader_take(struct reader *reader, uint64_t bytes)
{
    bool is_taken = target_budget_take(budget_of(reader), bytes);
    if (is_taken)
        reader->taken += bytes;
    else
        object_reader_no_memory(reader);
    return is_taken;
}

void *object_reader_grow(struct reader *reader, void *memory, size_t old_count, size_t count, size_t size)
{
    uint64_t before = reader->taken, more;
    if (__builtin_mul_overflow((uint64_t)(count - old_count), size, &more) || !object_reader_take(reader, more))
        return NULL;
    if (base_array_resize(&memory, count, size))
        return memory;
    object_reader_give_back(reader, before);
    target_budget_out_of_memory(budget_of(reader));
    object_reader_no_memory(reader);
    return NULL;
}

void *object_reader_allocate(struct reader *reader, size_t count, size_t size)
{
    void *memory = object_reader_grow(reader, NULL, 0, count, size);
    return memory == NULL ? NULL : memset(memory, 0, count * size);
}

void *object_reader_allocate_in(struct reader *reader, struct hash_table *table, uint64_t key, size_t size)
{
    if (!base_hash_table_reserve(table)) {
        object_reader_no_memory(reader);
        return NULL;
    }
    void *item = object_reader_allocate(reader, 1, size);
    if (item != NULL)
        base_hash_table_add(table, key)->item = item;
    return item;
}

void object_reader_give_back(struct reader *reader, uint64_t taken)
{
    target_budget_give(budget_of(reader), reader->taken - taken);
    reader->taken = taken;
}

enum read_cache_status object_reader_fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->reason, sizeof reader->reason, format, arguments);
    va_end(arguments);
    return READ_CACHE_FAILED;
}

enum read_cache_status object_reader_bytes(struct reader *reader, uint64_t address, size_t size, const char *what, struct bytes *data)
{
    enum read_cache_status status = target_read_cache_want(reader->cache, address, size, &data->at);
    data->size = status == READ_CACHE_READY ? size : 0;
    if (status == READ_CACHE_FAILED)
        return object_reader_fail(reader, "%s at 0x%" PRIx64 " %s", what, address,
                                  target_read_reason(target_read_cache_failure(reader->cache, address)));
    return status;
}

enum read_cache_status object_reader_struct(struct reader *reader, uint64_t address, size_t size, const char *what, struct bytes *data)
{
    if (address == 0)
        return object_reader_fail(reader, "%s is a null pointer", what);
    if (address % 8 != 0)
        return object_reader_fail(reader, "%s at 0x%" PRIx64 " is not aligned", what, address);
    return object_reader_bytes(reader, address, size, what, data);
}

enum read_cache_status object_reader_pointer(struct reader *reader, uint64_t address, const char *what, uint64_t *value)
{
    struct bytes data;
    STEP(object_reader_struct(reader, address, 8, what, &data));
    *value = field_u64(data, 0);
    return READ_CACHE_READY;
}

uint64_t object_reader_long(const struct reader *reader, struct bytes data, int32_t offset)
{
    return target_read_cache_target(reader->cache)->long_size == sizeof(uint32_t) ? field_u32(data, offset) : field_u64(data, offset);
}

enum read_cache_status object_reader_type(struct reader *reader, uint64_t object, const char *what, uint64_t *type, uint64_t *flags)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(object_reader_struct(reader, object, (size_t)LAYOUT(layout, object, size), what, &data));
    *type = field_u64(data, LAYOUT(layout, object, type));
    STEP(object_reader_struct(reader, *type, (size_t)LAYOUT(layout, type, flags) + 8, "a type", &data));
    *flags = object_reader_long(reader, data, LAYOUT(layout, type, flags));
    return READ_CACHE_READY;
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

enum read_cache_status object_reader_expect(struct reader *reader, uint64_t object, enum type_flag flag, const char *what)
{
    uint64_t type, flags;
    STEP(object_reader_type(reader, object, what, &type, &flags));
    if ((flags & (uint64_t)flag) == 0)
        return object_reader_fail(reader, "%s at 0x%" PRIx64 " is not %s", what, object, flag_name(flag));
    return READ_CACHE_READY;
}
