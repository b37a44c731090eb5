/* Memory whose bytes tell their address, and what a copy of it is asked. */
#ifndef SPPROF_TESTS_PATTERNS_H
#define SPPROF_TESTS_PATTERNS_H

#include "memory.h"

enum { GAP = 1024, RUN_MAX = 1 << 16 };

/* Bytes that tell their address. */
static inline uint64_t place_pattern(struct memory *memory, size_t size)
{
    uint64_t address = place_apart(memory, size);
    for (size_t i = 0; i < size; i++)
        *at(memory, address + i) = (uint8_t)((address + i) * 31 >> 3);
    return address;
}

static inline void assert_pending(struct memory *memory, uint64_t address, size_t size)
{
    const uint8_t *data;
    assert_int_equal(target_read_cache_want(memory->reader.cache, address, size, &data), READ_CACHE_PENDING);
}

static inline void assert_ready(struct memory *memory, uint64_t address, size_t size)
{
    const uint8_t *data;
    assert_int_equal(target_read_cache_want(memory->reader.cache, address, size, &data), READ_CACHE_READY);
    assert_memory_equal(data, at(memory, address), size);
}

static inline void assert_failed(struct memory *memory, uint64_t address, size_t size, enum spprof_read_status reason)
{
    const uint8_t *data;
    assert_int_equal(target_read_cache_want(memory->reader.cache, address, size, &data), READ_CACHE_FAILED);
    assert_int_equal(target_read_cache_failure(memory->reader.cache, address), reason);
}

static inline void fetch(struct memory *memory)
{
    assert_true(target_read_cache_fetch(memory->reader.cache));
}

static inline void assert_reads(struct memory *memory, size_t batches, size_t ranges)
{
    assert_int_equal(memory->batches, batches);
    assert_int_equal(memory->ranges_read, ranges);
    forget_reads(memory);
}

#endif
