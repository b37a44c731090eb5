/* Texts that are put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void expect(struct text *text, const char *bytes, size_t size)
{
    struct spprof_text taken;
    assert_true(base_text_take(text, &taken));
    assert_int_equal(taken.size, size);
    assert_memory_equal(taken.bytes, bytes, size + 1);
    assert_null(text->bytes);
    free(taken.bytes);
}

static void test_grows(void **state)
{
    (void)state;
    struct text text = {0};
    char expected[5001] = "";
    for (size_t i = 0; i < 500; i++) {
        base_text_add_string(&text, "0123");
        base_text_format(&text, "%06zu", i);
        sprintf(expected + i * 10, "0123%06zu", i);
    }
    assert_false(text.failed);
    expect(&text, expected, 5000);
    expect(&text, "", 0);
}

static void test_characters(void **state)
{
    (void)state;
    struct text text = {0};
    const uint32_t characters[] = {'a', 0, 0xe9, 0x20ac, 0xd800, 0x1f40d};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
        base_text_add_character(&text, characters[i]);
    expect(&text, "a\0\xc3\xa9\xe2\x82\xac\xed\xa0\x80\xf0\x9f\x90\x8d", 14);
}

static void test_cut_leaves_whole_characters(void **state)
{
    (void)state;
    struct text text = {0};
    base_text_add_string(&text, "ab\xe2\x82\xac");
    base_text_cut(&text, 9);
    base_text_cut(&text, 4);
    expect(&text, "ab", 2);
}

static void test_what_is_too_long_fails(void **state)
{
    (void)state;
    struct text text = {0};
    struct spprof_text taken;
    base_text_add_string(&text, "a");
    base_text_add(&text, "", SIZE_MAX - 1);
    assert_true(text.failed);
    assert_false(base_text_take(&text, &taken));
    base_text_free(&text);
}

static void test_formatted(void **state)
{
    (void)state;
    char *text = base_text_formatted("%d of %s", 3, "four");
    assert_string_equal(text, "3 of four");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_cut_leaves_whole_characters),
        cmocka_unit_test(test_what_is_too_long_fails),
        cmocka_unit_test(test_formatted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
