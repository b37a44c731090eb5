/*
 * A target made by hand, which holds the least that a Python has: a runtime, an interpreter, two threads, a frame that runs a code
 * object, and the dictionary of sys.
 */
#ifndef SPPROF_TESTS_MADE_RUNTIME_H
#define SPPROF_TESTS_MADE_RUNTIME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layout/built_in.h"
#include "layout/layout.h"

#define COOKIE UINT64_C(0x7970677562656478) /* "xdebugpy" */

static const uint64_t python_3_15_2[] = {
    COOKIE, 0x030f02f0, 0,   346568, 912, 936,  226240, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584, 16,   7736, 0,   7752, 7744, 7944, 0,   888,
    0,      8,          16,  72,     80,  88,   96,     176,  184,  256,  32,   36,   40,   136,  288,  0,    88,   8,   0,    56,   80,   74,  64,
    0,      216,        112, 120,    128, 136,  68,     52,   96,   104,  208,  0,    16,   8,    424,  24,   88,   168, 32,   288,  944,  888, 40,
    32,     16,         40,  24,     16,  200,  24,     40,   32,   48,   32,   40,   24,   16,   32,   16,   24,   40,  16,   32,   64,   32,  16,
    40,     56,         176, 112,    120, 1120, 104,    160,  24,   72,   67,   0,    8,    24,   344,  8028, 0,    4,   512,
};

/* Where things stand in the target. */
enum {
    SIZE = 0x20000,
    RUNTIME = 0x1000,
    INTERPRETER = 0x4000,
    THREAD = 0x8000,
    SECOND_THREAD = 0x9000,
    ROOT_CFRAME = 0x200, /* in a thread */
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

static inline void image_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
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

static inline void put(struct image *image, uint32_t at, enum layout_field field, uint64_t value, size_t size)
{
    if (image->offset[field] != LAYOUT_ABSENT)
        memcpy(image->bytes + at + image->offset[field], &value, size);
}

#define POINTER(at, group, name, value) put(image, (at), FIELD_##group##_##name, (value) != 0 ? BASE + (value) : 0, 8)
#define WORD(at, group, name, value) put(image, (at), FIELD_##group##_##name, (value), 8)

static inline void put_string(struct image *image, uint32_t at, const char *text)
{
    const struct layout_rules *rules = image->rules;
    WORD(at, unicode, length, strlen(text));
    put(image, at, FIELD_unicode_state, 1u << rules->unicode_kind_shift | 1u << rules->unicode_compact_shift | 1u << rules->unicode_ascii_shift, 4);
    memcpy(image->bytes + at + image->offset[FIELD_unicode_ascii_size], text, strlen(text) + 1);
}

static inline void put_threads(struct image *image)
{
    POINTER(INTERPRETER, interpreter, threads_head, THREAD);
    POINTER(THREAD, thread_state, interp, INTERPRETER);
    POINTER(THREAD, thread_state, next, SECOND_THREAD);
    POINTER(SECOND_THREAD, thread_state, prev, THREAD);
    POINTER(SECOND_THREAD, thread_state, interp, INTERPRETER);
}

static inline void put_frames(struct image *image)
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
    POINTER(CFRAME, cframe, previous, THREAD + ROOT_CFRAME);
    POINTER(SECOND_THREAD, thread_state, cframe, SECOND_THREAD + ROOT_CFRAME);
    put(image, SHIM, FIELD_frame_owner, shim, 1);
    POINTER(SHIM, frame, previous, FRAME);
    WORD(FRAME, frame, executable, (BASE + CODE) | (image->rules->reference_tag_mask & 1));
}

static inline void put_code(struct image *image)
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

static inline void put_sys(struct image *image, uint32_t version, bool debug)
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

static inline struct image *new_image(const int32_t *offset, const struct layout_rules *rules, uint32_t version, bool debug)
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

static inline void free_image(struct image *image)
{
    spprof_problems_free(&image->target.problems);
    test_free(image);
}

static const struct built_in *table_offsets(uint32_t version, bool free_threaded, int32_t offset[LAYOUT_FIELD_COUNT])
{
    bool exact;
    const struct built_in *table = layout_built_in_find(version, free_threaded, &exact);
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++)
        offset[field] = layout_built_in_offset(table, field);
    return table;
}

static inline struct image *image_of(uint32_t version, bool free_threaded, bool debug)
{
    static int32_t offset[LAYOUT_FIELD_COUNT];
    bool newer;
    table_offsets(version, free_threaded, offset);
    return new_image(offset, layout_rules_find(version >> 16, free_threaded, &newer), version, debug);
}

static inline struct spprof_error *find(struct image *image, uint32_t version, bool has_debug_offsets, struct layout *layout)
{
    struct runtime runtime = {.address = BASE + RUNTIME, .version = version, .has_debug_offsets = has_debug_offsets};
    return layout_find(&image->target, &runtime, layout);
}

static inline void assert_refused(struct image *image, uint32_t version, enum spprof_error_kind kind, const char *word)
{
    struct layout layout;
    struct spprof_error *error = find(image, version, false, &layout);
    assert_non_null(error);
    if (error->kind != kind || strstr(error->message, word) == NULL)
        fail_msg("error of kind %d: %s", error->kind, error->message);
    spprof_error_free(error);
}

static inline void put_words(struct image *image, const uint64_t *words, size_t count)
{
    memcpy(image->bytes + RUNTIME, words, count * sizeof *words);
    /* interpreters.head stands behind the words in a runtime; here it may be below what was just written. */
    POINTER(RUNTIME, runtime, interpreters_head, INTERPRETER);
}

#endif
