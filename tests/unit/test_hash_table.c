/* The hash table against a plain array that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash_table.h"

enum { ITEMS = 3000, KEYS = 700 };

static char items[ITEMS]; /* whose addresses are kept */

static size_t count_of(const struct hash_table *table, uint64_t key, const void *item)
{
    size_t cursor = 0, count = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(table, key, &cursor)) != NULL;) {
        assert_true(entry->key == key);
        count += entry->item == item;
    }
    return count;
}

static uint64_t key_of(size_t i)
{
    return (uint64_t)(i % KEYS) << 12; /* several items each, as addresses of pages */
}

static void add(struct hash_table *table, uint64_t key, void *item)
{
    assert_true(base_hash_table_reserve(table));
    base_hash_table_add(table, key)->item = item;
}

static void test_finds_what_was_added(void **state)
{
    (void)state;
    struct hash_table table = {0};
    for (size_t i = 0; i < ITEMS; i++)
        add(&table, key_of(i), &items[i]);
    assert_int_equal(table.count, ITEMS);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(count_of(&table, key_of(i), &items[i]), 1);
        assert_int_equal(count_of(&table, key_of(i + 1), &items[i]), 0);
        assert_null(base_hash_table_item(&table, key_of(i) + 1));
    }
    base_hash_table_free(&table);
}

static void test_removes(void **state)
{
    (void)state;
    struct hash_table table = {0};
    for (size_t i = 0; i < ITEMS; i++)
        add(&table, key_of(i), &items[i]);
    for (size_t i = 0; i < ITEMS; i += 3)
        assert_true(base_hash_table_remove(&table, key_of(i), &items[i]));
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(count_of(&table, key_of(i), &items[i]), i % 3 != 0);
    assert_int_equal(table.count, ITEMS - ITEMS / 3);
    assert_false(base_hash_table_remove(&table, key_of(0), &items[0]));
    base_hash_table_free(&table);
}

static void test_is_empty_when_cleared(void **state)
{
    (void)state;
    struct hash_table table = {0};
    size_t cursor = 0;
    assert_null(base_hash_table_next(&table, 0, &cursor));
    base_hash_table_clear(&table);
    for (size_t i = 0; i < ITEMS; i++)
        add(&table, key_of(i), &items[i]);
    base_hash_table_clear(&table);
    assert_int_equal(table.count, 0);
    for (size_t i = 0; i < ITEMS; i++)
        assert_null(base_hash_table_item(&table, key_of(i)));
    for (size_t i = 0; i < ITEMS; i++) { /* as much fits as was there, without more memory */
        assert_int_equal(base_hash_table_growth(&table), 0);
        base_hash_table_add(&table, key_of(i))->item = &items[i];
    }
    base_hash_table_free(&table);
}

static void test_says_what_it_will_take(void **state)
{
    (void)state;
    struct hash_table table = {0};
    for (size_t i = 0; i < ITEMS; i++) {
        size_t growth = base_hash_table_growth(&table), before = table.capacity;
        assert_true(base_hash_table_reserve(&table));
        assert_int_equal(growth, table.capacity == before ? 0 : table.capacity * sizeof *table.entries);
        base_hash_table_add(&table, i)->number = i;
    }
    base_hash_table_free(&table);
}

/* Even keys that all lie in one place of a table that multiplies by the golden ratio are spread. */
static void test_keys_are_spread(void **state)
{
    (void)state;
    struct hash_table table = {0};
    const uint64_t inverse = UINT64_C(0xf1de83e19937733d); /* of the golden ratio modulo 2^64: the products are small numbers */
    size_t steps = 0;
    for (uint64_t i = 0; i < ITEMS; i++) {
        assert_true(base_hash_table_reserve(&table));
        base_hash_table_add(&table, i * inverse)->number = i;
    }
    for (uint64_t i = 0; i < ITEMS; i++) {
        size_t cursor = 0;
        assert_non_null(base_hash_table_next(&table, i * inverse, &cursor));
        steps += cursor;
    }
    assert_true(steps < (size_t)ITEMS * 8);
    base_hash_table_free(&table);
}

static void test_hash_of_bytes(void **state)
{
    (void)state;
    const char text[] = "a text of more than one word", other[] = "a text of more than one worf";
    assert_true(base_hash_bytes(text, sizeof text) == base_hash_bytes(text, sizeof text));
    assert_true(base_hash_bytes(text, sizeof text) != base_hash_bytes(other, sizeof other));
    assert_true(base_hash_bytes(text, 3) != base_hash_bytes(text, 4));
    assert_true(base_hash_bytes("\0", 1) != base_hash_bytes("", 0));
    assert_true(base_hash_with(base_hash_with(0, 1), 2) != base_hash_with(base_hash_with(0, 2), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_was_added),   cmocka_unit_test(test_removes),         cmocka_unit_test(test_is_empty_when_cleared),
        cmocka_unit_test(test_says_what_it_will_take), cmocka_unit_test(test_keys_are_spread), cmocka_unit_test(test_hash_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
