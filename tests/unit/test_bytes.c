/* Nothing is taken from outside what was read, wherever an offset points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static struct bytes made(size_t size)
{
    uint8_t *at = malloc(size); /* of exactly this size: a sanitizer sees each byte too much */
    assert_non_null(at);
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(i + 1);
    return (struct bytes){at, size};
}

static void release(struct bytes bytes)
{
    free((void *)(uintptr_t)bytes.at);
}

static void test_fields(void **state)
{
    (void)state;
    struct bytes bytes = made(12);
    assert_int_equal(field_u8(bytes, 11), 12);
    assert_int_equal(field_u32(bytes, 8), 0x0c0b0a09);
    assert_true(field_u64(bytes, 4) == UINT64_C(0x0c0b0a0908070605));
    release(bytes);
}

static void test_outside_is_nothing(void **state)
{
    (void)state;
    struct bytes bytes = made(12);
    static const int64_t outside[] = {-1, -8, 5, 12, 13, 1 << 20, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_true(field_u64(bytes, outside[i]) == 0);
    assert_int_equal(field_u32(bytes, 9), 0);
    assert_int_equal(field_u8(bytes, 12), 0);
    assert_true(field_u64(bytes_none(), 0) == 0);
    release(bytes);
}

static void test_rest(void **state)
{
    (void)state;
    struct bytes bytes = made(12), rest = bytes_from(bytes, 4);
    assert_int_equal(rest.size, 8);
    assert_int_equal(field_u8(rest, 0), 5);
    assert_int_equal(field_u8(rest, 8), 0);
    assert_int_equal(bytes_from(bytes, 12).size, 0);
    assert_null(bytes_from(bytes, SIZE_MAX).at);
    release(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_outside_is_nothing),
        cmocka_unit_test(test_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
