/* Protocol buffers, the writing half: messages are put together in memory, innermost first. */
#ifndef SPPROF_PROFILE_PROTOBUF_H
#define SPPROF_PROFILE_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: empty. It grows as needed and is used again after size = 0. */
struct protobuf {
    uint8_t *bytes;
    size_t size, capacity;
    bool failed; /* no memory: what was to be written is not there */
};

void profile_protobuf_free(struct protobuf *message);

void profile_protobuf_varint(struct protobuf *message, uint64_t value); /* bare, of a packed field */

/* A field of type int64, uint64 or bool; 0, the default, is left out. */
void profile_protobuf_unsigned(struct protobuf *message, unsigned field, uint64_t value);

/* A field of type string, bytes, a message or packed numbers. */
void profile_protobuf_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t size);

/* Writes part as a field, empties it for the next, and passes its failure on. */
void profile_protobuf_message(struct protobuf *message, unsigned field, struct protobuf *part);

#endif
