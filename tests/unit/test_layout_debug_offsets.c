/*
 * Decoding _Py_DebugOffsets. The words are those of real interpreters: read from the .PyRuntime section of their files; those of the
 * betas of 3.15 were compiled from the headers of their tags.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layout/built_in.h"
#include "layout/debug_offsets.h"

#define COOKIE UINT64_C(0x7970677562656478) /* "xdebugpy" */

static const uint64_t python_3_13_0[] = {
    COOKIE, 0x030d00f0, 0, 283320, 608, 632, 194968, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16, 7752, 0, 7768, 7760, 304, 0, 8, 16,
    72, 152, 160, 232, 32, 80, 8, 0, 56, 72, 70, 208, 112, 120, 128, 136, 68, 52, 96, 104, 200, 16, 8, 416, 24, 88, 168, 32, 24, 16, 40,
    24, 16, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 240, 200,
};

static const uint64_t python_3_13_5t[] = {
    COOKIE, 0x030d05f0, 1, 328320, 608, 632, 215616, 7272, 7264, 7344, 7400, 7664, 7648, 7656, 16, 7760, 0, 7784, 7776, 304, 0, 8, 16,
    72, 152, 160, 232, 32, 80, 8, 0, 56, 72, 70, 224, 128, 136, 144, 152, 84, 68, 112, 120, 216, 32, 24, 432, 40, 104, 184, 48, 40, 32,
    56, 40, 32, 64, 48, 56, 40, 32, 48, 32, 40, 56, 32, 48, 80, 48, 32, 56, 248, 200,
};

static const uint64_t python_3_14_10d[] = {
    COOKIE, 0x030e0af0, 0, 332632, 784, 808, 225880, 7280, 7272, 7344, 7360, 7408, 7688, 7672, 7680, 16, 7784, 0, 7800, 7792, 7992, 0,
    832, 0, 8, 16, 72, 152, 160, 232, 32, 88, 8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128, 136, 68, 52, 96, 104, 208, 0, 16, 8, 416, 24,
    88, 168, 40, 32, 16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 264, 192, 160, 24, 72,
    67, 0, 8, 24, 304, 8076, 0, 4, 512,
};

static const uint64_t python_3_14_7t[] = {
    COOKIE, 0x030e07f0, 1, 362368, 784, 808, 246720, 7280, 7272, 7344, 7360, 7408, 7712, 7696, 7704, 16, 7808, 0, 7832, 7824, 8024,
    17628, 832, 0, 8, 16, 72, 152, 160, 232, 32, 88, 8, 0, 56, 80, 78, 64, 72, 240, 128, 136, 144, 152, 84, 68, 112, 120, 232, 224, 32,
    24, 432, 40, 104, 184, 56, 48, 32, 56, 40, 32, 216, 40, 56, 48, 64, 48, 56, 40, 32, 48, 32, 40, 56, 32, 48, 80, 48, 32, 56, 288,
    192, 176, 40, 88, 83, 0, 8, 24, 304, 8108, 0, 4, 512,
};

static const uint64_t python_3_15_0b1[] = {
    COOKIE, 0x030f00b1, 0, 346120, 904, 928, 226208, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584, 16, 7728, 0, 7744, 7736, 7936, 0,
    880, 0, 8, 16, 72, 80, 88, 168, 176, 248, 32, 36, 40, 128, 280, 0, 88, 8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128, 136, 68, 52, 96,
    104, 208, 0, 16, 8, 424, 24, 88, 168, 32, 288, 944, 888, 40, 32, 16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16, 32, 16, 24,
    40, 16, 32, 64, 32, 16, 40, 56, 176, 112, 120, 1112, 104, 160, 24, 72, 67, 0, 8, 24, 336, 8020, 0, 4, 512,
};

static const uint64_t python_3_15_0b3t[] = {
    COOKIE, 0x030f00b3, 1, 405632, 904, 928, 247104, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584, 16, 7744, 0, 7768, 7760, 7960,
    17628, 880, 0, 8, 16, 72, 80, 88, 168, 176, 248, 32, 36, 40, 128, 280, 0, 88, 8, 0, 56, 80, 78, 64, 72, 240, 128, 136, 144, 152, 84,
    68, 112, 120, 232, 224, 32, 24, 440, 40, 104, 184, 48, 304, 968, 904, 56, 48, 32, 56, 40, 32, 216, 40, 56, 48, 64, 48, 56, 40, 32,
    48, 32, 40, 56, 32, 48, 80, 48, 32, 56, 72, 176, 112, 120, 216, 104, 176, 40, 88, 83, 0, 8, 24, 336, 8044, 0, 4, 512,
};

static const uint64_t python_3_15_2[] = {
    COOKIE, 0x030f02f0, 0, 346568, 912, 936, 226240, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584, 16, 7736, 0, 7752, 7744, 7944, 0,
    888, 0, 8, 16, 72, 80, 88, 96, 176, 184, 256, 32, 36, 40, 136, 288, 0, 88, 8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128, 136, 68, 52,
    96, 104, 208, 0, 16, 8, 424, 24, 88, 168, 32, 288, 944, 888, 40, 32, 16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16, 32, 16,
    24, 40, 16, 32, 64, 32, 16, 40, 56, 176, 112, 120, 1120, 104, 160, 24, 72, 67, 0, 8, 24, 344, 8028, 0, 4, 512,
};

static const uint64_t python_3_15_0rc1t[] = {
    COOKIE, 0x030f00c1, 1, 405760, 912, 936, 247104, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584, 16, 7744, 0, 7768, 7760, 7960,
    17628, 888, 0, 8, 16, 72, 80, 88, 96, 176, 184, 256, 32, 36, 40, 136, 288, 0, 88, 8, 0, 56, 80, 78, 64, 72, 240, 128, 136, 144, 152,
    84, 68, 112, 120, 232, 224, 32, 24, 440, 40, 104, 184, 48, 304, 968, 904, 56, 48, 32, 56, 40, 32, 216, 40, 56, 48, 64, 48, 56, 40,
    32, 48, 32, 40, 56, 32, 48, 80, 48, 32, 56, 72, 176, 112, 120, 216, 104, 176, 40, 88, 83, 0, 8, 24, 344, 8044, 0, 4, 512,
};

struct sample {
    const char *name, *variant;
    const uint64_t *words;
    size_t count;
    size_t fields; /* that it knows, at least: fields.def grows */
};

#define SAMPLE(words, variant, fields) {#words, variant, words, sizeof words / sizeof *words, fields}
static const struct sample samples[] = {
    SAMPLE(python_3_13_0, "3.13", 53),      SAMPLE(python_3_13_5t, "3.13", 54),       SAMPLE(python_3_14_10d, "3.14", 60),
    SAMPLE(python_3_14_7t, "3.14", 63),     SAMPLE(python_3_15_0b1, "3.15.0b1", 70),  SAMPLE(python_3_15_0b3t, "3.15.0b1", 73),
    SAMPLE(python_3_15_2, "3.15", 70),      SAMPLE(python_3_15_0rc1t, "3.15", 73),
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
    return debug_offsets_decode(memory->words, DEBUG_OFFSETS_MAX_WORDS, offsets);
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
            const struct built_in *table = built_in_find(offsets.version, offsets.free_threaded, &exact);
            assert_true(exact);
            for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
                if (offsets.offset[field] == LAYOUT_ABSENT)
                    continue;
                known++;
                if (offsets.offset[field] != built_in_offset(table, field))
                    fail_msg("%s: %s.%s is %d, not %d", samples[s].name, layout_field_group(field), layout_field_name(field),
                             offsets.offset[field], built_in_offset(table, field));
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
            assert_false(debug_offsets_decode(samples[s].words, count, &offsets));
        assert_true(debug_offsets_decode(samples[s].words, samples[s].count, &offsets));
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
    assert_true(debug_offsets_decode(sample->words, sample->count, &expected));
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        if (offsets.offset[field] != expected.offset[field] && strcmp(layout_field_group(field), "thread_state") != 0)
            fail_msg("%s, shifted at word %zu, is taken as %s, with %s.%s at %d", sample->name, at, offsets.variant,
                     layout_field_group(field), layout_field_name(field), offsets.offset[field]);
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
    static const uint64_t hostile[] = {1 << 20,           1 << 24,           UINT64_C(1) << 31, UINT64_C(1) << 32,
                                       UINT64_C(1) << 63, UINT64_MAX,        UINT64_MAX - 7};
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
