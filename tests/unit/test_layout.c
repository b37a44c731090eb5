/*
 * Rules, tables, and how a layout is found: on targets made by hand, which hold the least that a Python has: a runtime, an interpreter,
 * two threads, a frame that runs a code object, and the dictionary of sys.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layout/built_in.h"
#include "layout/diagnosis.h"
#include "layout/dwarf.h"
#include "layout/layout.h"
#include "layout/probe.h"

#define COOKIE UINT64_C(0x7970677562656478) /* "xdebugpy" */

static const uint64_t python_3_15_2[] = {
    COOKIE, 0x030f02f0, 0, 346568, 912, 936, 226240, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584, 16, 7736, 0, 7752, 7744, 7944, 0,
    888, 0, 8, 16, 72, 80, 88, 96, 176, 184, 256, 32, 36, 40, 136, 288, 0, 88, 8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128, 136, 68, 52,
    96, 104, 208, 0, 16, 8, 424, 24, 88, 168, 32, 288, 944, 888, 40, 32, 16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16, 32, 16,
    24, 40, 16, 32, 64, 32, 16, 40, 56, 176, 112, 120, 1120, 104, 160, 24, 72, 67, 0, 8, 24, 344, 8028, 0, 4, 512,
};

/* Where things stand in the target. */
enum {
    SIZE = 0x20000,
    RUNTIME = 0x1000,
    INTERPRETER = 0x4000,
    THREAD = 0x8000,
    SECOND_THREAD = 0x9000,
    CFRAME = 0xa000,
    SHIM = 0xa100,
    FRAME = 0xa200,
    CODE = 0xb000,
    CODE_TYPE = 0xb400,
    TYPE = 0xb800,
    CODE_NAME = 0xc000,
    SYS = 0xd000,
    KEYS = 0xd100,
    STRINGS = 0xe000,
    HEXVERSION = 0xf000,
    ABIFLAGS = 0xf100,
};
#define BASE UINT64_C(0x7f0000000000)

struct image {
    struct spprof_target target;
    uint8_t bytes[SIZE];
    uint32_t missing_at, missing_size; /* cannot be read */
    enum spprof_read_status missing;
    int refused; /* so many reads fail first, as while a thread is changing things */
    const int32_t *offset;
    const struct layout_rules *rules;
};

static void image_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    struct image *image = (struct image *)((char *)target - offsetof(struct image, target));
    for (size_t i = 0; i < count; i++) {
        uint64_t at = ranges[i].address - BASE;
        bool inside = ranges[i].address >= BASE && at < SIZE && ranges[i].size <= SIZE - at;
        bool missing = at < image->missing_at + image->missing_size && at + ranges[i].size > image->missing_at;
        ranges[i].status = !inside || image->refused > 0 ? SPPROF_READ_UNMAPPED : missing ? image->missing : SPPROF_READ_OK;
        if (ranges[i].status == SPPROF_READ_OK)
            memcpy(ranges[i].buffer, image->bytes + at, ranges[i].size);
    }
    image->refused -= image->refused > 0;
}

static const struct spprof_target_ops image_ops = {.read_many = image_read_many};

static void put(struct image *image, uint32_t at, enum layout_field field, uint64_t value, size_t size)
{
    if (image->offset[field] != LAYOUT_ABSENT)
        memcpy(image->bytes + at + image->offset[field], &value, size);
}

#define POINTER(at, group, name, value) put(image, (at), FIELD_##group##_##name, (value) != 0 ? BASE + (value) : 0, 8)
#define WORD(at, group, name, value) put(image, (at), FIELD_##group##_##name, (value), 8)

static void put_string(struct image *image, uint32_t at, const char *text)
{
    const struct layout_rules *rules = image->rules;
    WORD(at, unicode, length, strlen(text));
    put(image, at, FIELD_unicode_state,
        1u << rules->unicode_kind_shift | 1u << rules->unicode_compact_shift | 1u << rules->unicode_ascii_shift, 4);
    memcpy(image->bytes + at + image->offset[FIELD_unicode_ascii_size], text, strlen(text) + 1);
}

static void put_threads(struct image *image)
{
    POINTER(INTERPRETER, interpreter, threads_head, THREAD);
    POINTER(THREAD, thread_state, interp, INTERPRETER);
    POINTER(THREAD, thread_state, next, SECOND_THREAD);
    POINTER(SECOND_THREAD, thread_state, prev, THREAD);
    POINTER(SECOND_THREAD, thread_state, interp, INTERPRETER);
}

static void put_frames(struct image *image)
{
    if (image->rules->frames == FRAME_OBJECTS) {
        POINTER(THREAD, thread_state, current_frame, FRAME);
        POINTER(FRAME, frame_object, code, CODE);
        return;
    }
    /* The newest frame is the interpreter's own, where the version has such. */
    uint8_t shim = 3;
    bool has_shim = image->rules->owners[shim] == FRAME_OWNER_INTERPRETER;
    POINTER(THREAD, thread_state, current_frame, has_shim ? SHIM : FRAME);
    POINTER(THREAD, thread_state, cframe, CFRAME);
    POINTER(CFRAME, cframe, current_frame, has_shim ? SHIM : FRAME);
    put(image, SHIM, FIELD_frame_owner, shim, 1);
    POINTER(SHIM, frame, previous, FRAME);
    WORD(FRAME, frame, executable, (BASE + CODE) | (image->rules->reference_tag_mask & 1));
}

static void put_code(struct image *image)
{
    bool fixed = image->rules->frames == FRAME_OBJECTS;
    POINTER(CODE, object, type, CODE_TYPE);
    POINTER(CODE_TYPE, object, type, TYPE);
    POINTER(TYPE, object, type, TYPE);
    POINTER(CODE_TYPE, type, name, CODE_NAME);
    WORD(CODE_TYPE, type, basicsize, (uint64_t)image->offset[fixed ? FIELD_code_size : FIELD_code_bytecode]);
    WORD(CODE_TYPE, type, itemsize, fixed ? 0 : 2);
    memcpy(image->bytes + CODE_NAME, "code", 5);
}

static void put_sys(struct image *image, uint32_t version, bool debug)
{
    static const char *const names[] = {"path", "hexversion", "abiflags", "modules", "gettotalrefcount"};
    static const uint32_t values[] = {STRINGS, HEXVERSION, ABIFLAGS, STRINGS, STRINGS};
    bool log2 = image->rules->dict_keys == DICT_KEYS_LOG2;
    uint32_t count = debug ? 5 : 4, entry_size = log2 ? 16 : 24, indices = 32;
    POINTER(INTERPRETER, interpreter, sysdict, SYS);
    POINTER(SYS, dict, keys, KEYS);
    WORD(SYS, dict, used, count);
    WORD(KEYS, dict_keys, size, 32);
    put(image, KEYS, FIELD_dict_keys_log2_index_bytes, 5, 1);
    put(image, KEYS, FIELD_dict_keys_kind, 1, 1);
    WORD(KEYS, dict_keys, nentries, count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry[3] = {0x1234, BASE + STRINGS + i * 0x100, BASE + values[i]};
        uint8_t *to = image->bytes + KEYS + image->offset[FIELD_dict_keys_indices] + indices + i * entry_size;
        memcpy(to, log2 ? entry + 1 : entry, entry_size);
        put_string(image, STRINGS + i * 0x100, names[i]);
    }
    WORD(HEXVERSION, integer, tag, 1 << 3);
    if (image->offset[FIELD_integer_tag] == LAYOUT_ABSENT)
        WORD(HEXVERSION, variable_object, ob_size, 1);
    put(image, HEXVERSION, FIELD_integer_digits, version, 4);
    put_string(image, ABIFLAGS, image->rules->free_threaded ? debug ? "td" : "t" : debug ? "d" : "");
}

static struct image *new_image(const int32_t *offset, const struct layout_rules *rules, uint32_t version, bool debug)
{
    struct image *image = test_calloc(1, sizeof *image);
    image->target = (struct spprof_target){.ops = &image_ops, .kind = SPPROF_TARGET_CORE, .pointer_size = 8, .long_size = 8};
    image->offset = offset;
    image->rules = rules;
    POINTER(RUNTIME, runtime, interpreters_head, INTERPRETER);
    POINTER(RUNTIME, runtime, interpreters_main, INTERPRETER);
    POINTER(INTERPRETER, interpreter, runtime, RUNTIME);
    put_threads(image);
    put_frames(image);
    put_code(image);
    put_sys(image, version, debug);
    return image;
}

static void free_image(struct image *image)
{
    spprof_problems_free(&image->target.problems);
    test_free(image);
}

static const struct built_in *table_offsets(uint32_t version, bool free_threaded, int32_t offset[LAYOUT_FIELD_COUNT])
{
    bool exact;
    const struct built_in *table = built_in_find(version, free_threaded, &exact);
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++)
        offset[field] = built_in_offset(table, field);
    return table;
}

static struct image *image_of(uint32_t version, bool free_threaded, bool debug)
{
    static int32_t offset[LAYOUT_FIELD_COUNT];
    bool newer;
    table_offsets(version, free_threaded, offset);
    return new_image(offset, layout_rules_find(version >> 16, free_threaded, &newer), version, debug);
}

static struct spprof_error *find(struct image *image, uint32_t version, bool has_debug_offsets, struct layout *layout)
{
    struct runtime runtime = {.address = BASE + RUNTIME, .version = version, .has_debug_offsets = has_debug_offsets};
    return layout_find(&image->target, &runtime, layout);
}

static void assert_refused(struct image *image, uint32_t version, enum spprof_error_kind kind, const char *word)
{
    struct layout layout;
    struct spprof_error *error = find(image, version, false, &layout);
    assert_non_null(error);
    if (error->kind != kind || strstr(error->message, word) == NULL)
        fail_msg("error of kind %d: %s", error->kind, error->message);
    spprof_error_free(error);
}

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
    const struct built_in *tables = built_in_tables(&count);
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
        {0x030912f0, false, 0x030900f0, true},  {0x030d0cf0, false, 0x030d00f0, true},  {0x030d0df0, false, 0x030d0df0, true},
        {0x030e00a1, false, 0x030e00f0, false}, {0x030e0af0, false, 0x030e05f0, true},  {0x030e0af0, true, 0x030e04f0, true},
        {0x030f00a1, true, 0x030f00b1, false},  {0x030f00b3, false, 0x030f00b1, true},  {0x030f02f0, true, 0x030f00b4, true},
        {0x031000a1, false, 0x030f00b4, false}, {0x0310ffff, true, 0x030f00b4, false},  {0x03ffffff, false, 0x030f00b4, false},
        {0x0308ffff, false, 0, false},          {0x030c00f0, true, 0, false},           {0, false, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool exact;
        const struct built_in *table = built_in_find(cases[i].version, cases[i].free_threaded, &exact);
        assert_int_equal(table != NULL ? table->since : 0, cases[i].since);
        assert_int_equal(exact, cases[i].exact);
        if (table != NULL)
            assert_int_equal(table->free_threaded, cases[i].free_threaded);
    }
}

static void test_rules(void **state)
{
    (void)state;
    bool newer;
    assert_null(layout_rules_find(0x0308, false, &newer));
    assert_null(layout_rules_find(0x030c, true, &newer));
    assert_int_equal(layout_rules_find(0x0310, false, &newer)->minor, 0x030f);
    assert_true(newer);
    for (uint32_t minor = 0x0309; minor <= 0x030f; minor++) {
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

/* Every version from what is known of it: exactly, by its minor version, not at all. */
static void test_every_version_is_found_by_its_table(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        bool free_threaded, debug;
    } cases[] = {
        {0x030912f0, false, false}, {0x030a00f0, false, false}, {0x030b07f0, false, true}, {0x030c01f0, false, false},
        {0x030d00f0, false, true},  {0x030d0df0, false, false}, {0x030d05f0, true, true},  {0x030e03f0, false, false},
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
            assert_int_equal(image->target.problems.count, 0);
            free_image(image);
        }
    }
}

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

/* Each thing that a probe looks at, made wrong. */
static void test_probes_refuse(void **state)
{
    (void)state;
    static const struct {
        uint32_t at;
        enum layout_field field;
        uint64_t value;
        const char *said;
    } wrong[] = {
        {INTERPRETER, FIELD_interpreter_runtime, 0, "\"interpreters\""},
        {RUNTIME, FIELD_runtime_interpreters_head, 0x666, "\"interpreters\""},
        {THREAD, FIELD_thread_state_interp, 0, "\"threads\""},
        {THREAD, FIELD_thread_state_prev, BASE, "\"threads\""},
        {SECOND_THREAD, FIELD_thread_state_prev, 0, "\"threads\""},
        {THREAD, FIELD_thread_state_cframe, 0x666, "\"code objects\""},
        {FRAME, FIELD_frame_executable, BASE + CODE + 8, "\"code objects\""},
        {FRAME, FIELD_frame_owner, 7, "\"code objects\""},
        {CODE, FIELD_object_type, BASE + TYPE, "\"code objects\""},
        {CODE_TYPE, FIELD_object_type, BASE + CODE, "\"code objects\""},
        {CODE_TYPE, FIELD_type_name, BASE + STRINGS, "\"code objects\""},
        {CODE_TYPE, FIELD_type_basicsize, 184, "\"code objects\""},
        {CODE_TYPE, FIELD_type_itemsize, 0, "\"code objects\""},
        {SYS, FIELD_dict_used, 1 << 20, "\"sys.hexversion\""},
        {KEYS, FIELD_dict_keys_nentries, UINT64_MAX, "\"sys.hexversion\""},
        {KEYS, FIELD_dict_keys_log2_index_bytes, 0x3f, "\"sys.hexversion\""},
        {HEXVERSION, FIELD_integer_tag, 2 << 3, "\"sys.hexversion\""},
        {HEXVERSION, FIELD_integer_digits, 0x030b01f0, "\"sys.hexversion\""},
        {HEXVERSION, FIELD_integer_digits, 0x030c02f0, "\"sys.hexversion\""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct image *image = image_of(0x030c01f0, false, false);
        bool byte = wrong[i].field == FIELD_frame_owner || wrong[i].field == FIELD_dict_keys_log2_index_bytes;
        put(image, wrong[i].at, wrong[i].field, wrong[i].value, byte ? 1 : wrong[i].field == FIELD_integer_digits ? 4 : 8);
        assert_refused(image, 0x030c01f0, SPPROF_ERROR_UNSUPPORTED, wrong[i].said);
        free_image(image);
    }
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
    probes_make(&image->target, BASE + RUNTIME, &layout, &probes);
    assert_int_equal(probes.results[PROBE_CODE].outcome, PROBE_PASSED);
    free_image(image);
}

static void test_changing_memory_is_read_again(void **state)
{
    (void)state;
    struct image *image = image_of(0x030c01f0, false, false);
    struct layout layout;
    image->target.kind = SPPROF_TARGET_PROCESS;
    image->refused = 2;
    assert_null(find(image, 0x030c01f0, false, &layout));
    image->target.kind = SPPROF_TARGET_CORE;
    image->refused = 1;
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

static void put_words(struct image *image, const uint64_t *words, size_t count)
{
    memcpy(image->bytes + RUNTIME, words, count * sizeof *words);
    /* interpreters.head stands behind the words in a runtime; here it may be below what was just written. */
    POINTER(RUNTIME, runtime, interpreters_head, INTERPRETER);
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
    assert_null(find(image, 0x030f02f0, true, &layout));
    assert_int_equal(LAYOUT(&layout, thread_state, datastack_chunk), offset[FIELD_thread_state_datastack_chunk] + 16);
    assert_int_equal(LAYOUT(&layout, thread_state, datastack_top), offset[FIELD_thread_state_datastack_top] + 16);
    assert_int_equal(LAYOUT(&layout, thread_state, datastack_limit), offset[FIELD_thread_state_datastack_limit] + 16);
    assert_int_equal(LAYOUT(&layout, thread_state, attach_state), offset[FIELD_thread_state_attach_state]);
    assert_int_equal(LAYOUT(&layout, thread_state, exc_info), offset[FIELD_thread_state_exc_info]);
    assert_int_equal(LAYOUT(&layout, code, flags), offset[FIELD_code_flags]);
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
    assert_non_null(strstr(image->target.problems.texts[0], "contradict"));
    free_image(image);
}

/* 3.16 does not exist yet: it is read by what it says of itself, with a warning. */
static void test_newer_version(void **state)
{
    (void)state;
    uint64_t words[sizeof python_3_15_2 / sizeof *python_3_15_2];
    struct image *image = image_of(0x030f02f0, false, false);
    struct layout layout;
    memcpy(words, python_3_15_2, sizeof words);
    words[VERSION_WORD] = 0x031000a3;
    put(image, HEXVERSION, FIELD_integer_digits, 0x031000a3, 4);
    WORD(INTERPRETER, interpreter, runtime, 0); /* moved to nobody knows where */
    put_words(image, words, sizeof words / sizeof *words);
    assert_null(find(image, 0x031000a3, true, &layout));
    assert_int_equal(layout.version, 0x031000a3);
    assert_int_equal(layout.rules->minor, 0x030f);
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

/* Debug offsets that are sane but wrong do not pass the probes. */
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
    struct spprof_error *error = find(image, 0x030f02f0, true, &layout);
    assert_non_null(error);
    assert_int_equal(error->kind, SPPROF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error->message, "code objects"));
    spprof_error_free(error);
    free_image(image);
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
    error = dwarf_offsets_read(&image->target, &module, NULL, &dwarf);
    dwarf_offsets_free(&dwarf);
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
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_PASSED, "debug offsets", "all as"), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_FAILED, "built-in table", "thread_state.datastack_chunk is 256"), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_FAILED, "built-in table", ""), 3);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_MISSING, "debug information", ""), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_PASSED, "sys.hexversion", "0x030f02f0"), 1);
    spprof_diagnosis_free(&diagnosis);

    /* Also where no layout was found. */
    WORD(THREAD, thread_state, interp, 0);
    layout_diagnose(&image->target, &runtime, NULL, &diagnosis);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_CHECK_FAILED, "threads", "PyThreadState.interp"), 1);
    assert_int_equal(count_findings(&diagnosis, SPPROF_FINDING_MISSING, "code objects", ""), 1);
    spprof_diagnosis_free(&diagnosis);
    free_image(image);
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
        cmocka_unit_test(test_tables_are_as_known),
        cmocka_unit_test(test_tables_and_rules_agree),
        cmocka_unit_test(test_groups_stand_together),
        cmocka_unit_test(test_nearest_table),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_every_version_is_found_by_its_table),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_runtime_without_interpreter),
        cmocka_unit_test(test_unreadable_runtime),
        cmocka_unit_test(test_probes_refuse),
        cmocka_unit_test(test_missing_pages_are_no_failure),
        cmocka_unit_test(test_not_started_threads_and_frames),
        cmocka_unit_test(test_cleared_frame_is_passed_over),
        cmocka_unit_test(test_changing_memory_is_read_again),
        cmocka_unit_test(test_circles_end),
        cmocka_unit_test(test_debug_offsets_are_preferred),
        cmocka_unit_test(test_moved_fields_follow_their_neighbours),
        cmocka_unit_test(test_fields_never_lie_behind_the_end),
        cmocka_unit_test(test_newer_version),
        cmocka_unit_test(test_senseless_debug_offsets),
        cmocka_unit_test(test_wrong_debug_offsets),
        cmocka_unit_test(test_patched_build_is_found_by_its_debug_information),
        cmocka_unit_test(test_diagnosis_compares_the_sources),
        cmocka_unit_test(test_runtime_shapes),
        cmocka_unit_test(test_damaged_targets),
    };
    (void)patched;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
