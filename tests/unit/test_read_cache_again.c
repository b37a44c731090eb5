/* What was read once, read again while the target runs. */
#include "patterns.h"

/* What target_read_cache_reread asks for, in its order. */
struct asked {
    struct memory *memory;
    uint64_t addresses[64];
    size_t sizes[64];
    size_t count, batches;
};

static void note_asked(void *context, const struct spprof_range *ranges, size_t count)
{
    struct asked *asked = context;
    asked->count = 0;
    asked->batches++;
    for (size_t i = 0; i < count && i < 64; i++, asked->count++) {
        asked->addresses[i] = ranges[i].address;
        asked->sizes[i] = ranges[i].size;
    }
}

static void reread(struct memory *memory, struct asked *asked, bool merged)
{
    asked->memory = memory;
    asked->batches = asked->count = 0;
    memory->image.before_read = note_asked;
    memory->image.context = asked;
    target_read_cache_reread(memory->reader.cache, merged);
    memory->image.before_read = count_reads;
    memory->image.context = memory;
    assert_true(asked->batches <= 1);
}

static void assert_asked(const struct asked *asked, size_t index, uint64_t address, size_t size)
{
    assert_true(index < asked->count);
    assert_int_equal(asked->addresses[index], address);
    assert_int_equal(asked->sizes[index], size);
}

static void test_reread_in_the_order_of_wanting(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    uint64_t start = place_pattern(memory, PAGE_SIZE), places[] = {start + 64, start, start + 128, start + 96};
    for (size_t i = 0; i < 4; i++) {
        assert_pending(memory, places[i], 8);
        if (i % 2 == 1)
            fetch(memory);
    }
    for (uint64_t value = 1; value < 3; value++) {
        for (size_t i = 0; i < 4; i++)
            put_u64(memory, places[i], value << i);
        reread(memory, &asked, false);
        assert_int_equal(asked.count, 4);
        for (size_t i = 0; i < 4; i++) {
            assert_asked(&asked, i, places[i], 8);
            assert_ready(memory, places[i], 8);
        }
    }
    assert_false(target_read_cache_fetch(memory->reader.cache));
}

/* Ranges of a word or two come before longer ones, one alone before all. */
static void test_reread_words_first(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    uint64_t start = place_pattern(memory, PAGE_SIZE);
    static const struct {
        uint64_t at;
        size_t size;
    } wanted[] = {{0, 64}, {256, 24}, {512, 16}, {1024, 8}};
    static const size_t orders[][4] = {{2, 0, 1}, {0, 2, 3, 1}};
    for (size_t count = 3; count <= 4; count++) {
        for (size_t i = 0; i < count; i++) {
            const uint8_t *data;
            target_read_cache_want(memory->reader.cache, start + wanted[i].at, wanted[i].size, &data);
            target_read_cache_fetch(memory->reader.cache);
        }
        reread(memory, &asked, false);
        assert_int_equal(asked.count, count);
        for (size_t i = 0; i < count; i++)
            assert_asked(&asked, i, start + wanted[orders[count - 3][i]].at, wanted[orders[count - 3][i]].size);
    }
}

static void test_reread_without_ranges(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    reread(memory, &asked, false);
    assert_int_equal(asked.count, 0);
    reread(memory, &asked, true);
    assert_int_equal(asked.count, 0);
}

static void test_reread_takes_what_is_pending(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    for (int merged = 0; merged < 2; merged++) {
        uint64_t start = place_pattern(memory, 64);
        assert_pending(memory, start, 8);
        reread(memory, &asked, merged);
        assert_ready(memory, start, 8);
        assert_false(target_read_cache_fetch(memory->reader.cache));
    }
}

/* The first range apart, the others in the order of their addresses, close ones as one. */
static void test_reread_merged(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    uint64_t start = place_pattern(memory, PAGE_SIZE), other = place_pattern(memory, PAGE_SIZE);
    const uint64_t places[] = {start + 80, other + 100, start + 200, start + 16, other + 90, start};
    for (size_t i = 0; i < 6; i++)
        assert_pending(memory, places[i], 16);
    fetch(memory);
    for (uint64_t value = 1; value < 3; value++) {
        for (size_t i = 0; i < 6; i++)
            put_u64(memory, places[i], value << i);
        reread(memory, &asked, true);
        assert_int_equal(asked.count, 3);
        assert_asked(&asked, 0, places[0], 16);
        assert_asked(&asked, 1, start, 216);
        assert_asked(&asked, 2, other + 90, 26);
        for (size_t i = 0; i < 6; i++)
            assert_ready(memory, places[i], 16);
    }
    assert_pending(memory, start + 8, 200); /* one more, and it overlaps others */
    fetch(memory);
    memset(at(memory, start), 7, PAGE_SIZE);
    reread(memory, &asked, true);
    assert_asked(&asked, 1, start, 216);
    assert_ready(memory, start + 8, 200);
    for (size_t i = 0; i < 6; i++)
        assert_ready(memory, places[i], 16);
}

static void test_reread_merged_after_clearing(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    uint64_t start = place_pattern(memory, PAGE_SIZE);
    for (size_t i = 0; i < 3; i++)
        assert_pending(memory, start + i * 64, 16);
    reread(memory, &asked, true);
    target_read_cache_clear(memory->reader.cache);
    assert_pending(memory, start, 16);
    assert_pending(memory, start + 1200, 400);
    assert_pending(memory, start + 1100, 300);
    reread(memory, &asked, true);
    assert_asked(&asked, 1, start + 1100, 500);
    assert_ready(memory, start + 1100, 300);
    assert_ready(memory, start + 1200, 400);
}

/* One is longer than ranges are merged to; others lie in it. */
static void test_reread_merged_inside_a_large_range(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    uint64_t first = place_pattern(memory, 64), start = place_pattern(memory, 8 * RUN_MAX);
    const struct {
        uint64_t offset;
        size_t size;
    } pieces[] = {
        {0, 2 * RUN_MAX}, {RUN_MAX + 100, 8}, {RUN_MAX + 200, 8}, {4 * RUN_MAX, 8}, {RUN_MAX + 100, 2 * RUN_MAX}, {6 * RUN_MAX, 8},
    };
    enum { COUNT = sizeof pieces / sizeof *pieces };
    assert_pending(memory, first, 8);
    for (size_t i = 0; i < COUNT; i++)
        assert_pending(memory, start + pieces[i].offset, pieces[i].size);
    for (uint8_t value = 1; value < 3; value++) {
        for (size_t i = 0; i < 8 * RUN_MAX; i++)
            *at(memory, start + i) = (uint8_t)(i % 251 * value);
        reread(memory, &asked, true);
        for (size_t i = 0; i < COUNT; i++)
            assert_ready(memory, start + pieces[i].offset, pieces[i].size);
    }
}

static void test_reread_drops_the_unwanted(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    const uint8_t *data;
    enum { SOON = 32, SOON_MERGED = 4, LONG = 200 };
    for (int merged = 0; merged < 2; merged++) {
        uint64_t start = place_pattern(memory, PAGE_SIZE), wanted = start + 2048, unwanted = start;
        target_read_cache_clear(memory->reader.cache);
        assert_pending(memory, wanted, 8);
        assert_pending(memory, unwanted, 8);
        fetch(memory);
        for (int round = 0; round < LONG; round++) {
            reread(memory, &asked, merged);
            assert_ready(memory, wanted, 8);
            assert_true(round > (merged ? SOON_MERGED : SOON) || asked.count == 2);
        }
        assert_int_equal(asked.count, 1);
        assert_asked(&asked, 0, wanted, 8);
        assert_int_equal(target_read_cache_want(memory->reader.cache, unwanted, 8, &data), READ_CACHE_PENDING);
        fetch(memory);
        assert_ready(memory, unwanted, 8);
    }
}

static void test_reread_of_ranges_that_fail(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    for (int merged = 0; merged < 2; merged++) {
        uint64_t first = place_pattern(memory, PAGE_SIZE), gone = place_pattern(memory, PAGE_SIZE), kept = place_pattern(memory, PAGE_SIZE);
        target_read_cache_clear(memory->reader.cache);
        assert_pending(memory, first, 8);
        assert_pending(memory, gone, 8);
        assert_pending(memory, kept, 8);
        fetch(memory);
        struct spprof_image_range *hole = make_hole(memory, gone, PAGE_SIZE, SPPROF_READ_DENIED);
        reread(memory, &asked, merged);
        assert_ready(memory, first, 8);
        assert_ready(memory, kept, 8);
        assert_failed(memory, gone, 8, SPPROF_READ_DENIED);
        hole->bytes = at(memory, gone);
        reread(memory, &asked, merged);
        assert_ready(memory, gone, 8);
    }
}

/* Two that touch where one page ends and another, which is unmapped, begins. */
static void test_reread_merged_beside_a_failing_range(void **state)
{
    struct memory *memory = *state;
    struct asked asked;
    uint64_t start = place_pattern(memory, 2 * PAGE_SIZE), gone = ((start + PAGE_SIZE) & ~(uint64_t)(PAGE_SIZE - 1));
    assert_pending(memory, start, 8);
    assert_pending(memory, gone - 64, 64);
    assert_pending(memory, gone, 64);
    fetch(memory);
    make_hole(memory, gone, PAGE_SIZE, SPPROF_READ_UNMAPPED);
    reread(memory, &asked, true);
    assert_ready(memory, gone - 64, 64);
    assert_failed(memory, gone, 64, SPPROF_READ_UNMAPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANY_VERSION(test_reread_in_the_order_of_wanting),
        ANY_VERSION(test_reread_words_first),
        ANY_VERSION(test_reread_without_ranges),
        ANY_VERSION(test_reread_takes_what_is_pending),
        ANY_VERSION(test_reread_merged),
        ANY_VERSION(test_reread_merged_after_clearing),
        ANY_VERSION(test_reread_merged_inside_a_large_range),
        ANY_VERSION(test_reread_drops_the_unwanted),
        ANY_VERSION(test_reread_of_ranges_that_fail),
        ANY_VERSION(test_reread_merged_beside_a_failing_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
