/* Decoding _Py_DebugOffsets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layout/built_in.h"
#include "layout/debug_offsets.h"
#include "real_debug_offsets.h"

struct sample {
    const char *name, *variant;
    const uint64_t *words;
    size_t count;
    size_t fields; /* that it knows, at least: fields.def grows */
};

#define SAMPLE(words, variant, fields)                                                                                                               \
    {                                                                                                                                                \
#words, variant, words, sizeof words / sizeof *words, fields                                                                                 \
    }
static const struct sample samples[] = {
    SAMPLE(python_3_13_0, "3.13", 53),  SAMPLE(python_3_13_5t, "3.13", 54),      SAMPLE(python_3_14_10d, "3.14", 60),
    SAMPLE(python_3_14_7t, "3.14", 63), SAMPLE(python_3_15_0b1, "3.15.0b1", 70), SAMPLE(python_3_15_0b3t, "3.15.0b1", 73),
    SAMPLE(python_3_15_2, "3.15", 70),  SAMPLE(python_3_15_0rc1t, "3.15", 73),
};
enum { SAMPLE_COUNT = sizeof samples / sizeof *samples };

/* As in memory: what follows the words is more of _PyRuntimeState. */
struct memory {
    uint64_t words[DEBUG_OFFSETS_MAX_WORDS];
};

static struct memory in_memory(const struct sample *sample, uint64_t behind)
{
    struct memory memory;
    for (size_t i = 0; i < DEBUG_OFFSETS_MAX_WORDS; i++)
        memory.words[i] = i < sample->count ? sample->words[i] : behind;
    return memory;
}

static bool decode(const struct memory *memory, struct debug_offsets *offsets)
{
    return layout_debug_offsets_decode(memory->words, DEBUG_OFFSETS_MAX_WORDS, offsets);
}

static void test_real_words_are_what_the_tables_say(void **state)
{
    (void)state;
    static const uint64_t behind[] = {0, 8, 16, 1, UINT64_MAX, 0x7f0012345678};
    for (size_t s = 0; s < SAMPLE_COUNT; s++) {
        for (size_t b = 0; b < sizeof behind / sizeof *behind; b++) {
            struct debug_offsets offsets;
            struct memory memory = in_memory(&samples[s], behind[b]);
            assert_true(decode(&memory, &offsets));
            assert_string_equal(offsets.variant, samples[s].variant);
            assert_int_equal(offsets.version, samples[s].words[1]);
            assert_int_equal(offsets.free_threaded, samples[s].words[2]);
            bool exact;
            size_t known = 0;
            const struct built_in *table = layout_built_in_find(offsets.version, offsets.free_threaded, &exact);
            assert_true(exact);
            for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
                if (offsets.offset[field] == LAYOUT_ABSENT)
                    continue;
                known++;
                if (offsets.offset[field] != layout_built_in_offset(table, field))
                    fail_msg("%s: %s.%s is %d, not %d", samples[s].name, layout_field_group(field), layout_field_name(field), offsets.offset[field],
                             layout_built_in_offset(table, field));
            }
            assert_in_range(known, samples[s].fields, LAYOUT_FIELD_COUNT);
        }
    }
}

static void test_newer_version_is_taken_by_plausibility(void **state)
{
    (void)state;
    for (size_t s = 0; s < SAMPLE_COUNT; s++) {
        struct debug_offsets offsets;
        struct memory memory = in_memory(&samples[s], 0);
        memory.words[1] = 0x031000a1;
        assert_true(decode(&memory, &offsets));
        assert_string_equal(offsets.variant, samples[s].variant);
        assert_int_equal(offsets.version, 0x031000a1);
    }
}

static void test_other_heads_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t word;
        uint64_t value;
    } wrong[] = {{0, 0}, {0, COOKIE + 1}, {1, 0}, {1, 0x030c01f0}, {1, 0x04000000}, {1, UINT64_C(0x1030e00f0)}, {2, 2}, {2, UINT64_MAX}};
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        struct debug_offsets offsets;
        struct memory memory = in_memory(&samples[0], 0);
        memory.words[wrong[w].word] = wrong[w].value;
        assert_false(decode(&memory, &offsets));
    }
}

static void test_too_few_words_are_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < SAMPLE_COUNT; s++) {
        struct debug_offsets offsets;
        for (size_t count = 0; count < samples[s].count; count++)
            assert_false(layout_debug_offsets_decode(samples[s].words, count, &offsets));
        assert_true(layout_debug_offsets_decode(samples[s].words, samples[s].count, &offsets));
    }
}

/*
 * A word too many or too few: that is how the variants differ from one another. Inside thread_state the betas of 3.15 and its releases
 * differ by just one, so that such words are taken for the other of them; nothing outside thread_state may be misread for it.
 */
static void assert_not_misread(const struct sample *sample, const struct memory *memory, size_t at)
{
    struct debug_offsets offsets, expected;
    if (!decode(memory, &offsets))
        return;
    assert_true(layout_debug_offsets_decode(sample->words, sample->count, &expected));
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        if (offsets.offset[field] != expected.offset[field] && strcmp(layout_field_group(field), "thread_state") != 0)
            fail_msg("%s, shifted at word %zu, is taken as %s, with %s.%s at %d", sample->name, at, offsets.variant, layout_field_group(field),
                     layout_field_name(field), offsets.offset[field]);
    }
}

static void test_shifted_words_are_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < SAMPLE_COUNT; s++) {
        size_t unchecked = samples[s].words[1] >> 16 == 0x030d ? 2 : 8; /* at the end: gc; llist_node and debugger_support */
        for (size_t at = 3; at < samples[s].count - unchecked; at++) {
            struct memory memory = in_memory(&samples[s], 0);
            memmove(&memory.words[at], &memory.words[at + 1], (DEBUG_OFFSETS_MAX_WORDS - at - 1) * sizeof(uint64_t));
            assert_not_misread(&samples[s], &memory, at);
            memory = in_memory(&samples[s], 0);
            memmove(&memory.words[at + 1], &memory.words[at], (DEBUG_OFFSETS_MAX_WORDS - at - 1) * sizeof(uint64_t));
            memory.words[at] = 8;
            assert_not_misread(&samples[s], &memory, at);
        }
    }
}

static void assert_bounded(const struct debug_offsets *offsets)
{
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++)
        assert_in_range(offsets->offset[field] + 1, 0, 1 << 24);
}

static void test_no_hostile_word_gets_through(void **state)
{
    (void)state;
    static const uint64_t hostile[] = {1 << 20, 1 << 24, UINT64_C(1) << 31, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 7};
    for (size_t s = 0; s < SAMPLE_COUNT; s++) {
        for (size_t at = 3; at < samples[s].count; at++) {
            for (size_t h = 0; h < sizeof hostile / sizeof *hostile; h++) {
                struct debug_offsets offsets;
                struct memory memory = in_memory(&samples[s], 0);
                memory.words[at] = hostile[h];
                if (decode(&memory, &offsets))
                    assert_bounded(&offsets);
                if (hostile[h] > 1 << 24)
                    assert_false(decode(&memory, &offsets));
            }
        }
    }
}

static void test_random_words_are_refused(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 50000; round++) {
        struct debug_offsets offsets;
        struct memory memory = in_memory(&samples[round % SAMPLE_COUNT], 0);
        for (size_t at = 3; at < DEBUG_OFFSETS_MAX_WORDS; at++)
            memory.words[at] = (uint64_t)rand() % 64 * 8;
        assert_false(decode(&memory, &offsets));
    }
}

/* Where some words were damaged, what is taken is bounded all the same. */
static void test_damaged_words_stay_bounded(void **state)
{
    (void)state;
    srand(2);
    for (int round = 0; round < 50000; round++) {
        struct debug_offsets offsets;
        struct memory memory = in_memory(&samples[round % SAMPLE_COUNT], (uint64_t)rand());
        for (int damage = rand() % 4; damage >= 0; damage--)
            memory.words[3 + rand() % (DEBUG_OFFSETS_MAX_WORDS - 3)] = (uint64_t)rand() << (rand() % 32);
        if (decode(&memory, &offsets))
            assert_bounded(&offsets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_words_are_what_the_tables_say),
        cmocka_unit_test(test_newer_version_is_taken_by_plausibility),
        cmocka_unit_test(test_other_heads_are_refused),
        cmocka_unit_test(test_too_few_words_are_refused),
        cmocka_unit_test(test_shifted_words_are_refused),
        cmocka_unit_test(test_no_hostile_word_gets_through),
        cmocka_unit_test(test_random_words_are_refused),
        cmocka_unit_test(test_damaged_words_stay_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
