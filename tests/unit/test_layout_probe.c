/* What is looked at before a layout is believed, and what is said where it does not fit. */
#include "made_runtime.h"

#include "layout/probe.h"

static void test_too_old(void **state)
{
    (void)state;
    struct image *image = image_of(0x030912f0, false, false);
    assert_refused(image, 0x030812f0, SPPROF_ERROR_UNSUPPORTED, "too old");
    free_image(image);
}

static void test_runtime_without_interpreter(void **state)
{
    (void)state;
    struct image *image = image_of(0x030c01f0, false, false);
    POINTER(RUNTIME, runtime, interpreters_head, 0);
    assert_refused(image, 0x030c01f0, SPPROF_ERROR_NOT_PYTHON, "no interpreter");
    free_image(image);
}

static void test_unreadable_runtime(void **state)
{
    (void)state;
    struct image *image = image_of(0x030c01f0, false, false);
    image->missing_at = RUNTIME;
    image->missing_size = 0x100;
    image->missing = SPPROF_READ_NOT_IN_CORE;
    assert_refused(image, 0x030c01f0, SPPROF_ERROR_UNREADABLE, "interpreters.head");
    free_image(image);
}

struct wrong {
    uint32_t at;
    enum layout_field field;
    uint64_t value;
};

static void make_wrong(struct image *image, const struct wrong *wrong)
{
    bool byte = wrong->field == FIELD_frame_owner || wrong->field == FIELD_dict_keys_log2_index_bytes;
    put(image, wrong->at, wrong->field, wrong->value, byte ? 1 : wrong->field == FIELD_integer_digits ? 4 : 8);
}

/* Each thing that a probe looks at, made wrong: the others prove the layout. */
static void test_one_damaged_object_refuses_nothing(void **state)
{
    (void)state;
    static const struct wrong wrong[] = {
        {INTERPRETER, FIELD_interpreter_runtime, 0},
        {RUNTIME, FIELD_runtime_interpreters_head, 0x666},
        {THREAD, FIELD_thread_state_interp, 0},
        {THREAD, FIELD_thread_state_prev, BASE},
        {SECOND_THREAD, FIELD_thread_state_prev, BASE},
        {THREAD, FIELD_thread_state_cframe, 0x666},
        {FRAME, FIELD_frame_executable, BASE + CODE + 8},
        {FRAME, FIELD_frame_owner, 7},
        {CODE, FIELD_object_type, BASE + TYPE},
        {CODE_TYPE, FIELD_object_type, BASE + CODE},
        {CODE_TYPE, FIELD_type_name, BASE + STRINGS},
        {CODE_TYPE, FIELD_type_basicsize, 184},
        {CODE_TYPE, FIELD_type_itemsize, 0},
        {SYS, FIELD_dict_used, 1 << 20},
        {KEYS, FIELD_dict_keys_nentries, UINT64_MAX},
        {KEYS, FIELD_dict_keys_log2_index_bytes, 0x3f},
        {HEXVERSION, FIELD_integer_tag, 2 << 3},
        {HEXVERSION, FIELD_integer_digits, 0x030b01f0},
        {HEXVERSION, FIELD_integer_digits, 0x030c02f0},
        {HEXVERSION, FIELD_integer_digits, 3},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct image *image = image_of(0x030c01f0, false, true);
        struct layout layout;
        make_wrong(image, &wrong[i]);
        struct spprof_error *error = find(image, 0x030c01f0, false, &layout);
        if (error != NULL)
            fail_msg("%s.%s: %s", layout_field_group(wrong[i].field), layout_field_name(wrong[i].field), error->message);
        assert_int_equal(layout.version, 0x030c01f0);
        assert_memory_equal(layout.offset, image->offset, sizeof layout.offset);
        free_image(image);
    }
}

/* A stack that is not as expected, where no other is, is told: it may be the layout that is wrong. */
static void test_doubt_is_told(void **state)
{
    (void)state;
    struct image *image = image_of(0x030c01f0, false, false);
    struct layout layout;
    WORD(FRAME, frame, executable, BASE + CODE + 8);
    assert_null(find(image, 0x030c01f0, false, &layout));
    assert_int_equal(image->target.problems.count, 1);
    assert_non_null(strstr(image->target.problems.texts[0], "no stack of this Python is as expected"));
    free_image(image);
}

/* The thread whose newest frame was overwritten is the newest one: the next one proves the layout, and nothing is in doubt. */
static void test_another_thread_proves(void **state)
{
    (void)state;
    static const uint32_t versions[] = {0x030912f0, 0x030a00f0, 0x030b07f0, 0x030c01f0, 0x030d00f0, 0x030e03f0, 0x030f02f0};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct image *image = image_of(versions[i], false, false);
        struct layout layout;
        POINTER(SECOND_THREAD, thread_state, current_frame, FRAME);
        if (LAYOUT(image, thread_state, cframe) != LAYOUT_ABSENT) {
            POINTER(SECOND_THREAD, thread_state, cframe, CFRAME);
            POINTER(CFRAME, cframe, previous, SECOND_THREAD + ROOT_CFRAME);
        }
        WORD(THREAD, thread_state, current_frame, UINT64_C(0x4141414141414141));
        WORD(THREAD, thread_state, cframe, UINT64_C(0x4141414141414141));
        assert_null(find(image, versions[i], false, &layout));
        assert_int_equal(image->target.problems.count, versions[i] >= 0x030d0000); /* that the debug offsets are not there */
        free_image(image);
    }
}

/* Python clears sys when it ends, and says that it does. */
static void test_ending(void **state)
{
    (void)state;
    static const uint32_t versions[] = {0x030912f0, 0x030b07f0, 0x030e03f0, 0x030f02f0};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct image *image = image_of(versions[i], false, false);
        struct layout layout;
        struct probes probes;
        assert_null(find(image, versions[i], false, &layout));
        assert_false(layout_is_finalizing(&image->target, BASE + RUNTIME, &layout));
        POINTER(RUNTIME, runtime, finalizing, THREAD);
        put(image, HEXVERSION, FIELD_integer_tag, 0, 8);
        put(image, HEXVERSION, FIELD_variable_object_ob_size, 0, 8);
        assert_null(find(image, versions[i], false, &layout));
        assert_int_equal(layout.version, versions[i]);
        assert_true(layout_is_finalizing(&image->target, BASE + RUNTIME, &layout));
        layout_probes_make(&image->target, BASE + RUNTIME, &layout, &probes);
        assert_int_equal(probes.results[PROBE_SYS].outcome, PROBE_NOT_MADE);
        free_image(image);
    }
}

/* Another layout than the one that is expected: most objects refute it. */
static void test_probes_refuse(void **state)
{
    (void)state;
    static const struct wrong all[] = {
        {INTERPRETER, FIELD_interpreter_runtime, 0},      {THREAD, FIELD_thread_state_interp, 0}, {SECOND_THREAD, FIELD_thread_state_interp, 0},
        {FRAME, FIELD_frame_executable, BASE + CODE + 8}, {HEXVERSION, FIELD_integer_digits, 3},
    };
    struct image *image = image_of(0x030c01f0, false, false);
    assert_refused(image, 0x030b07f0, SPPROF_ERROR_UNSUPPORTED, "not laid out in memory as expected");
    free_image(image);
    image = image_of(0x030c01f0, false, false);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        make_wrong(image, &all[i]);
    assert_refused(image, 0x030c01f0, SPPROF_ERROR_UNSUPPORTED, "\"interpreters\"");
    free_image(image);
    /* Where the version is not known either, nothing stands for the layout but what the probes find. */
    image = image_of(0x030a00f0, false, false);
    make_wrong(image, &all[3]);
    WORD(FRAME, frame_object, code, BASE + CODE + 8);
    make_wrong(image, &all[4]);
    assert_refused(image, 0x030a0000, SPPROF_ERROR_UNSUPPORTED, "\"code objects\"");
    free_image(image);
}

/* What a core lacks is no proof against the layout. */
static void test_missing_pages_are_no_failure(void **state)
{
    (void)state;
    static const uint32_t missing[] = {CODE_NAME, CODE_TYPE, CODE, FRAME, CFRAME, THREAD, SYS, KEYS, STRINGS, HEXVERSION, ABIFLAGS};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        struct image *image = image_of(0x030c01f0, false, false);
        struct layout layout;
        image->missing_at = missing[i];
        image->missing_size = 0x80;
        image->missing = SPPROF_READ_NOT_IN_CORE;
        assert_null(find(image, 0x030c01f0, false, &layout));
        assert_int_equal(layout.version, 0x030c01f0);
        free_image(image);
    }
}

static void test_not_started_threads_and_frames(void **state)
{
    (void)state;
    struct image *image = image_of(0x030e03f0, false, false);
    struct layout layout;
    POINTER(THREAD, thread_state, current_frame, 0);
    assert_null(find(image, 0x030e03f0, false, &layout));
    POINTER(INTERPRETER, interpreter, threads_head, 0);
    POINTER(INTERPRETER, interpreter, sysdict, 0);
    assert_null(find(image, 0x030e03f0, false, &layout));
    free_image(image);
}

/* 3.14: a popped frame has lost its code object; the frame that called it is looked at instead. */
static void test_cleared_frame_is_passed_over(void **state)
{
    (void)state;
    struct image *image = image_of(0x030e03f0, false, false);
    struct layout layout;
    struct probes probes;
    put(image, SHIM, FIELD_frame_owner, 0, 1);
    WORD(SHIM, frame, executable, 1);
    assert_null(find(image, 0x030e03f0, false, &layout));
    layout_probes_make(&image->target, BASE + RUNTIME, &layout, &probes);
    assert_int_equal(probes.results[PROBE_CODE].outcome, PROBE_PASSED);
    free_image(image);
}

/* 3.11 and 3.12: while the interpreter is entered its C frame names whatever was on the C stack; that is no proof against the layout. */
static void test_entering_the_interpreter(void **state)
{
    (void)state;
    static const uint32_t versions[] = {0x030b02f0, 0x030c01f0};
    for (size_t i = 0; i < 2; i++) {
        struct image *image = image_of(versions[i], false, false);
        struct layout layout;
        struct probes probes;
        const uint32_t entered = CFRAME - 0x80;
        POINTER(THREAD, thread_state, cframe, entered);
        POINTER(entered, cframe, current_frame, STRINGS);
        POINTER(entered, cframe, previous, CFRAME);
        assert_null(find(image, versions[i], false, &layout));
        layout_probes_make(&image->target, BASE + RUNTIME, &layout, &probes);
        assert_int_equal(probes.results[PROBE_CODE].outcome, PROBE_PASSED);
        POINTER(entered, cframe, previous, STRINGS - 0x8000); /* below it: garbage as well */
        assert_null(find(image, versions[i], false, &layout));
        layout_probes_make(&image->target, BASE + RUNTIME, &layout, &probes);
        assert_int_equal(probes.results[PROBE_CODE].outcome, PROBE_NOT_MADE);
        free_image(image);
    }
}

static struct spprof_error *never_stop(struct spprof_target *target)
{
    (void)target;
    return spprof_error_new(SPPROF_ERROR_UNREADABLE, "nobody stops for a probe");
}

static void test_changing_memory_is_read_again(void **state)
{
    (void)state;
    static const struct spprof_target_ops running = {.read_many = image_read_many, .stop = never_stop};
    struct image *image = image_of(0x030c01f0, false, false);
    struct layout layout;
    image->target.ops = &running;
    image->refused = 2;
    assert_null(find(image, 0x030c01f0, false, &layout));
    image->target.ops = &image_ops;
    image->refused = 1000;
    assert_refused(image, 0x030c01f0, SPPROF_ERROR_UNSUPPORTED, "interpreters.head");
    free_image(image);
}

/* Frames, threads and interpreters that lead in circles end. */
static void test_circles_end(void **state)
{
    (void)state;
    struct image *image = image_of(0x030d00f0, false, false);
    struct layout layout;
    POINTER(SHIM, frame, previous, SHIM);
    POINTER(SECOND_THREAD, thread_state, next, SECOND_THREAD);
    POINTER(SECOND_THREAD, thread_state, current_frame, SHIM);
    assert_null(find(image, 0x030d00f0, false, &layout));
    POINTER(INTERPRETER, interpreter, threads_head, 0);
    POINTER(INTERPRETER, interpreter, next, INTERPRETER);
    assert_null(find(image, 0x030d00f0, false, &layout));
    free_image(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_runtime_without_interpreter),
        cmocka_unit_test(test_unreadable_runtime),
        cmocka_unit_test(test_one_damaged_object_refuses_nothing),
        cmocka_unit_test(test_doubt_is_told),
        cmocka_unit_test(test_another_thread_proves),
        cmocka_unit_test(test_ending),
        cmocka_unit_test(test_probes_refuse),
        cmocka_unit_test(test_missing_pages_are_no_failure),
        cmocka_unit_test(test_not_started_threads_and_frames),
        cmocka_unit_test(test_cleared_frame_is_passed_over),
        cmocka_unit_test(test_entering_the_interpreter),
        cmocka_unit_test(test_changing_memory_is_read_again),
        cmocka_unit_test(test_circles_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
