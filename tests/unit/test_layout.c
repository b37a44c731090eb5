/* How a layout is found, of what the target says of itself, its debug information and the tables. */
#include "made_runtime.h"

#include <fcntl.h>

#include "layout/diagnosis.h"
#include "layout/dwarf.h"

/* Every version from what is known of it: exactly, by its minor version, not at all. */
static void test_every_version_is_found_by_its_table(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        bool free_threaded, debug;
    } cases[] = {
        {0x030912f0, false, false}, {0x030a00f0, false, false}, {0x030b07f0, false, true},  {0x030c01f0, false, false},
        {0x030d00f0, false, true},  {0x030d0df0, false, false}, {0x030d05f0, true, true},   {0x030e03f0, false, false},
        {0x030e0af0, false, true},  {0x030e07f0, true, false},  {0x030f02f0, false, false}, {0x030f00c1, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t hints[] = {cases[i].version, cases[i].version & 0xffff0000, 0, 0x030b0000};
        for (size_t h = 0; h < sizeof hints / sizeof *hints; h++) {
            struct image *image = image_of(cases[i].version, cases[i].free_threaded, cases[i].debug);
            struct layout layout;
            struct spprof_error *error = find(image, hints[h], false, &layout);
            if (error != NULL)
                fail_msg("%08x by %08x: %s", cases[i].version, hints[h], error->message);
            assert_int_equal(layout.version, cases[i].version);
            assert_int_equal(layout.free_threaded, cases[i].free_threaded);
            assert_int_equal(layout.debug, cases[i].debug);
            assert_int_equal(layout.source, SPPROF_LAYOUT_BUILT_IN);
            assert_int_equal(layout.rules->minor, cases[i].version >> 16);
            assert_memory_equal(layout.offset, image->offset, sizeof layout.offset);
            /* From 3.13 on a Python has debug offsets. */
            assert_int_equal(image->target.problems.count, hints[h] >= 0x030d0000);
            free_image(image);
        }
    }
}

static void test_debug_offsets_are_preferred(void **state)
{
    (void)state;
    struct image *image = image_of(0x030f02f0, false, true);
    struct layout layout;
    put_words(image, python_3_15_2, sizeof python_3_15_2 / sizeof *python_3_15_2);
    assert_null(find(image, 0x030f02f0, true, &layout));
    assert_int_equal(layout.version, 0x030f02f0);
    assert_int_equal(layout.source, SPPROF_LAYOUT_DEBUG_OFFSETS);
    assert_true(layout.debug);
    assert_memory_equal(layout.offset, image->offset, sizeof layout.offset);
    assert_int_equal(layout.field_source[FIELD_thread_state_current_frame], SPPROF_LAYOUT_DEBUG_OFFSETS);
    assert_int_equal(layout.field_source[FIELD_thread_state_datastack_top], SPPROF_LAYOUT_BUILT_IN);
    assert_int_equal(image->target.problems.count, 0);
    free_image(image);
}

enum { VERSION_WORD = 1, THREAD_SIZE_WORD = 22, CURRENT_FRAME_WORD = 26, CHUNK_WORD = 32, EXC_STATE_WORD = 37 };

/* A build with two words more in its thread state: fields that only the table knows move with their neighbours. */
static void test_moved_fields_follow_their_neighbours(void **state)
{
    (void)state;
    uint64_t words[sizeof python_3_15_2 / sizeof *python_3_15_2];
    int32_t offset[LAYOUT_FIELD_COUNT];
    struct image *image = image_of(0x030f02f0, false, false);
    struct layout layout;
    memcpy(words, python_3_15_2, sizeof words);
    memcpy(offset, image->offset, sizeof offset);
    assert_int_equal(words[THREAD_SIZE_WORD], offset[FIELD_thread_state_size]);
    assert_int_equal(words[CHUNK_WORD], offset[FIELD_thread_state_datastack_chunk]);
    words[THREAD_SIZE_WORD] += 16;
    words[CHUNK_WORD] += 16;
    put_words(image, words, sizeof words / sizeof *words);
    assert_int_equal(words[EXC_STATE_WORD], offset[FIELD_thread_state_exc_state]);
    words[EXC_STATE_WORD] += 16;
    put_words(image, words, sizeof words / sizeof *words);
    assert_null(find(image, 0x030f02f0, true, &layout));
    assert_int_equal(LAYOUT(&layout, thread_state, datastack_chunk), offset[FIELD_thread_state_datastack_chunk] + 16);
    assert_int_equal(LAYOUT(&layout, thread_state, datastack_top), offset[FIELD_thread_state_datastack_top] + 16);
    assert_int_equal(LAYOUT(&layout, thread_state, datastack_limit), offset[FIELD_thread_state_datastack_limit] + 16);
    assert_int_equal(LAYOUT(&layout, thread_state, attach_state), offset[FIELD_thread_state_attach_state]);
    assert_int_equal(LAYOUT(&layout, thread_state, exc_info), offset[FIELD_thread_state_exc_info]);
    assert_int_equal(LAYOUT(&layout, code, flags), offset[FIELD_code_flags]);
    assert_int_equal(image->target.problems.count, 1);
    assert_non_null(strstr(image->target.problems.texts[0], "It is read by its debug offsets"));
    free_image(image);
}

/* Whoever reads a thread state of the size that it says must find every field in it. */
static void test_fields_never_lie_behind_the_end(void **state)
{
    (void)state;
    uint64_t words[sizeof python_3_15_2 / sizeof *python_3_15_2];
    struct image *image = image_of(0x030f02f0, false, false);
    struct layout layout;
    memcpy(words, python_3_15_2, sizeof words);
    words[THREAD_SIZE_WORD] = words[CHUNK_WORD] + 8;
    words[EXC_STATE_WORD] = 200;
    put_words(image, words, sizeof words / sizeof *words);
    assert_null(find(image, 0x030f02f0, true, &layout));
    assert_int_equal(layout.source, SPPROF_LAYOUT_BUILT_IN);
    assert_memory_equal(layout.offset, image->offset, sizeof layout.offset);
    assert_int_equal(image->target.problems.count, 1);
    assert_non_null(strstr(image->target.problems.texts[0], "contradict what is known of its version"));
    free_image(image);
}

/* A version behind the newest that is known: it is read by what it says of itself, with a warning. */
static void test_newer_version(void **state)
{
    (void)state;
    bool newer;
    const uint32_t newest = layout_rules_find(0x03ff, false, &newer)->minor, version = (newest + 1) << 16 | 0xa3;
    uint64_t words[sizeof python_3_15_2 / sizeof *python_3_15_2];
    struct image *image = image_of(0x030f02f0, false, false);
    struct layout layout;
    memcpy(words, python_3_15_2, sizeof words);
    words[VERSION_WORD] = version;
    put(image, HEXVERSION, FIELD_integer_digits, version, 4);
    WORD(INTERPRETER, interpreter, runtime, 0); /* moved to nobody knows where */
    put_words(image, words, sizeof words / sizeof *words);
    assert_null(find(image, version, true, &layout));
    assert_int_equal(layout.version, version);
    assert_int_equal(layout.rules->minor, newest);
    assert_int_equal(image->target.problems.count, 1);
    assert_non_null(strstr(image->target.problems.texts[0], "newer than this spprof"));
    free_image(image);
}

/* Debug offsets that make no sense are told, and the table stands in for them. */
static void test_senseless_debug_offsets(void **state)
{
    (void)state;
    uint64_t words[sizeof python_3_15_2 / sizeof *python_3_15_2];
    struct image *image = image_of(0x030f02f0, false, false);
    struct layout layout;
    memcpy(words, python_3_15_2, sizeof words);
    words[THREAD_SIZE_WORD] = UINT64_MAX;
    put_words(image, words, sizeof words / sizeof *words);
    assert_null(find(image, 0x030f02f0, true, &layout));
    assert_int_equal(layout.source, SPPROF_LAYOUT_BUILT_IN);
    assert_int_equal(image->target.problems.count, 1);
    assert_non_null(strstr(image->target.problems.texts[0], "make no sense"));
    free_image(image);
}

/* Debug offsets that are sane but wrong do not pass the probes: what is known of the version does. */
static void test_wrong_debug_offsets(void **state)
{
    (void)state;
    uint64_t words[sizeof python_3_15_2 / sizeof *python_3_15_2];
    struct image *image = image_of(0x030f02f0, false, false);
    struct layout layout;
    memcpy(words, python_3_15_2, sizeof words);
    words[CURRENT_FRAME_WORD] = 24; /* something else */
    WORD(THREAD, thread_state, prev, 0);
    memcpy(image->bytes + THREAD + 24, "garbage!", 8);
    put_words(image, words, sizeof words / sizeof *words);
    assert_null(find(image, 0x030f02f0, true, &layout));
    assert_int_equal(layout.source, SPPROF_LAYOUT_BUILT_IN);
    assert_memory_equal(layout.offset, image->offset, sizeof layout.offset);
    assert_int_equal(image->target.problems.count, 1);
    assert_non_null(strstr(image->target.problems.texts[0], "thread_state.current_frame at 24, not 72"));
    free_image(image);
}

/* Every word of the debug offsets, set to garbage: the layout is the true one, or what is wrong is said. */
static void test_every_word_that_lies(void **state)
{
    (void)state;
    static const uint64_t garbage[] = {0, 1, 8, 24, 64, 1008, 4096, 0xffff8, 0xffff0, 0x100000, UINT64_C(0x4141414141414141), UINT64_MAX};
    enum { WORDS = sizeof python_3_15_2 / sizeof *python_3_15_2, KINDS = sizeof garbage / sizeof *garbage };
    size_t wrong = 0;
    for (size_t word = 0; word < WORDS; word++) {
        for (size_t kind = 0; kind < KINDS + 4; kind++) {
            uint64_t words[WORDS];
            struct image *image = image_of(0x030f02f0, false, false);
            struct layout layout;
            memcpy(words, python_3_15_2, sizeof words);
            words[word] = kind < KINDS ? garbage[kind] : words[word] + (uint64_t[]){8, 16, (uint64_t)-8, 4}[kind - KINDS];
            put_words(image, words, WORDS);
            struct runtime runtime = {.address = BASE + RUNTIME, .version = 0x030f02f0};
            runtime.has_debug_offsets = words[0] == COOKIE && words[1] >> 24 == 3;
            struct spprof_error *error = layout_find(&image->target, &runtime, &layout);
            if (error != NULL)
                fail_msg("word %zu as 0x%llx: %s", word, (unsigned long long)words[word], error->message);
            bool same = memcmp(layout.offset, image->offset, sizeof layout.offset) == 0;
            if (!same && image->target.problems.count == 0)
                fail_msg("word %zu as 0x%llx is believed", word, (unsigned long long)words[word]);
            wrong += !same;
            free_image(image);
        }
    }
    assert_in_range(wrong, 0, WORDS); /* one in sixteen: they look like those of a build with changes of its own, and are told */
}

/* An interpreter with a word more than 3.12 has: what this test's own debug information says. */
typedef struct _is {
    char filler[80];
    struct {
        void *head;
    } threads;
} PyInterpreterState;
static __attribute__((used)) PyInterpreterState patched;

static struct spprof_error *open_self(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    (void)target;
    (void)module;
    *fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? NULL : spprof_error_new(SPPROF_ERROR_NOT_FOUND, "no /proc");
}

static void test_patched_build_is_found_by_its_debug_information(void **state)
{
    (void)state;
    static const struct spprof_target_ops ops = {.read_many = image_read_many, .open_module = open_self};
    static char path[] = "/opt/patched/python";
    struct spprof_module module = {.path = path};
    int32_t offset[LAYOUT_FIELD_COUNT];
    struct dwarf_offsets dwarf;
    struct layout layout;
    bool newer;
    table_offsets(0x030c01f0, false, offset);
    uint32_t there = (uint32_t)offset[FIELD_interpreter_threads_head];
    offset[FIELD_interpreter_threads_head] = offsetof(PyInterpreterState, threads.head);
    struct image *image = new_image(offset, layout_rules_find(0x030c, false, &newer), 0x030c01f0, false);
    memcpy(image->bytes + INTERPRETER + there, "garbage!", 8);
    struct runtime runtime = {.address = BASE + RUNTIME, .version = 0x030c01f0, .module = &module};

    /* Without debug information the error says what is wrong. */
    struct spprof_error *error = layout_find(&image->target, &runtime, &layout);
    assert_non_null(error);
    assert_int_equal(error->kind, SPPROF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error->message, path));
    spprof_error_free(error);

    image->target.ops = &ops;
    error = layout_dwarf_offsets_read(&image->target, &module, NULL, &dwarf);
    layout_dwarf_offsets_free(&dwarf);
    if (error != NULL) { /* built without */
        spprof_error_free(error);
        free_image(image);
        skip();
    }
    assert_null(layout_find(&image->target, &runtime, &layout));
    assert_int_equal(layout.source, SPPROF_LAYOUT_DWARF);
    assert_int_equal(layout.field_source[FIELD_interpreter_threads_head], SPPROF_LAYOUT_DWARF);
    assert_int_equal(layout.field_source[FIELD_thread_state_next], SPPROF_LAYOUT_BUILT_IN);
    assert_memory_equal(layout.offset, offset, sizeof offset);
    assert_int_equal(image->target.problems.count, 1);
    assert_non_null(strstr(image->target.problems.texts[0], "contradicts what is known of its version in 1 of the fields"));
    free_image(image);
}

static size_t count_findings(const struct spprof_diagnosis *diagnosis, int kind, const char *subject, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < diagnosis->count; i++) {
        const struct spprof_finding *finding = &diagnosis->findings[i];
        count += (int)finding->kind == kind && strcmp(finding->subject, subject) == 0 && strstr(finding->text, text) != NULL;
    }
    return count;
}

static void test_diagnosis_compares_the_sources(void **state)
{
    (void)state;
    uint64_t words[sizeof python_3_15_2 / sizeof *python_3_15_2];
    struct image *image = image_of(0x030f02f0, false, false);
    struct runtime runtime = {.address = BASE + RUNTIME, .version = 0x030f02f0, .has_debug_offsets = true};
    struct layout layout;
    struct spprof_diagnosis diagnosis = {0};
    memcpy(words, python_3_15_2, sizeof words);
    words[CHUNK_WORD] = 800;
    put_words(image, words, sizeof words / sizeof *words);
    assert_null(layout_find(&image->target, &runtime, &layout));
    layout_diagnose(&image->target, &runtime, &layout, &diagnosis);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_FACT, "debug offsets", "Python 3.15.2"), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_PASSED, "built-in table", "all as"), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_FAILED, "debug offsets", "thread_state.datastack_chunk is 800"), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_FAILED, "debug offsets", ""), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_MISSING, "debug information", ""), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_PASSED, "sys.hexversion", "0x030f02f0"), 1);
    spprof_diagnosis_free(&diagnosis);

    /* Also where no layout was found. */
    WORD(THREAD, thread_state, interp, 0);
    WORD(SECOND_THREAD, thread_state, interp, 0);
    layout_diagnose(&image->target, &runtime, NULL, &diagnosis);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_FAILED, "threads", "PyThreadState.interp"), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_PASSED, "code objects", ""), 1);
    spprof_diagnosis_free(&diagnosis);
    free_image(image);
}

/* A target whose bytes are random, and one with a few bytes damaged: an answer or an error, no fault. */
static void test_damaged_targets(void **state)
{
    (void)state;
    srand(3);
    for (int round = 0; round < 1500; round++) {
        static const uint32_t versions[] = {0x030912f0, 0x030b07f0, 0x030c01f0, 0x030e03f0, 0x030f02f0};
        uint32_t version = versions[round % 5];
        struct image *image = image_of(version, false, round % 2);
        if (version == 0x030f02f0)
            put_words(image, python_3_15_2, sizeof python_3_15_2 / sizeof *python_3_15_2);
        for (int damage = round % 7 == 0 ? SIZE : 200; damage > 0; damage--)
            image->bytes[rand() % SIZE] = (uint8_t)rand();
        for (int damage = 40; damage > 0; damage--)
            image->bytes[KEYS + rand() % 0x100] = (uint8_t)rand();
        struct layout layout;
        spprof_error_free(find(image, round % 3 == 0 ? 0 : version, version == 0x030f02f0, &layout));
        free_image(image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version_is_found_by_its_table),
        cmocka_unit_test(test_debug_offsets_are_preferred),
        cmocka_unit_test(test_moved_fields_follow_their_neighbours),
        cmocka_unit_test(test_fields_never_lie_behind_the_end),
        cmocka_unit_test(test_newer_version),
        cmocka_unit_test(test_senseless_debug_offsets),
        cmocka_unit_test(test_wrong_debug_offsets),
        cmocka_unit_test(test_every_word_that_lies),
        cmocka_unit_test(test_patched_build_is_found_by_its_debug_information),
        cmocka_unit_test(test_diagnosis_compares_the_sources),
        cmocka_unit_test(test_damaged_targets),
    };
    (void)patched;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
