/* Values that no interpreter would make: what is sane of them is shown, and where they break is told. Sane ones are for test_values.py. */
#include "memory.h"
#include "repr/value.h"

enum { LIST_SIZE = 96, INT_SIZE = 64 };

static uint64_t make_value_type(struct memory *memory, const char *name, uint64_t flags)
{
    if (memory->type_type == 0)
        make_type(memory, "type", UINT64_C(1) << 31, 800);
    return make_type(memory, name, flags, 64);
}

static uint64_t make_list(struct memory *memory, uint64_t items, uint64_t count)
{
    uint64_t list = make_object(memory, make_value_type(memory, "list", TYPE_FLAG_LIST), LIST_SIZE);
    put_u64(memory, FIELD_AT(memory, list, list, items), items);
    put_u64(memory, FIELD_AT(memory, list, variable_object, ob_size), count);
    return list;
}

static uint64_t make_items(struct memory *memory, const uint64_t *items, size_t count)
{
    uint64_t address = place(memory, count * 8 + 8);
    put_bytes(memory, address, items, count * 8);
    return address;
}

static uint64_t make_number(struct memory *memory, const uint32_t *digits, size_t count, bool negative)
{
    uint64_t number = make_object(memory, make_value_type(memory, "int", TYPE_FLAG_LONG), INT_SIZE + count * 4);
    put_bytes(memory, FIELD_AT(memory, number, integer, digits), digits, count * 4);
    if (LAYOUT(&memory->layout, integer, tag) != LAYOUT_ABSENT)
        put_u64(memory, FIELD_AT(memory, number, integer, tag), count << 3 | (negative ? 2 : count == 0));
    else
        put_u64(memory, FIELD_AT(memory, number, variable_object, ob_size), negative ? -(uint64_t)count : count);
    return number;
}

static char *text_of(struct memory *memory, uint64_t object, const struct spprof_value_limits *limits)
{
    struct values *values;
    struct spprof_text text = {NULL, 0};
    enum read_cache_status status;
    assert_null(repr_values_new(limits, NULL, NULL, &values));
    SETTLE(memory, status, repr_value_text(values, &memory->reader, object, &text));
    assert_int_equal(status, READ_CACHE_READY);
    assert_int_equal(strlen(text.bytes), text.size);
    repr_values_free(values);
    return text.bytes;
}

static void expect(struct memory *memory, uint64_t object, const char *format, ...)
{
    static const struct spprof_value_limits defaults;
    char wanted[512], *text = text_of(memory, object, &defaults);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wanted, sizeof wanted, format, arguments);
    va_end(arguments);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_numbers(void **state)
{
    struct memory *memory = *state;
    expect(memory, make_number(memory, NULL, 0, false), "0");
    expect(memory, make_number(memory, (uint32_t[]){5}, 1, true), "-5");
    expect(memory, make_number(memory, (uint32_t[]){0, 1}, 2, false), "1073741824");
    expect(memory, make_number(memory, (uint32_t[]){0x3fffffff, 0x3fffffff, 0x3fffffff}, 3, true), "-1237940039285380274899124223");
}

static void test_a_number_with_an_impossible_digit(void **state)
{
    struct memory *memory = *state;
    uint64_t number = make_number(memory, (uint32_t[]){1, 0x40000000}, 2, false);
    expect(memory, number, "<int at 0x%llx: its digit 1 is 0x40000000>", (unsigned long long)number);
}

static void test_a_number_of_too_many_digits_for_repr(void **state)
{
    struct memory *memory = *state;
    uint32_t *digits = calloc(1000, sizeof *digits);
    digits[999] = 1;
    expect(memory, make_number(memory, digits, 1000, false), "<int of 29971 bits>");
    free(digits);
}

static void test_items_that_are_nowhere(void **state)
{
    struct memory *memory = *state;
    uint64_t list = make_list(memory, NOWHERE, 3);
    expect(memory, list, "<list at 0x%llx: its array of items at 0x%llx is not mapped>", (unsigned long long)list, (unsigned long long)NOWHERE);
    uint64_t whole = make_list(memory, make_items(memory, (uint64_t[]){list, make_number(memory, NULL, 0, false)}, 2), 2);
    expect(memory, whole, "[<list at 0x%llx: its array of items at 0x%llx is not mapped>, 0]", (unsigned long long)list, (unsigned long long)NOWHERE);
}

static void test_items_that_are_no_objects(void **state)
{
    struct memory *memory = *state;
    uint64_t zero = make_number(memory, NULL, 0, false), untyped = make_object(memory, zero, 64);
    uint64_t items = make_items(memory, (uint64_t[]){0, 3, NOWHERE, untyped, zero}, 5);
    expect(memory, make_list(memory, items, 5),
           "[<unreadable: a null pointer>, <unreadable: an object at 0x%llx is not aligned>, <unreadable: an object at 0x%llx is not mapped>, "
           "<unreadable: what should be a type at 0x%llx is none>, 0]",
           3 + (unsigned long long)LAYOUT(&memory->layout, object, type), NOWHERE + (unsigned long long)LAYOUT(&memory->layout, object, type),
           (unsigned long long)zero);
}

static void test_a_list_in_itself(void **state)
{
    struct memory *memory = *state;
    uint64_t items = make_items(memory, NULL, 0), list = make_list(memory, items, 1);
    put_u64(memory, items, list);
    expect(memory, list, "[[...]]");
}

static void test_depth(void **state)
{
    struct memory *memory = *state;
    uint64_t list = make_list(memory, 0, 0);
    for (int i = 0; i < 100000; i++)
        list = make_list(memory, make_items(memory, &list, 1), 1);
    expect(memory, list, "[[[[[[[...]]]]]]]");
    struct spprof_value_limits limits = {.depth = 1000, .length = 100000, .objects = 100000};
    char *text = text_of(memory, list, &limits);
    assert_int_equal(strlen(text), 2 * 1000 + 5);
    free(text);
}

static void test_width(void **state)
{
    struct memory *memory = *state;
    struct spprof_value_limits limits = {.items = 2};
    uint64_t zero = make_number(memory, NULL, 0, false), items = make_items(memory, (uint64_t[]){zero, zero, zero}, 3);
    static const uint64_t counts[] = {3, UINT64_C(1) << 40};
    for (size_t i = 0; i < 2; i++) {
        char *text = text_of(memory, make_list(memory, items, counts[i]), &limits);
        assert_string_equal(text, "[0, 0, ...]");
        free(text);
    }
    uint64_t list = make_list(memory, items, UINT64_MAX);
    expect(memory, list, "<list at 0x%llx: it claims 18446744073709551615 items>", (unsigned long long)list);
}

static void test_length(void **state)
{
    struct memory *memory = *state;
    if (memory->type_type == 0)
        make_type(memory, "type", UINT64_C(1) << 31, 800);
    uint64_t str = make_str(memory, &(struct str){.kind = 1, .compact = true, .length = 4, .characters = "\xe9\xe9\xe9\xe9", .size = 4});
    static const char *const wanted[] = {"'...", "'...", "'\xc3\xa9...", "'\xc3\xa9...", "'\xc3\xa9\xc3\xa9..."};
    for (size_t length = 1; length <= 5; length++) {
        char *text = text_of(memory, str, &(struct spprof_value_limits){.length = length});
        assert_string_equal(text, wanted[length - 1]);
        free(text);
    }
    expect(memory, str, "'\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9'");
}

static void test_work(void **state)
{
    struct memory *memory = *state;
    uint64_t list = make_number(memory, NULL, 0, false); /* 2**40 numbers, if all were looked at */
    for (int i = 0; i < 40; i++)
        list = make_list(memory, make_items(memory, (uint64_t[]){list, list}, 2), 2);
    struct spprof_value_limits limits = {.depth = 100, .length = 1 << 20, .objects = 500};
    char *text = text_of(memory, list, &limits);
    assert_true(strlen(text) < 5000);
    assert_string_equal(text + strlen(text) - 3, "...");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_VERSION(test_numbers),
        EACH_VERSION(test_a_number_with_an_impossible_digit),
        EACH_VERSION(test_a_number_of_too_many_digits_for_repr),
        EACH_VERSION(test_items_that_are_nowhere),
        EACH_VERSION(test_items_that_are_no_objects),
        EACH_VERSION(test_a_list_in_itself),
        ANY_VERSION(test_depth),
        ANY_VERSION(test_width),
        EACH_VERSION(test_length),
        ANY_VERSION(test_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
