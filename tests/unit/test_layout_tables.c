/* The built-in tables, and the rules of each version. */
#include "made_runtime.h"

#include "layout/bounds.h"

/* Some of what is known of each version, from its headers by another way than generate.py's (DWARF of a compiled tag). */
static void test_tables_are_as_known(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        bool free_threaded;
        int head, next, threads, frame, native, code, name, line_table, bytecode, ascii, compact, items, sys;
    } known[] = {
        {0x030912f0, false, 32, 0, 8, 24, -1, -1, 112, 120, -1, 48, 72, 24, 872},
        {0x030a0df0, false, 32, 0, 8, 24, -1, -1, 112, 120, -1, 48, 72, 24, 872},
        {0x030b07f0, false, 40, 0, 16, -1, 160, 32, 120, 136, 184, 48, 72, 24, 904},
        {0x030c01f0, false, 40, 0, 72, -1, 144, 0, 120, 136, 192, 40, 56, 24, 352},
        {0x030d00f0, false, 632, 7264, 7344, 72, 160, 0, 120, 136, 200, 40, 56, 24, 7640},
        {0x030d0ff0, true, 632, 7264, 7344, 72, 160, 0, 136, 152, 216, 56, 72, 40, 7648},
        {0x030e04f0, false, 808, 7272, 7344, 72, 160, 0, 120, 136, 208, 40, 56, 32, 7648},
        {0x030e05f0, false, 808, 7272, 7344, 72, 160, 0, 120, 136, 208, 40, 56, 32, 7672},
        {0x030e07f0, true, 808, 7272, 7344, 72, 160, 0, 136, 152, 232, 56, 72, 48, 7696},
        {0x030f00c1, false, 936, 7264, 7336, 72, 184, 0, 120, 136, 208, 40, 56, 32, 7576},
        {0x030f00c1, true, 936, 7264, 7336, 72, 184, 0, 136, 152, 232, 56, 72, 48, 7576},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct layout layout;
        table_offsets(known[i].version, known[i].free_threaded, layout.offset);
        assert_int_equal(LAYOUT(&layout, runtime, interpreters_head), known[i].head);
        assert_int_equal(LAYOUT(&layout, interpreter, next), known[i].next);
        assert_int_equal(LAYOUT(&layout, interpreter, threads_head), known[i].threads);
        assert_int_equal(LAYOUT(&layout, thread_state, current_frame), known[i].frame);
        assert_int_equal(LAYOUT(&layout, thread_state, native_thread_id), known[i].native);
        assert_int_equal(LAYOUT(&layout, frame, executable), known[i].code);
        assert_int_equal(LAYOUT(&layout, code, name), known[i].name);
        assert_int_equal(LAYOUT(&layout, code, linetable), known[i].line_table);
        assert_int_equal(LAYOUT(&layout, code, bytecode), known[i].bytecode);
        assert_int_equal(LAYOUT(&layout, unicode, ascii_size), known[i].ascii);
        assert_int_equal(LAYOUT(&layout, unicode, compact_size), known[i].compact);
        assert_int_equal(LAYOUT(&layout, tuple, items), known[i].items);
        assert_int_equal(LAYOUT(&layout, interpreter, sysdict), known[i].sys);
    }
}

/* What holds in every table, and with the rules of its version. */
static void test_tables_and_rules_agree(void **state)
{
    (void)state;
    size_t count;
    const struct built_in *tables = layout_built_in_tables(&count);
    for (size_t i = 0; i < count; i++) {
        bool newer;
        struct layout layout;
        const struct layout_rules *rules = layout_rules_find(tables[i].since >> 16, tables[i].free_threaded, &newer);
        assert_ptr_equal(table_offsets(tables[i].since, tables[i].free_threaded, layout.offset), &tables[i]);
        assert_ptr_equal(table_offsets(tables[i].until, tables[i].free_threaded, layout.offset), &tables[i]);
        assert_non_null(rules);
        assert_false(newer);
        int head = rules->object_header_words * 8;
        assert_int_equal(LAYOUT(&layout, object, size), head);
        assert_int_equal(LAYOUT(&layout, object, type), head - 8);
        assert_int_equal(LAYOUT(&layout, variable_object, ob_size), head);
        assert_int_equal(LAYOUT(&layout, unicode, length), head);
        assert_int_equal(LAYOUT(&layout, thread_state, prev), 0);
        assert_int_equal(LAYOUT(&layout, thread_state, next), 8);
        assert_int_equal(LAYOUT(&layout, thread_state, interp), 16);
        assert_int_equal(LAYOUT(&layout, thread_state, cframe) != LAYOUT_ABSENT && LAYOUT(&layout, cframe, current_frame) != LAYOUT_ABSENT,
                         rules->has_cframe);
        assert_int_equal(LAYOUT(&layout, frame, owner) != LAYOUT_ABSENT, rules->frames == FRAME_INTERPRETER);
        assert_int_equal(LAYOUT(&layout, frame_object, lasti) != LAYOUT_ABSENT, rules->frames == FRAME_OBJECTS);
        assert_int_equal(LAYOUT(&layout, frame_object, frame) != LAYOUT_ABSENT, rules->frames == FRAME_INTERPRETER);
        assert_int_equal(LAYOUT(&layout, generator, frame_state) != LAYOUT_ABSENT, rules->frames == FRAME_INTERPRETER);
        assert_int_equal(LAYOUT(&layout, code, localsplusnames) != LAYOUT_ABSENT, rules->frames == FRAME_INTERPRETER);
        assert_int_equal(LAYOUT(&layout, runtime, gil) != LAYOUT_ABSENT, rules->gil == GIL_IN_RUNTIME);
        assert_int_equal(LAYOUT(&layout, interpreter, gil) != LAYOUT_ABSENT, rules->gil == GIL_BEHIND_INTERPRETER);
        assert_int_equal(LAYOUT(&layout, dict_keys, lookup) != LAYOUT_ABSENT, rules->dict_keys == DICT_KEYS_LOOKUP);
        assert_int_equal(LAYOUT(&layout, dict_keys, kind) != LAYOUT_ABSENT, rules->dict_keys == DICT_KEYS_LOG2);
        assert_int_equal(LAYOUT(&layout, frame, tlbc_index) != LAYOUT_ABSENT, rules->has_thread_local_bytecode);
        assert_int_equal(LAYOUT(&layout, code, tlbc) != LAYOUT_ABSENT, rules->has_thread_local_bytecode);
        assert_int_equal(LAYOUT(&layout, code, qualname) != LAYOUT_ABSENT, rules->has_qualified_names);
        assert_int_equal(LAYOUT(&layout, unicode, wide) != LAYOUT_ABSENT, rules->legacy_strings);
        assert_int_equal(LAYOUT(&layout, gil, enabled) != LAYOUT_ABSENT, rules->free_threaded);
    }
}

static void test_groups_stand_together(void **state)
{
    (void)state;
    for (enum layout_field field = 1; field < LAYOUT_FIELD_COUNT; field++) {
        const char *group = layout_field_group(field);
        bool begins = strcmp(layout_field_group(field - 1), group) != 0;
        for (enum layout_field before = 0; before < field; before++) {
            bool same = strcmp(layout_field_group(before), group) == 0;
            if ((begins && same) || (same && strcmp(layout_field_name(before), layout_field_name(field)) == 0))
                fail_msg("%s.%s stands apart or twice in fields.def", group, layout_field_name(field));
        }
    }
}

static void test_nearest_table(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        bool free_threaded;
        uint32_t since; /* 0: there is none */
        bool exact;
    } cases[] = {
        {0x030912f0, false, 0x030900f0, true}, {0x030d0cf0, false, 0x030d00f0, true},
        {0x030d0df0, false, 0x030d0df0, true}, {0x030e00a1, false, 0x030e00f0, false},
        {0x030e0af0, false, 0x030e05f0, true}, {0x030e0af0, true, 0x030e04f0, true},
        {0x030f00a1, true, 0x030f00b1, false}, {0x030f00b3, false, 0x030f00b1, true},
        {0x030f02f0, true, 0x030f00b4, true},  {0x031000a0, false, 0x031000a0, true},
        {0x0310ffff, true, 0x031000a0, true},  {0x0308ffff, false, 0, false},
        {0x030c00f0, true, 0, false},          {0, false, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool exact;
        const struct built_in *table = layout_built_in_find(cases[i].version, cases[i].free_threaded, &exact);
        assert_int_equal(table != NULL ? table->since : 0, cases[i].since);
        assert_int_equal(exact, cases[i].exact);
        if (table != NULL)
            assert_int_equal(table->free_threaded, cases[i].free_threaded);
    }
}

static void test_newest_table(void **state)
{
    (void)state;
    size_t count;
    const struct built_in *tables = layout_built_in_tables(&count);
    for (int free_threaded = 0; free_threaded < 2; free_threaded++) {
        bool exact;
        const struct built_in *found = layout_built_in_find(0x03ffffff, free_threaded > 0, &exact);
        assert_false(exact);
        for (size_t i = 0; i < count; i++)
            assert_true(tables[i].free_threaded != found->free_threaded || tables[i].since <= found->since);
    }
}

static void test_rules(void **state)
{
    (void)state;
    bool newer;
    size_t count;
    const uint32_t newest = layout_built_in_tables(&count)[count - 1].since >> 16;
    assert_null(layout_rules_find(0x0308, false, &newer));
    assert_null(layout_rules_find(0x030c, true, &newer));
    assert_int_equal(layout_rules_find(newest + 1, false, &newer)->minor, newest);
    assert_true(newer);
    for (uint32_t minor = 0x0309; minor <= newest; minor++) {
        const struct layout_rules *rules = layout_rules_find(minor, false, &newer);
        assert_int_equal(rules->minor, minor);
        assert_false(newer);
        assert_int_equal(rules->owners[5], FRAME_OWNER_INVALID);
    }
    assert_int_equal(layout_rules_find(0x030e, false, &newer)->owners[4], FRAME_OWNER_INTERPRETER);
    assert_int_equal(layout_rules_find(0x030f, false, &newer)->owners[4], FRAME_OWNER_INVALID);
    assert_int_equal(layout_rules_find(0x030b, false, &newer)->owners[3], FRAME_OWNER_INVALID);
    assert_int_equal(layout_rules_find(0x030d, true, &newer)->unicode_kind_shift, 2);
    assert_int_equal(layout_rules_find(0x030e, true, &newer)->unicode_kind_shift, 8);
}

static void test_runtime_shapes(void **state)
{
    (void)state;
    struct runtime_shape shapes[8];
    assert_int_equal(layout_runtime_shapes(shapes, 8), 4);
    assert_int_equal(shapes[0].version, 0x03090000);
    assert_int_equal(shapes[0].interpreters_main, 40);
    assert_int_equal(shapes[0].interpreter_runtime, 16);
    assert_int_equal(shapes[3].version, 0x030c0000);
    assert_int_equal(shapes[3].interpreters_main, 48);
    assert_int_equal(shapes[3].interpreter_runtime, 96);
    assert_int_equal(layout_runtime_shapes(shapes, 2), 2);
}

/* The bounds of fields.def hold of every table, and of no table of which one field is garbage. */
static void test_bounds(void **state)
{
    (void)state;
    static const int32_t garbage[] = {-2, -8, INT32_MIN, 1 << 15, 1 << 20, 0xffff8, INT32_MAX};
    size_t count;
    const struct built_in *tables = layout_built_in_tables(&count);
    for (size_t i = 0; i < count; i++) {
        int32_t offset[LAYOUT_FIELD_COUNT];
        char text[256] = "";
        layout_built_in_copy(&tables[i], offset);
        if (!layout_bounds_hold(offset, text, sizeof text))
            fail_msg("table %zu: %s", i, text);
        for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
            int32_t right = offset[field];
            for (size_t kind = 0; right != LAYOUT_ABSENT && kind < sizeof garbage / sizeof *garbage; kind++) {
                offset[field] = garbage[kind];
                if (layout_bounds_hold(offset, text, sizeof text))
                    fail_msg("table %zu: %s.%s at %d", i, layout_field_group(field), layout_field_name(field), offset[field]);
            }
            offset[field] = right;
        }
    }
}

/* A field on another one of its structure, behind its end, or in the array that ends it. */
static void test_fields_stand_apart(void **state)
{
    (void)state;
    int32_t offset[LAYOUT_FIELD_COUNT];
    char text[256];
    table_offsets(0x030f02f0, false, offset);
    static const struct {
        enum layout_field field, other;
        int32_t distance;
        bool right;
    } cases[] = {
        {FIELD_frame_previous, FIELD_frame_executable, 4, false},
        {FIELD_frame_owner, FIELD_frame_localsplus, 0, false},
        {FIELD_frame_owner, FIELD_frame_localsplus, -1, true},
        {FIELD_frame_owner, FIELD_frame_instruction, 7, false},
        {FIELD_thread_state_exc_state, FIELD_thread_state_size, -4, false},
        {FIELD_unicode_state, FIELD_unicode_ascii_size, -2, false},
        {FIELD_frame_localsplus, FIELD_frame_size, 8, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t right = offset[cases[i].field];
        offset[cases[i].field] = offset[cases[i].other] + cases[i].distance;
        assert_int_equal(layout_bounds_hold(offset, text, sizeof text), cases[i].right);
        offset[cases[i].field] = right;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_fields_stand_apart),
        cmocka_unit_test(test_tables_are_as_known),
        cmocka_unit_test(test_tables_and_rules_agree),
        cmocka_unit_test(test_groups_stand_together),
        cmocka_unit_test(test_nearest_table),
        cmocka_unit_test(test_newest_table),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_runtime_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
