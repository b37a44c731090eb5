/*
 * Bytes that were read of a target, and how many: nothing is taken from outside them, wherever an offset points. What lies outside is 0,
 * which is no pointer, no size and no name.
 */
#ifndef SPPROF_BASE_BYTES_H
#define SPPROF_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *at; /* NULL: none were read */
    size_t size;
};

static inline struct bytes bytes_none(void)
{
    return (struct bytes){NULL, 0};
}

/* Those from offset on, as many as there are. */
static inline struct bytes bytes_from(struct bytes bytes, size_t offset)
{
    return offset < bytes.size ? (struct bytes){bytes.at + offset, bytes.size - offset} : bytes_none();
}

/* The field of a size of 1 to 8 at an offset. Little-endian, as all targets are; memcpy since the target's alignment is not ours. */
static inline uint64_t field_of(struct bytes bytes, int64_t offset, size_t size)
{
    uint64_t value = 0;
    if (offset >= 0 && size <= bytes.size && (uint64_t)offset <= bytes.size - size)
        memcpy(&value, bytes.at + offset, size);
    return value;
}

static inline uint64_t field_u64(struct bytes bytes, int64_t offset)
{
    return field_of(bytes, offset, sizeof(uint64_t));
}

static inline uint32_t field_u32(struct bytes bytes, int64_t offset)
{
    return (uint32_t)field_of(bytes, offset, sizeof(uint32_t));
}

static inline uint8_t field_u8(struct bytes bytes, int64_t offset)
{
    return (uint8_t)field_of(bytes, offset, sizeof(uint8_t));
}

static inline int32_t field_i32(struct bytes bytes, int64_t offset)
{
    return (int32_t)field_u32(bytes, offset);
}

static inline int64_t field_i64(struct bytes bytes, int64_t offset)
{
    return (int64_t)field_u64(bytes, offset);
}

#endif
