/*
 * Reading CPython's objects through a copy: checked steps that can be made again until their memory is there (target/read_cache.h).
 * A step returns PENDING where it waits for memory, and FAILED with words in reader.reason.
 */
#ifndef SPPROF_OBJECT_READER_H
#define SPPROF_OBJECT_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/hash_table.h"
#include "layout/layout.h"
#include "target/read_cache.h"

struct reader {
    struct read_cache *cache;
    const struct layout *layout;
    char reason[192]; /* of the last FAILED step: "co_name at 0x… is not mapped" */
    uint64_t taken;   /* from the budget of the target by the functions below */
};

/* Returns early from a step that is not READY. */
#define STEP(call)                                                                                                                                   \
    do {                                                                                                                                             \
        enum read_cache_status step_status = (call);                                                                                                 \
        if (step_status != READ_CACHE_READY)                                                                                                         \
            return step_status;                                                                                                                      \
    } while (0)

/* size bytes at address; what names them in the reason. The address must be a pointer to an object or struct: aligned, not null. */
enum read_cache_status object_reader_struct(struct reader *reader, uint64_t address, size_t size, const char *what, struct bytes *data);

/* The same without alignment, for text and tables of bytes. */
enum read_cache_status object_reader_bytes(struct reader *reader, uint64_t address, size_t size, const char *what, struct bytes *data);

enum read_cache_status object_reader_pointer(struct reader *reader, uint64_t address, const char *what, uint64_t *value);

/* Sets the reason and returns FAILED. */
enum read_cache_status object_reader_fail(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails since there is no memory: words for whether the budget is used up, or the machine has none. */
enum read_cache_status object_reader_no_memory(struct reader *reader);

/* Whether memory has been refused: what failed since may be sound. */
bool object_reader_is_short(const struct reader *reader);

/* Takes memory from the budget of the target; where it is refused, object_reader_no_memory was called. */
bool object_reader_take(struct reader *reader, uint64_t bytes);

/* The same, with memory as calloc and reallocarray give it; NULL where it is refused. */
void *object_reader_allocate(struct reader *reader, size_t count, size_t size);
void *object_reader_allocate_in(struct reader *reader, struct hash_table *table, uint64_t key, size_t size); /* one item, entered under a key */
void *object_reader_grow(struct reader *reader, void *memory, size_t old_count, size_t count, size_t size);

/* Gives back what was taken since reader.taken was this. */
void object_reader_give_back(struct reader *reader, uint64_t taken);

/* Bits of tp_flags (Include/object.h, the same from 3.9 to 3.15). */
enum type_flag {
    TYPE_FLAG_INLINE_VALUES = 1 << 2, /* 3.13 and later */
    TYPE_FLAG_MANAGED_DICT = 1 << 4,  /* 3.11 and later */
    TYPE_FLAG_HEAP = 1 << 9,
    TYPE_FLAG_LONG = 1 << 24,
    TYPE_FLAG_LIST = 1 << 25,
    TYPE_FLAG_TUPLE = 1 << 26,
    TYPE_FLAG_BYTES = 1 << 27,
    TYPE_FLAG_UNICODE = 1 << 28,
    TYPE_FLAG_DICT = 1 << 29,
    TYPE_FLAG_EXCEPTION = 1 << 30,
};

/* The type of an object, and the flags of that type. */
enum read_cache_status object_reader_type(struct reader *reader, uint64_t object, const char *what, uint64_t *type, uint64_t *flags);

/* Fails where the object's type (or a base of it) is not the one that the flag stands for; what is e.g. "co_name". */
enum read_cache_status object_reader_expect(struct reader *reader, uint64_t object, enum type_flag flag, const char *what);

/* A field of type unsigned long in bytes that were read: of 8 bytes, and of 4 where the target is Windows. */
uint64_t object_reader_long(const struct reader *reader, struct bytes data, int32_t offset);

#endif
