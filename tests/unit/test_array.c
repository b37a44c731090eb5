/* Arrays grow by what is asked for, and never by a size that wrapped around. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

static void test_reserve_keeps_what_was_there(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t capacity = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(ARRAY_RESERVE(items, capacity, i + 1));
        assert_true(capacity > i);
        items[i] = i * 3;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i * 3);
    free(items);
}

static void test_reserve_is_amortised(void **state)
{
    (void)state;
    uint8_t *items = NULL;
    size_t capacity = 0, growths = 0;
    for (size_t i = 0; i < 100000; i++) {
        size_t before = capacity;
        assert_true(ARRAY_RESERVE(items, capacity, i + 1));
        growths += capacity != before;
    }
    assert_true(growths < 20);
    free(items);
}

static void test_reserve_refuses_what_wraps_around(void **state)
{
    (void)state;
    uint64_t *items = NULL;
    size_t capacity = 0;
    assert_true(ARRAY_RESERVE(items, capacity, 1));
    items[0] = 7;
    size_t before = capacity;
    assert_false(ARRAY_RESERVE(items, capacity, SIZE_MAX / 8 + 2)); /* 8 bytes, times 8 */
    assert_false(ARRAY_RESERVE(items, capacity, SIZE_MAX));
    assert_int_equal(capacity, before);
    assert_int_equal(items[0], 7);
    free(items);
}

static void test_resize(void **state)
{
    (void)state;
    uint64_t *items = NULL;
    assert_true(ARRAY_RESIZE(items, 0));
    assert_non_null(items);
    assert_true(ARRAY_RESIZE(items, 3));
    items[2] = 9;
    assert_false(ARRAY_RESIZE(items, SIZE_MAX / 8 + 2));
    assert_int_equal(items[2], 9);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserve_keeps_what_was_there),
        cmocka_unit_test(test_reserve_is_amortised),
        cmocka_unit_test(test_reserve_refuses_what_wraps_around),
        cmocka_unit_test(test_resize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
