/* What a walk reads, and in how few reads. */
#include "patterns.h"

static void test_wanted_then_fetched(void **state)
{
    struct memory *memory = *state;
    uint64_t address = place_pattern(memory, 40);
    assert_false(target_read_cache_fetch(memory->reader.cache));
    assert_pending(memory, address, 40);
    assert_pending(memory, address, 40);
    fetch(memory);
    assert_ready(memory, address, 40);
    assert_ready(memory, address, 8);
    assert_false(target_read_cache_fetch(memory->reader.cache));
    assert_reads(memory, 1, 1);
}

static void test_far_ranges_come_in_one_batch(void **state)
{
    struct memory *memory = *state;
    uint64_t addresses[100];
    for (size_t i = 0; i < 100; i++)
        addresses[i] = place_pattern(memory, 100);
    for (size_t i = 100; i-- > 0;)
        assert_pending(memory, addresses[i], 100);
    fetch(memory);
    for (size_t i = 0; i < 100; i++)
        assert_ready(memory, addresses[i], 100);
    assert_reads(memory, 1, 100);
}

static void test_near_ranges_are_one(void **state)
{
    struct memory *memory = *state;
    uint64_t start = place_pattern(memory, PAGE_SIZE);
    for (size_t i = 0; i < 4; i++)
        assert_pending(memory, start + i * (GAP + 7 - 8), 8);
    fetch(memory);
    for (size_t i = 0; i < 4; i++)
        assert_ready(memory, start + i * (GAP + 7 - 8), 8);
    assert_reads(memory, 1, 1);
}

static void test_wide_gaps_and_page_borders_separate(void **state)
{
    struct memory *memory = *state;
    uint64_t start = place_pattern(memory, 2 * PAGE_SIZE);
    assert_pending(memory, start, 8);
    assert_pending(memory, start + 8 + GAP, 8);
    fetch(memory);
    assert_reads(memory, 1, 2);
    /* The next page may not be mapped, but a range that reaches into it shows that it should be. */
    assert_pending(memory, start + PAGE_SIZE - 16, 8);
    assert_pending(memory, start + PAGE_SIZE, 8);
    fetch(memory);
    assert_reads(memory, 1, 2);
}

static void test_overlapping_ranges_are_one(void **state)
{
    struct memory *memory = *state;
    uint64_t start = place_pattern(memory, 2 * PAGE_SIZE);
    static const struct {
        uint64_t offset;
        size_t size;
    } pieces[] = {{3000, 2000}, {3100, 10}, {4999, 3}, {5000, 1}, {5002, 700}, {2999, 1}};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        assert_pending(memory, start + pieces[i].offset, pieces[i].size);
    fetch(memory);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        assert_ready(memory, start + pieces[i].offset, pieces[i].size);
    assert_int_equal(memory->bytes_read, 5702 - 2999);
    assert_reads(memory, 1, 1);
}

static void test_one_range_does_not_grow_without_end(void **state)
{
    struct memory *memory = *state;
    enum { SIZE = 1 << 20, PIECE = 1 << 10 };
    uint64_t start = place_pattern(memory, SIZE);
    for (uint64_t offset = 0; offset < SIZE; offset += PIECE)
        assert_pending(memory, start + offset, PIECE);
    fetch(memory);
    for (uint64_t offset = 0; offset < SIZE; offset += PIECE)
        assert_ready(memory, start + offset, PIECE);
    assert_int_equal(memory->bytes_read, SIZE);
    assert_true(memory->largest_range <= RUN_MAX);
    assert_reads(memory, 1, SIZE / RUN_MAX);
}

static void test_large_range_takes_what_lies_inside_it(void **state)
{
    struct memory *memory = *state;
    uint64_t start = place_pattern(memory, 4 * RUN_MAX);
    assert_pending(memory, start, 4 * RUN_MAX);
    assert_pending(memory, start + 100, 8);
    assert_pending(memory, start + 3 * RUN_MAX, 8);
    fetch(memory);
    assert_ready(memory, start, 4 * RUN_MAX);
    assert_ready(memory, start + 100, 8);
    assert_ready(memory, start + 3 * RUN_MAX, 8);
    assert_int_equal(memory->batches, 1);
}

static void test_failing_piece_spoils_no_neighbour(void **state)
{
    struct memory *memory = *state;
    uint64_t start = place_pattern(memory, PAGE_SIZE);
    make_hole(memory, start + 200, 50, SPPROF_READ_NOT_IN_CORE);
    assert_pending(memory, start + 100, 8);
    assert_pending(memory, start + 190, 20);
    assert_pending(memory, start + 210, 8);
    assert_pending(memory, start + 300, 8);
    fetch(memory);
    assert_ready(memory, start + 100, 8);
    assert_ready(memory, start + 300, 8);
    assert_failed(memory, start + 190, 20, SPPROF_READ_NOT_IN_CORE);
    assert_failed(memory, start + 210, 8, SPPROF_READ_NOT_IN_CORE);
    assert_reads(memory, 2, 1 + 4);
}

static void test_every_reason_is_told(void **state)
{
    struct memory *memory = *state;
    static const enum spprof_read_status reasons[] = {SPPROF_READ_UNMAPPED, SPPROF_READ_NOT_IN_CORE, SPPROF_READ_TRUNCATED, SPPROF_READ_GONE,
                                                      SPPROF_READ_DENIED};
    enum { COUNT = sizeof reasons / sizeof *reasons };
    uint64_t addresses[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        addresses[i] = place_pattern(memory, 64);
        make_hole(memory, addresses[i], 64, reasons[i]);
        assert_pending(memory, addresses[i], 8);
    }
    fetch(memory);
    for (size_t i = 0; i < COUNT; i++)
        assert_failed(memory, addresses[i], 8, reasons[i]);
}

static void test_longer_range_at_the_same_place(void **state)
{
    struct memory *memory = *state;
    uint64_t address = place_pattern(memory, 4096);
    assert_pending(memory, address, 8);
    fetch(memory);
    assert_pending(memory, address, 3000);
    fetch(memory);
    assert_ready(memory, address, 3000);
    assert_ready(memory, address, 8);
    assert_reads(memory, 2, 2);
}

static void test_range_that_grows_before_it_is_read(void **state)
{
    struct memory *memory = *state;
    uint64_t address = place_pattern(memory, 4096);
    assert_pending(memory, address, 8);
    assert_pending(memory, address, 4000);
    assert_pending(memory, address, 16);
    fetch(memory);
    assert_ready(memory, address, 4000);
    assert_reads(memory, 1, 1);
}

/* One walker believes a size that lies: what the others know of the same place must stand. */
static void test_longer_range_that_fails_leaves_the_shorter(void **state)
{
    struct memory *memory = *state;
    uint64_t address = place_pattern(memory, 4096);
    make_hole(memory, address + 1000, 8, SPPROF_READ_UNMAPPED);
    assert_pending(memory, address, 100);
    fetch(memory);
    assert_pending(memory, address, 2000);
    fetch(memory);
    assert_failed(memory, address, 2000, SPPROF_READ_UNMAPPED);
    assert_ready(memory, address, 100);
    assert_failed(memory, address, 2000, SPPROF_READ_UNMAPPED);
    assert_false(target_read_cache_fetch(memory->reader.cache));
}

static void test_shorter_range_after_a_longer_that_failed(void **state)
{
    struct memory *memory = *state;
    uint64_t address = place_pattern(memory, 4096);
    const uint8_t *data;
    enum read_cache_status status;
    make_hole(memory, address + 1000, 8, SPPROF_READ_UNMAPPED);
    assert_pending(memory, address, 2000);
    fetch(memory);
    SETTLE(memory, status, target_read_cache_want(memory->reader.cache, address, 100, &data));
    assert_int_equal(status, READ_CACHE_READY);
    assert_failed(memory, address, 2000, SPPROF_READ_UNMAPPED);
}

static void test_refresh_reads_everything_again_at_once(void **state)
{
    struct memory *memory = *state;
    uint64_t addresses[50];
    for (size_t i = 0; i < 50; i++) {
        addresses[i] = place_pattern(memory, 100);
        assert_pending(memory, addresses[i], 100);
        fetch(memory);
    }
    for (size_t i = 0; i < 50; i++)
        put_u64(memory, addresses[i] + 50, i);
    forget_reads(memory);
    target_read_cache_refresh(memory->reader.cache);
    for (size_t i = 0; i < 50; i++)
        assert_ready(memory, addresses[i], 100);
    assert_reads(memory, 1, 50);
}

static void test_refresh_meets_changed_mappings(void **state)
{
    struct memory *memory = *state;
    uint64_t kept = place_pattern(memory, 64), gone = place_pattern(memory, 64), come = place_pattern(memory, 64);
    struct spprof_image_range *hole = make_hole(memory, come, 64, SPPROF_READ_UNMAPPED);
    assert_pending(memory, kept, 8);
    assert_pending(memory, gone, 8);
    assert_pending(memory, come, 8);
    fetch(memory);
    assert_failed(memory, come, 8, SPPROF_READ_UNMAPPED);
    hole->bytes = at(memory, come);
    make_hole(memory, gone, 64, SPPROF_READ_UNMAPPED);
    target_read_cache_refresh(memory->reader.cache);
    assert_ready(memory, kept, 8);
    assert_ready(memory, come, 8);
    assert_failed(memory, gone, 8, SPPROF_READ_UNMAPPED);
}

/* A torn size, learnt while the target ran, is no reason to read nothing at that place when it stands still. */
static void test_refresh_forgets_a_size_that_lied(void **state)
{
    struct memory *memory = *state;
    const uint8_t *data;
    enum read_cache_status status;
    uint64_t address = place_pattern(memory, 4096);
    make_hole(memory, address + 1000, 8, SPPROF_READ_UNMAPPED);
    assert_pending(memory, address, 2000);
    fetch(memory);
    target_read_cache_refresh(memory->reader.cache);
    SETTLE(memory, status, target_read_cache_want(memory->reader.cache, address, 100, &data));
    assert_int_equal(status, READ_CACHE_READY);
    assert_memory_equal(data, at(memory, address), 100);
}

static void test_pending_ranges_survive_a_refresh(void **state)
{
    struct memory *memory = *state;
    uint64_t address = place_pattern(memory, 64);
    assert_pending(memory, address, 8);
    target_read_cache_refresh(memory->reader.cache);
    assert_ready(memory, address, 8);
    assert_false(target_read_cache_fetch(memory->reader.cache));
}

static void test_very_many_ranges(void **state)
{
    struct memory *memory = *state;
    enum { COUNT = 20000, STEP_SIZE = 1100 };
    uint64_t start = place_pattern(memory, COUNT * STEP_SIZE);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_pending(memory, start + i * STEP_SIZE, 8);
    fetch(memory);
    assert_reads(memory, 1, COUNT);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_ready(memory, start + i * STEP_SIZE, 8);
    assert_false(target_read_cache_fetch(memory->reader.cache));
}

static void test_sizes_that_cannot_be(void **state)
{
    struct memory *memory = *state;
    const uint8_t *data;
    struct read_cache *cache = memory->reader.cache;
    assert_int_equal(target_read_cache_want(cache, ARENA, 0, &data), READ_CACHE_FAILED);
    assert_int_equal(target_read_cache_want(cache, ARENA, SIZE_MAX, &data), READ_CACHE_FAILED);
    assert_int_equal(target_read_cache_want(cache, ARENA, (size_t)UINT64_C(0x10000001), &data), READ_CACHE_FAILED);
    assert_int_equal(target_read_cache_want(cache, UINT64_MAX - 7, 8, &data), READ_CACHE_FAILED);
    assert_int_equal(target_read_cache_want(cache, UINT64_MAX, 16, &data), READ_CACHE_FAILED);
    assert_int_equal(target_read_cache_failure(cache, ARENA), SPPROF_READ_UNMAPPED);
    assert_false(target_read_cache_fetch(cache));
    assert_int_equal(memory->batches, 0);
}

static void test_cleared(void **state)
{
    struct memory *memory = *state;
    uint64_t address = place_pattern(memory, 64);
    assert_pending(memory, address, 8);
    fetch(memory);
    assert_pending(memory, address + 16, 8);
    target_read_cache_clear(memory->reader.cache);
    assert_false(target_read_cache_fetch(memory->reader.cache));
    target_read_cache_refresh(memory->reader.cache);
    assert_reads(memory, 1, 1);
    assert_pending(memory, address, 8);
    fetch(memory);
    assert_ready(memory, address, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANY_VERSION(test_wanted_then_fetched),
        ANY_VERSION(test_far_ranges_come_in_one_batch),
        ANY_VERSION(test_near_ranges_are_one),
        ANY_VERSION(test_wide_gaps_and_page_borders_separate),
        ANY_VERSION(test_overlapping_ranges_are_one),
        ANY_VERSION(test_one_range_does_not_grow_without_end),
        ANY_VERSION(test_large_range_takes_what_lies_inside_it),
        ANY_VERSION(test_failing_piece_spoils_no_neighbour),
        ANY_VERSION(test_every_reason_is_told),
        ANY_VERSION(test_longer_range_at_the_same_place),
        ANY_VERSION(test_range_that_grows_before_it_is_read),
        ANY_VERSION(test_longer_range_that_fails_leaves_the_shorter),
        ANY_VERSION(test_shorter_range_after_a_longer_that_failed),
        ANY_VERSION(test_refresh_reads_everything_again_at_once),
        ANY_VERSION(test_refresh_meets_changed_mappings),
        ANY_VERSION(test_refresh_forgets_a_size_that_lied),
        ANY_VERSION(test_pending_ranges_survive_a_refresh),
        ANY_VERSION(test_very_many_ranges),
        ANY_VERSION(test_sizes_that_cannot_be),
        ANY_VERSION(test_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
