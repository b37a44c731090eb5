#include "profile/protobuf.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum { TYPE_VARINT = 0, TYPE_BYTES = 2, VARINT_MAX = 10 };

void profile_protobuf_free(struct protobuf *message)
{
    free(message->bytes);
    *message = (struct protobuf){0};
}

static bool reserve(struct protobuf *message, size_t size)
{
    if (ARRAY_RESERVE(message->bytes, message->capacity, message->size + size))
        return true;
    message->failed = true;
    return false;
}

void profile_protobuf_varint(struct protobuf *message, uint64_t value)
{
    if (!reserve(message, VARINT_MAX))
        return;
    for (; value > 0x7f; value >>= 7)
        message->bytes[message->size++] = (uint8_t)(value | 0x80);
    message->bytes[message->size++] = (uint8_t)value;
}

static void write_tag(struct protobuf *message, unsigned field, unsigned type)
{
    profile_protobuf_varint(message, field << 3 | type);
}

void profile_protobuf_unsigned(struct protobuf *message, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    write_tag(message, field, TYPE_VARINT);
    profile_protobuf_varint(message, value);
}

void profile_protobuf_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t size)
{
    write_tag(message, field, TYPE_BYTES);
    profile_protobuf_varint(message, size);
    if (size == 0 || !reserve(message, size))
        return;
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

void profile_protobuf_message(struct protobuf *message, unsigned field, struct protobuf *part)
{
    profile_protobuf_bytes(message, field, part->bytes, part->size);
    message->failed |= part->failed;
    part->size = 0;
}
