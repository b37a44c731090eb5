/* Every kind of str, and what only looks like one. */
#include "memory.h"
#include "object/string.h"

enum { TEXT_MAX = STRING_LENGTH_MAX };

static enum read_cache_status read_text(struct memory *memory, uint64_t object, struct spprof_text *text)
{
    enum read_cache_status status;
    SETTLE(memory, status, object_string_read(&memory->reader, object, "co_name", text));
    return status;
}

static void assert_text(struct memory *memory, uint64_t object, const char *bytes, size_t size)
{
    struct spprof_text text = {NULL, 0};
    assert_int_equal(read_text(memory, object, &text), READ_CACHE_READY);
    assert_int_equal(text.size, size);
    assert_memory_equal(text.bytes, bytes, size);
    assert_int_equal(text.bytes[size], '\0');
    free(text.bytes);
}

#define ASSERT_TEXT(memory, object, literal) assert_text(memory, object, literal, sizeof(literal) - 1)

static void assert_refused(struct memory *memory, uint64_t object, const char *words)
{
    struct spprof_text text = {NULL, 0};
    assert_int_equal(read_text(memory, object, &text), READ_CACHE_FAILED);
    assert_null(text.bytes);
    if (strstr(memory->reader.reason, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", memory->reader.reason, words);
}

#define CHARACTERS(type, ...) .characters = (const type[]){__VA_ARGS__}, .size = sizeof((const type[]){__VA_ARGS__})

static uint64_t compact(struct memory *memory, struct str str)
{
    str.compact = true;
    str.length = str.size / str.kind;
    return make_str(memory, &str);
}

static void test_compact_kinds(void **state)
{
    struct memory *memory = *state;
    ASSERT_TEXT(memory, make_ascii(memory, "name"), "name");
    ASSERT_TEXT(memory, make_ascii(memory, ""), "");
    ASSERT_TEXT(memory, compact(memory, (struct str){.kind = 1, CHARACTERS(uint8_t, 'a', 0xe9, 0xff)}), "a\xc3\xa9\xc3\xbf");
    ASSERT_TEXT(memory, compact(memory, (struct str){.kind = 2, CHARACTERS(uint16_t, 0x65e5, 0x672c, 0x7ff, 0xffff)}),
                "\xe6\x97\xa5\xe6\x9c\xac\xdf\xbf\xef\xbf\xbf");
    ASSERT_TEXT(memory, compact(memory, (struct str){.kind = 4, CHARACTERS(uint32_t, 'a', 0x1f600, 0x10ffff, 0x10000)}),
                "a\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xf0\x90\x80\x80");
}

static void test_nul_and_surrogates(void **state)
{
    struct memory *memory = *state;
    uint64_t nul = make_str(memory, &(struct str){.kind = 1, .compact = true, .ascii = true, .length = 3, CHARACTERS(char, 'a', 0, 'b')});
    ASSERT_TEXT(memory, nul, "a\0b");
    ASSERT_TEXT(memory, compact(memory, (struct str){.kind = 2, CHARACTERS(uint16_t, 0xdc80, 'x', 0xd83d, 0xde00)}),
                "\xed\xb2\x80x\xed\xa0\xbd\xed\xb8\x80");
    ASSERT_TEXT(memory, compact(memory, (struct str){.kind = 4, CHARACTERS(uint32_t, 0xdfff)}), "\xed\xbf\xbf");
}

/* Bits of the state word that are not kind, compact and ascii: interned, statically allocated, padding. */
static void test_other_state_bits(void **state)
{
    struct memory *memory = *state;
    uint64_t object = make_ascii(memory, "interned");
    uint64_t place_of_state = FIELD_AT(memory, object, unicode, state);
    struct str str = {.kind = 1, .compact = true, .ascii = true}, all = {.kind = 7, .compact = true, .ascii = true};
    put_u32(memory, place_of_state, str_state(memory, &str) | ~str_state(memory, &all));
    ASSERT_TEXT(memory, object, "interned");
}

/* A str whose characters stand apart: of a subclass in every version, and the legacy strings of 3.9 to 3.11. */
static uint64_t make_separate(struct memory *memory, const struct str *str)
{
    uint64_t object = make_object(memory, type_of_str(memory), 128);
    uint64_t characters = place_apart(memory, str->size + 4);
    put_bytes(memory, characters, str->characters, str->size);
    put_u32(memory, FIELD_AT(memory, object, unicode, state), str_state(memory, str));
    if (str->kind == 0) {
        put_u64(memory, FIELD_AT(memory, object, unicode, wide), characters);
        put_u64(memory, FIELD_AT(memory, object, unicode, wide_length), str->length);
    } else {
        put_u64(memory, FIELD_AT(memory, object, unicode, legacy_data), characters);
        put_u64(memory, FIELD_AT(memory, object, unicode, length), str->length);
    }
    return object;
}

static void test_separate(void **state)
{
    struct memory *memory = *state;
    struct str ascii = {.kind = 1, .ascii = true, .length = 2, CHARACTERS(uint8_t, 'a', 'b')};
    struct str latin = {.kind = 1, .length = 2, CHARACTERS(uint8_t, 'a', 0xe9)};
    struct str narrow = {.kind = 2, .length = 2, CHARACTERS(uint16_t, 0xdc80, 0x65e5)};
    struct str wide = {.kind = 4, .length = 1, CHARACTERS(uint32_t, 0x1f600)};
    ASSERT_TEXT(memory, make_separate(memory, &ascii), "ab");
    ASSERT_TEXT(memory, make_separate(memory, &latin), "a\xc3\xa9");
    ASSERT_TEXT(memory, make_separate(memory, &narrow), "\xed\xb2\x80\xe6\x97\xa5");
    ASSERT_TEXT(memory, make_separate(memory, &wide), "\xf0\x9f\x98\x80");
}

static void test_legacy_not_ready(void **state)
{
    struct memory *memory = *state;
    struct str text = {.length = 3, CHARACTERS(uint32_t, 'a', 0x65e5, 0x1f600)}, empty = {.length = 0};
    ASSERT_TEXT(memory, make_separate(memory, &text), "a\xe6\x97\xa5\xf0\x9f\x98\x80");
    ASSERT_TEXT(memory, make_separate(memory, &empty), "");
    assert_refused(memory, make_separate(memory, &(struct str){.length = 1, CHARACTERS(uint32_t, 0x110000)}), "no character");
    assert_refused(memory, make_separate(memory, &(struct str){.length = UINT64_MAX}), "more than any name has");
}

static void test_separate_that_lies(void **state)
{
    struct memory *memory = *state;
    struct str lengthy = {.kind = 1, .length = UINT64_MAX}, high = {.kind = 4, .length = 1, CHARACTERS(uint32_t, 0x110000)};
    assert_refused(memory, make_separate(memory, &lengthy), "more than any name has");
    assert_refused(memory, make_separate(memory, &high), "no character");
    uint64_t nowhere = make_separate(memory, &(struct str){.kind = 2, .length = 8});
    put_u64(memory, FIELD_AT(memory, nowhere, unicode, legacy_data), NOWHERE);
    assert_refused(memory, nowhere, "is not mapped");
}

static void test_not_ready_where_all_are(void **state)
{
    struct memory *memory = *state;
    if (memory->layout.rules->legacy_strings)
        skip();
    assert_refused(memory, make_str(memory, &(struct str){.kind = 0, .length = 1, CHARACTERS(uint32_t, 'a')}), "no sane str");
}

static void test_kinds_that_do_not_exist(void **state)
{
    struct memory *memory = *state;
    for (unsigned kind = 0; kind < 8; kind++) {
        if (kind != 1 && kind != 2 && kind != 4)
            assert_refused(memory, make_str(memory, &(struct str){.kind = kind, .compact = true, .length = 1, CHARACTERS(uint32_t, 'a')}),
                           "no sane str");
        struct str ascii = {.kind = kind, .compact = true, .ascii = true, .length = 1, CHARACTERS(uint32_t, 'a')};
        if (kind != 1)
            assert_refused(memory, make_str(memory, &ascii), "no sane str");
        if (kind == 3 || kind > 4)
            assert_refused(memory, make_str(memory, &(struct str){.kind = kind, .length = 1, CHARACTERS(uint32_t, 'a')}), "no sane str");
    }
}

static void test_lengths(void **state)
{
    struct memory *memory = *state;
    static const uint64_t insane[] = {(uint64_t)TEXT_MAX + 1, UINT32_MAX, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX / 4 + 1};
    for (size_t i = 0; i < sizeof insane / sizeof *insane; i++) {
        for (unsigned kind = 1; kind <= 4; kind *= 2) {
            struct str str = {.kind = kind, .compact = true, .length = insane[i]};
            assert_refused(memory, make_str(memory, &str), "more than any name has");
        }
    }
    char *longest = malloc(TEXT_MAX);
    memset(longest, 'x', TEXT_MAX);
    struct str str = {.kind = 1, .compact = true, .ascii = true, .length = TEXT_MAX, .characters = longest, .size = TEXT_MAX};
    assert_text(memory, make_str(memory, &str), longest, TEXT_MAX);
    free(longest);
}

static void test_beyond_unicode(void **state)
{
    struct memory *memory = *state;
    assert_refused(memory, compact(memory, (struct str){.kind = 4, CHARACTERS(uint32_t, 'a', 0x110000)}), "holds 0x110000");
    assert_refused(memory, compact(memory, (struct str){.kind = 4, CHARACTERS(uint32_t, UINT32_MAX)}), "holds 0xffffffff");
}

static void test_no_str_at_all(void **state)
{
    struct memory *memory = *state;
    assert_refused(memory, make_bytes(memory, "name", 4), "co_name at 0x7f");
    assert_refused(memory, make_bytes(memory, "name", 4), "is not a str");
    assert_refused(memory, 0, "co_name is a null pointer");
    assert_refused(memory, ARENA + 4, "is not aligned");
    assert_refused(memory, NOWHERE, "is not mapped");
    assert_refused(memory, make_object(memory, 0, 128), "null pointer");
    assert_refused(memory, make_object(memory, NOWHERE, 128), "is not mapped");
    assert_refused(memory, make_object(memory, 1, 128), "is not aligned");
}

static void test_characters_missing(void **state)
{
    struct memory *memory = *state;
    type_of_str(memory);
    uint64_t end = place_apart(memory, 2 * PAGE_SIZE) + PAGE_SIZE;
    memory->used = (size_t)(end - ARENA) - 64;
    uint64_t object = make_str(memory, &(struct str){.kind = 1, .compact = true, .ascii = true, .length = 100});
    make_hole(memory, end, PAGE_SIZE, SPPROF_READ_NOT_IN_CORE);
    assert_refused(memory, object, "is not in the core file");
}

/* A name costs a read for its head, one for its type and one for its text, and no more. */
static void test_reads(void **state)
{
    struct memory *memory = *state;
    ASSERT_TEXT(memory, make_ascii(memory, "name"), "name");
    assert_true(memory->batches <= 4);
}

static bool equals(struct memory *memory, uint64_t object, const char *ascii)
{
    enum read_cache_status status;
    bool equal = true;
    SETTLE(memory, status, object_string_equals(&memory->reader, object, ascii, &equal));
    assert_int_equal(status, READ_CACHE_READY);
    return equal;
}

static void test_equals(void **state)
{
    struct memory *memory = *state;
    assert_true(equals(memory, make_ascii(memory, "_active"), "_active"));
    assert_true(equals(memory, make_ascii(memory, ""), ""));
    assert_false(equals(memory, make_ascii(memory, "_active"), "_activf"));
    assert_false(equals(memory, make_ascii(memory, "_active"), "_activ"));
    assert_false(equals(memory, make_ascii(memory, "_active"), "_active_"));
    assert_false(equals(memory, compact(memory, (struct str){.kind = 2, CHARACTERS(uint16_t, 'a', 'b')}), "ab"));
    assert_false(equals(memory, make_bytes(memory, "_active", 7), "_active"));
    assert_false(equals(memory, make_int(memory, 7), "_active"));
}

static void test_equals_separate(void **state)
{
    struct memory *memory = *state;
    struct str ascii = {.kind = 1, .ascii = true, .length = 2, CHARACTERS(uint8_t, 'a', 'b')}, empty = {.kind = 1, .ascii = true};
    assert_true(equals(memory, make_separate(memory, &ascii), "ab"));
    assert_false(equals(memory, make_separate(memory, &ascii), "ac"));
    assert_true(equals(memory, make_separate(memory, &empty), ""));
}

static enum read_cache_status read_bytes(struct memory *memory, uint64_t object, size_t limit, const uint8_t **data, size_t *size)
{
    enum read_cache_status status;
    SETTLE(memory, status, object_bytes_read(&memory->reader, object, "the line table", limit, data, size));
    return status;
}

static void test_bytes(void **state)
{
    struct memory *memory = *state;
    const uint8_t *data;
    size_t size;
    enum read_cache_status status;
    uint64_t counted, object = make_bytes(memory, "a\0b", 3);
    assert_int_equal(read_bytes(memory, object, 3, &data, &size), READ_CACHE_READY);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "a\0b", 3);
    SETTLE(memory, status, object_bytes_size(&memory->reader, object, "co_code", &counted));
    assert_int_equal(status, READ_CACHE_READY);
    assert_int_equal(counted, 3);
    assert_int_equal(read_bytes(memory, make_bytes(memory, "", 0), 3, &data, &size), READ_CACHE_READY);
    assert_int_equal(size, 0);
    assert_int_equal(read_bytes(memory, object, 2, &data, &size), READ_CACHE_FAILED);
    assert_int_equal(read_bytes(memory, make_ascii(memory, "text"), 100, &data, &size), READ_CACHE_FAILED);
    put_u64(memory, FIELD_AT(memory, object, bytes, size), UINT64_MAX);
    target_read_cache_clear(memory->reader.cache);
    assert_int_equal(read_bytes(memory, object, SIZE_MAX / 2, &data, &size), READ_CACHE_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_VERSION(test_compact_kinds),
        EACH_VERSION(test_nul_and_surrogates),
        EACH_VERSION(test_other_state_bits),
        EACH_VERSION(test_separate),
        FRAME_OBJECT_VERSIONS(test_legacy_not_ready),
        VERSION_TEST(test_legacy_not_ready, 2, "3.11"),
        EACH_VERSION(test_separate_that_lies),
        EACH_VERSION(test_not_ready_where_all_are),
        EACH_VERSION(test_kinds_that_do_not_exist),
        EACH_VERSION(test_lengths),
        EACH_VERSION(test_beyond_unicode),
        EACH_VERSION(test_no_str_at_all),
        EACH_VERSION(test_characters_missing),
        EACH_VERSION(test_reads),
        EACH_VERSION(test_equals),
        EACH_VERSION(test_equals_separate),
        EACH_VERSION(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
