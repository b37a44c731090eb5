/* Dicts and instances in every shape that CPython gives them, and in some that it never would. */
#include "dicts.h"
#include "object/dict.h"

static enum read_cache_status find_key(struct memory *memory, uint64_t dict, const char *key, uint64_t *value)
{
    enum read_cache_status status;
    SETTLE(memory, status, object_dict_find(&memory->reader, dict, "sys.modules", key, value));
    return status;
}

static void assert_found(struct memory *memory, uint64_t dict, const char *key, uint64_t expected)
{
    uint64_t value = 1;
    assert_int_equal(find_key(memory, dict, key, &value), READ_CACHE_READY);
    assert_int_equal(value, expected);
}

static void assert_refused(struct memory *memory, uint64_t dict, const char *words)
{
    uint64_t value;
    target_read_cache_clear(memory->reader.cache);
    assert_int_equal(find_key(memory, dict, "key", &value), READ_CACHE_FAILED);
    if (strstr(memory->reader.reason, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", memory->reader.reason, words);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_every_kind(void **state)
{
    struct memory *memory = *state;
    for (int kind = KEYS_GENERAL; kind <= KEYS_SPLIT; kind++) {
        const struct item items[] = {
            {make_ascii(memory, "first"), 0x1000}, {0, 0}, {make_ascii(memory, "second"), 0x2000}, {make_ascii(memory, "deleted"), 0},
            {make_ascii(memory, "third"), 0x3000},
        };
        uint64_t dict = make_dict(memory, &(struct table){kind, 3, items, COUNT(items)});
        assert_found(memory, dict, "first", 0x1000);
        assert_found(memory, dict, "second", 0x2000);
        assert_found(memory, dict, "third", 0x3000);
        assert_found(memory, dict, "deleted", 0);
        assert_found(memory, dict, "fourth", 0);
    }
}

static void test_entries_come_in_order(void **state)
{
    struct memory *memory = *state;
    const struct item items[] = {{make_int(memory, 7), 0x1000}, {0, 0}, {0, 0x5000}, {make_ascii(memory, "x"), 0x2000}};
    const uint64_t keys[] = {items[0].key, 0, 0, items[3].key}, values[] = {0x1000, 0, 0, 0x2000};
    uint64_t dict = make_dict(memory, &(struct table){KEYS_GENERAL, 3, items, COUNT(items)});
    struct dict_view view;
    enum read_cache_status status;
    SETTLE(memory, status, object_dict_open(&memory->reader, dict, "a dict", &view));
    assert_int_equal(status, READ_CACHE_READY);
    assert_int_equal(view.count, COUNT(items));
    for (size_t i = 0; i < view.count; i++) {
        uint64_t key, value;
        SETTLE(memory, status, object_dict_entry(&memory->reader, &view, i, &key, &value));
        assert_int_equal(status, READ_CACHE_READY);
        assert_int_equal(key, keys[i]);
        assert_int_equal(value, values[i]);
    }
}

static void test_empty(void **state)
{
    struct memory *memory = *state;
    for (int kind = KEYS_GENERAL; kind <= KEYS_SPLIT; kind++)
        assert_found(memory, make_dict(memory, &(struct table){kind, 0, NULL, 0}), "key", 0);
}

/* Where the width of an index changes, the entries move. */
static void test_every_index_width(void **state)
{
    struct memory *memory = *state;
    for (unsigned log2_size = 3; log2_size <= 17; log2_size++) {
        const struct item item = {make_ascii(memory, "key"), 0x1000 + log2_size};
        for (int kind = KEYS_GENERAL; kind <= KEYS_UNICODE; kind++)
            assert_found(memory, make_dict(memory, &(struct table){kind, log2_size, &item, 1}), "key", 0x1000 + log2_size);
    }
}

static void test_many_entries_cost_few_reads(void **state)
{
    struct memory *memory = *state;
    enum { MANY = 1000 };
    struct item items[MANY];
    for (size_t i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof text, "key_%04zu", i);
        items[i] = (struct item){make_ascii(memory, text), 0x1000 + i};
    }
    uint64_t dict = make_dict(memory, &(struct table){KEYS_UNICODE, 11, items, MANY});
    assert_found(memory, dict, "key_0999", 0x1000 + 999);
    assert_found(memory, dict, "none", 0);
    assert_true(memory->batches <= 10);
}

/* A key that cannot be read is not the one looked for, and costs nothing else. */
static void test_unreadable_keys(void **state)
{
    struct memory *memory = *state;
    const struct item items[] = {
        {NOWHERE, 0x1000},
        {3, 0x2000},
        {make_object(memory, NOWHERE, 64), 0x3000},
        {make_ascii(memory, "key"), 0x4000},
    };
    for (int kind = KEYS_GENERAL; kind <= KEYS_SPLIT; kind++)
        assert_found(memory, make_dict(memory, &(struct table){kind, 3, items, COUNT(items)}), "key", 0x4000);
}

static void test_hostile_counts(void **state)
{
    struct memory *memory = *state;
    const struct item item = {make_ascii(memory, "key"), 0x1000};
    static const uint64_t counts[] = {9, 1u << 24, UINT32_MAX, INT64_MAX, UINT64_MAX, (uint64_t)1 << 60};
    for (size_t i = 0; i < COUNT(counts); i++) {
        uint64_t keys = make_keys(memory, &(struct table){KEYS_GENERAL, 3, &item, 1});
        put_u64(memory, FIELD_AT(memory, keys, dict_keys, nentries), counts[i]);
        assert_refused(memory, make_dict_of(memory, keys, 0), "no sane dict");
    }
}

static void test_hostile_sizes(void **state)
{
    struct memory *memory = *state;
    const struct item item = {make_ascii(memory, "key"), 0x1000};
    for (unsigned i = 26; i < 256; i++) {
        uint64_t keys = make_keys(memory, &(struct table){KEYS_GENERAL, 3, &item, 1});
        if (has_lookup_keys(memory))
            put_u64(memory, FIELD_AT(memory, keys, dict_keys, size), i < 64 ? (uint64_t)1 << i : UINT64_MAX - i);
        else
            put_u8(memory, FIELD_AT(memory, keys, dict_keys, log2_size), (uint8_t)i);
        assert_refused(memory, make_dict_of(memory, keys, 0), "no sane dict");
    }
}

static void test_hostile_index_widths_and_kinds(void **state)
{
    struct memory *memory = *state;
    const struct item item = {make_ascii(memory, "key"), 0x1000};
    for (unsigned i = 3; i < 256; i++) {
        uint64_t keys = make_keys(memory, &(struct table){KEYS_GENERAL, 3, &item, 1});
        put_u8(memory, FIELD_AT(memory, keys, dict_keys, kind), (uint8_t)i);
        assert_refused(memory, make_dict_of(memory, keys, 0), "no sane dict");
        keys = make_keys(memory, &(struct table){KEYS_GENERAL, 3, &item, 1});
        put_u8(memory, FIELD_AT(memory, keys, dict_keys, log2_index_bytes), (uint8_t)(i + 30));
        if (i + 30 < 256)
            assert_refused(memory, make_dict_of(memory, keys, 0), "");
    }
}

static void test_no_dict_at_all(void **state)
{
    struct memory *memory = *state;
    assert_refused(memory, 0, "null pointer");
    assert_refused(memory, NOWHERE, "is not mapped");
    assert_refused(memory, make_ascii(memory, "text"), "is not a dict");
    assert_refused(memory, make_dict_of(memory, 0, 0), "null pointer");
    assert_refused(memory, make_dict_of(memory, ARENA + 1, 0), "is not aligned");
    const struct item item = {make_ascii(memory, "key"), 0x1000};
    uint64_t keys = make_keys(memory, &(struct table){KEYS_SPLIT, 3, &item, 1});
    assert_refused(memory, make_dict_of(memory, keys, NOWHERE), "the values of a dict");
}

/* An instance with room for everything that can stand before it. */
static uint64_t make_instance(struct memory *memory, uint64_t type)
{
    uint64_t room = place(memory, 512);
    uint64_t object = room + 64;
    put_u64(memory, FIELD_AT(memory, object, object, type), type);
    return object;
}

static uint64_t make_class(struct memory *memory, uint64_t flags, int64_t dictoffset, const struct table *table)
{
    uint64_t type = make_type(memory, "Thread", flags | TYPE_FLAG_HEAP, 48);
    put_u64(memory, FIELD_AT(memory, type, type, dictoffset), (uint64_t)dictoffset);
    put_u64(memory, FIELD_AT(memory, type, type, cached_keys), make_keys(memory, table));
    return type;
}

static enum read_cache_status find_attribute(struct memory *memory, uint64_t object, const char *name, uint64_t *value)
{
    enum read_cache_status status;
    SETTLE(memory, status, object_instance_find(&memory->reader, object, "a Thread", name, value));
    return status;
}

static void assert_attribute(struct memory *memory, uint64_t object, const char *name, uint64_t expected)
{
    uint64_t value = 1;
    assert_int_equal(find_attribute(memory, object, name, &value), READ_CACHE_READY);
    assert_int_equal(value, expected);
}

static void test_dict_at_an_offset(void **state)
{
    struct memory *memory = *state;
    const struct item items[] = {{make_ascii(memory, "_name"), 0x1000}, {make_ascii(memory, "_ident"), 0x2000}};
    const struct table table = {KEYS_SPLIT, 3, items, COUNT(items)};
    uint64_t object = make_instance(memory, make_class(memory, 0, 40, &table));
    assert_attribute(memory, object, "_name", 0);
    target_read_cache_clear(memory->reader.cache);
    put_u64(memory, object + 40, make_dict(memory, &table));
    assert_attribute(memory, object, "_name", 0x1000);
    assert_attribute(memory, object, "_ident", 0x2000);
    assert_attribute(memory, object, "_none", 0);
}

/* Puts the instance's own values where the version keeps them. */
static void put_values(struct memory *memory, uint64_t object, const struct table *table)
{
    switch (memory->layout.rules->instance_dict) {
    case INSTANCE_DICT_OFFSET: break;
    case INSTANCE_DICT_VALUES_BEFORE: put_u64(memory, object - 32, make_values(memory, 0, table)); break;
    case INSTANCE_DICT_TAGGED: put_u64(memory, object - 24, make_values(memory, 0, table) - 1); break;
    case INSTANCE_DICT_INLINE:
        make_values(memory, object + 48, table);
        put_u8(memory, FIELD_AT(memory, object + 48, dict_values, valid), 1);
        break;
    }
}

static uint64_t place_of_dict(const struct memory *memory, uint64_t object)
{
    return memory->layout.free_threaded ? object - 8 : object - 24;
}

static uint64_t managed_flags(const struct memory *memory)
{
    bool in_line = memory->layout.rules->instance_dict == INSTANCE_DICT_INLINE;
    return TYPE_FLAG_MANAGED_DICT | (in_line ? TYPE_FLAG_INLINE_VALUES : 0);
}

static void test_managed_values(void **state)
{
    struct memory *memory = *state;
    const struct item items[] = {
        {make_ascii(memory, "_target"), 0},
        {make_ascii(memory, "_name"), 0x1000},
        {make_ascii(memory, "_ident"), 0x2000},
    };
    const struct table table = {KEYS_SPLIT, 5, items, COUNT(items)};
    uint64_t object = make_instance(memory, make_class(memory, managed_flags(memory), -1, &table));
    put_values(memory, object, &table);
    assert_attribute(memory, object, "_name", 0x1000);
    assert_attribute(memory, object, "_ident", 0x2000);
    assert_attribute(memory, object, "_target", 0);
    assert_attribute(memory, object, "_none", 0);
}

/* Somebody asked for __dict__: from then on the dict counts. */
static void test_managed_dict(void **state)
{
    struct memory *memory = *state;
    const struct item items[] = {{make_ascii(memory, "_name"), 0x1000}}, stale[] = {{items[0].key, 0xbad0}};
    const struct table table = {KEYS_UNICODE, 3, items, COUNT(items)}, old = {KEYS_SPLIT, 3, stale, COUNT(stale)};
    uint64_t object = make_instance(memory, make_class(memory, managed_flags(memory), -1, &old));
    if (memory->layout.rules->instance_dict == INSTANCE_DICT_INLINE)
        put_values(memory, object, &old);
    put_u64(memory, place_of_dict(memory, object), make_dict(memory, &table));
    assert_attribute(memory, object, "_name", 0x1000);
    assert_attribute(memory, object, "_none", 0);
}

static void test_managed_without_anything(void **state)
{
    struct memory *memory = *state;
    const struct item items[] = {{make_ascii(memory, "_name"), 0}};
    uint64_t object = make_instance(memory, make_class(memory, managed_flags(memory), -1, &(struct table){KEYS_SPLIT, 3, items, 1}));
    assert_attribute(memory, object, "_name", 0);
}

static void test_hostile_instances(void **state)
{
    struct memory *memory = *state;
    const struct item items[] = {{make_ascii(memory, "_name"), 0x1000}};
    const struct table table = {KEYS_SPLIT, 3, items, COUNT(items)};
    uint64_t value, type = make_class(memory, managed_flags(memory), -1, &table), object = make_instance(memory, type);
    assert_int_equal(find_attribute(memory, 0, "_name", &value), READ_CACHE_FAILED);
    assert_int_equal(find_attribute(memory, NOWHERE, "_name", &value), READ_CACHE_FAILED);
    assert_int_equal(find_attribute(memory, make_object(memory, NOWHERE, 64), "_name", &value), READ_CACHE_FAILED);
    if (memory->layout.rules->instance_dict != INSTANCE_DICT_OFFSET) {
        put_u64(memory, place_of_dict(memory, object), NOWHERE);
        assert_int_equal(find_attribute(memory, object, "_name", &value), READ_CACHE_FAILED);
    }
    uint64_t other = make_instance(memory, make_class(memory, 0, 3, &table));
    assert_int_equal(find_attribute(memory, other, "_name", &value), READ_CACHE_FAILED);
    put_u64(memory, FIELD_AT(memory, type, type, cached_keys), NOWHERE);
    put_u64(memory, FIELD_AT(memory, type, type, basicsize), UINT64_MAX - 7);
    target_read_cache_clear(memory->reader.cache);
    assert_true(find_attribute(memory, make_instance(memory, type), "_name", &value) != READ_CACHE_PENDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_VERSION(test_every_kind),
        EACH_VERSION(test_entries_come_in_order),
        EACH_VERSION(test_empty),
        EACH_VERSION(test_every_index_width),
        ANY_VERSION(test_many_entries_cost_few_reads),
        VERSION_TEST(test_many_entries_cost_few_reads, 0, "3.9"),
        EACH_VERSION(test_unreadable_keys),
        EACH_VERSION(test_hostile_counts),
        EACH_VERSION(test_hostile_sizes),
        INTERPRETER_FRAME_VERSIONS(test_hostile_index_widths_and_kinds),
        EACH_VERSION(test_no_dict_at_all),
        EACH_VERSION(test_dict_at_an_offset),
        INTERPRETER_FRAME_VERSIONS(test_managed_values),
        INTERPRETER_FRAME_VERSIONS(test_managed_dict),
        INTERPRETER_FRAME_VERSIONS(test_managed_without_anything),
        EACH_VERSION(test_hostile_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
