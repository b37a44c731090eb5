/*
 * A program's memory made by a test: one arena, with objects and structs placed in it as the layout of a version says, behind an image
 * target that counts what is read. cmocka's headers come with it.
 */
#ifndef TESTS_UNIT_MEMORY_H
#define TESTS_UNIT_MEMORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "layout/built_in.h"
#include "layout/layout.h"
#include "object/reader.h"
#include "spprof/image.h"
#include "target/read_cache.h"
#include "versions.h"

#define ARENA UINT64_C(0x7f0000000000)
#define NOWHERE UINT64_C(0x00dead000000) /* an address where nothing is */

enum { ARENA_SIZE = 1 << 28, RANGES_MAX = 32, PAGE_SIZE = 4096 };

struct memory {
    struct spprof_image image;
    struct spprof_image_range ranges[RANGES_MAX]; /* of the arena, holes among them */
    uint8_t *bytes;                               /* of the arena */
    size_t used;
    struct spprof_target *target;
    struct layout layout;
    struct reader reader;
    size_t batches, ranges_read, bytes_read; /* since the last forget_reads */
    size_t largest_range;
    uint64_t type_type, str_type, bytes_type, code_type, int_type, dict_type; /* made when first used */
};

static inline void count_reads(void *context, const struct spprof_range *ranges, size_t count)
{
    struct memory *memory = context;
    memory->batches++;
    memory->ranges_read += count;
    for (size_t i = 0; i < count; i++) {
        memory->bytes_read += ranges[i].size;
        if (ranges[i].size > memory->largest_range)
            memory->largest_range = ranges[i].size;
    }
}

static inline void forget_reads(struct memory *memory)
{
    memory->batches = memory->ranges_read = memory->bytes_read = memory->largest_range = 0;
}

static inline struct layout layout_of(const struct version *version)
{
    bool exact, newer;
    const struct built_in *table = layout_built_in_find(version->hex, version->free_threaded, &exact);
    struct layout layout = {
        .version = version->hex,
        .free_threaded = version->free_threaded,
        .rules = layout_rules_find(version->hex >> 16, version->free_threaded, &newer),
    };
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++)
        layout.offset[field] = layout_built_in_offset(table, field);
    return layout;
}

/* A test's setup: *state is the version it runs for, and becomes the memory. */
static inline int memory_setup(void **state)
{
    const struct version *version = *state;
    struct memory *memory = calloc(1, sizeof *memory);
    assert_non_null(memory);
    void *arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(arena != MAP_FAILED);
    memory->bytes = arena;
    memory->used = 64;
    memory->layout = layout_of(version);
    memory->ranges[0] = (struct spprof_image_range){.address = ARENA, .size = ARENA_SIZE, .bytes = arena};
    memory->image = (struct spprof_image){
        .kind = SPPROF_TARGET_CORE,
        .architecture = SPPROF_X86_64,
        .ranges = memory->ranges,
        .range_count = 1,
        .before_read = count_reads,
        .context = memory,
    };
    assert_null(spprof_image_open(&memory->image, &memory->target));
    memory->reader.layout = &memory->layout;
    assert_null(target_read_cache_new(memory->target, &memory->reader.cache));
    *state = memory;
    return 0;
}

static inline int memory_teardown(void **state)
{
    struct memory *memory = *state;
    target_read_cache_free(memory->reader.cache);
    spprof_target_close(memory->target);
    munmap(memory->bytes, ARENA_SIZE);
    free(memory);
    return 0;
}

/* One test for one version, and for all that have a thing. */
/* clang-format off */
#define VERSION_TEST(test, index, label)                                                                                                   \
    {#test " " label, test, memory_setup, memory_teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */
#define ANY_VERSION(test) VERSION_TEST(test, 3, "3.12")
#define FRAME_OBJECT_VERSIONS(test) VERSIONS_BEFORE_3_11(VERSION_TEST, test)
#define FREE_THREADED_VERSIONS(test) VERSIONS_FREE_THREADED(VERSION_TEST, test)
#define INTERPRETER_FRAME_VERSIONS(test) VERSIONS_SINCE_3_11(VERSION_TEST, test)
#define EACH_VERSION(test) VERSIONS_EACH(VERSION_TEST, test)

/* What ends READY or FAILED: makes the step again until its memory is there. */
#define SETTLE(memory, status, step)                                                                                                                 \
    do                                                                                                                                               \
        (status) = (step);                                                                                                                           \
    while ((status) == READ_CACHE_PENDING && target_read_cache_fetch((memory)->reader.cache))

/* size bytes of zeros at an address that is divisible by 16. */
static inline uint64_t place(struct memory *memory, size_t size)
{
    uint64_t address = ARENA + memory->used;
    memory->used += (size + 15) & ~(size_t)15;
    assert_true(memory->used <= ARENA_SIZE);
    return address;
}

/* The same far from everything else, so that no range read for a neighbour covers it. */
static inline uint64_t place_apart(struct memory *memory, size_t size)
{
    memory->used = (memory->used + 2 * PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
    return place(memory, size);
}

static inline uint8_t *at(struct memory *memory, uint64_t address)
{
    assert_true(address >= ARENA && address - ARENA < ARENA_SIZE);
    return memory->bytes + (address - ARENA);
}

static inline void put_bytes(struct memory *memory, uint64_t address, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(at(memory, address), bytes, size);
}

static inline void put_u64(struct memory *memory, uint64_t address, uint64_t value)
{
    put_bytes(memory, address, &value, sizeof value);
}

static inline void put_u32(struct memory *memory, uint64_t address, uint32_t value)
{
    put_bytes(memory, address, &value, sizeof value);
}

static inline void put_u8(struct memory *memory, uint64_t address, uint8_t value)
{
    put_bytes(memory, address, &value, sizeof value);
}

/* Address of a field of the struct at address: FIELD_AT(memory, frame, code, name). */
#define FIELD_AT(memory, address, group, name) ((address) + (uint64_t)LAYOUT(&(memory)->layout, group, name))

/* Takes [address, address + size) out of the memory: reads of it end with status. What is left of the range around it comes behind. */
static inline struct spprof_image_range *make_hole(struct memory *memory, uint64_t address, size_t size, enum spprof_read_status status)
{
    struct spprof_image_range *around = memory->ranges, *hole = &memory->ranges[memory->image.range_count];
    while (address < around->address || address - around->address >= around->size || around->bytes == NULL)
        around++;
    assert_true(around < hole && memory->image.range_count + 2 <= RANGES_MAX);
    size_t before = (size_t)(address - around->address), behind = around->size - before - size;
    hole[0] = (struct spprof_image_range){.address = address, .size = size, .status = status};
    hole[1] = (struct spprof_image_range){.address = address + size, .size = behind, .bytes = at(memory, address) + size};
    around->size = before;
    memory->image.range_count += 2;
    return hole;
}

/* All of the arena from address on. */
static inline void end_memory_at(struct memory *memory, uint64_t address)
{
    make_hole(memory, address, ARENA + ARENA_SIZE - address, SPPROF_READ_UNMAPPED);
}

static inline uint64_t make_type(struct memory *memory, const char *name, uint64_t flags, uint64_t basicsize)
{
    enum { HEAP_TYPE_SIZE = 1024 };
    uint64_t type = place(memory, HEAP_TYPE_SIZE), text = place(memory, strlen(name) + 1);
    put_bytes(memory, text, name, strlen(name) + 1);
    if (memory->type_type == 0)
        memory->type_type = type;
    put_u64(memory, FIELD_AT(memory, type, object, type), memory->type_type);
    put_u64(memory, FIELD_AT(memory, type, type, name), text);
    put_u64(memory, FIELD_AT(memory, type, type, flags), flags);
    put_u64(memory, FIELD_AT(memory, type, type, basicsize), basicsize);
    return type;
}

static inline uint64_t make_object(struct memory *memory, uint64_t type, size_t size)
{
    uint64_t object = place(memory, size);
    put_u64(memory, FIELD_AT(memory, object, object, type), type);
    return object;
}

static inline uint64_t type_of_str(struct memory *memory)
{
    if (memory->str_type == 0)
        memory->str_type = make_type(memory, "str", TYPE_FLAG_UNICODE, 64);
    return memory->str_type;
}

struct str {
    unsigned kind; /* bytes a character: 1, 2 or 4; 0: not ready (legacy) */
    bool compact, ascii;
    uint64_t length;
    const void *characters;
    size_t size; /* of the characters in bytes */
};

static inline uint32_t str_state(const struct memory *memory, const struct str *str)
{
    const struct layout_rules *rules = memory->layout.rules;
    return (uint32_t)str->kind << rules->unicode_kind_shift | (uint32_t)str->compact << rules->unicode_compact_shift |
           (uint32_t)str->ascii << rules->unicode_ascii_shift;
}

/* A compact str: the characters follow the head. */
static inline uint64_t make_str(struct memory *memory, const struct str *str)
{
    int32_t head = str->ascii ? LAYOUT(&memory->layout, unicode, ascii_size) : LAYOUT(&memory->layout, unicode, compact_size);
    uint64_t object = make_object(memory, type_of_str(memory), (size_t)head + str->size + 4);
    put_u64(memory, FIELD_AT(memory, object, unicode, length), str->length);
    put_u32(memory, FIELD_AT(memory, object, unicode, state), str_state(memory, str));
    put_bytes(memory, object + (uint64_t)head, str->characters, str->size);
    return object;
}

static inline uint64_t make_ascii(struct memory *memory, const char *text)
{
    size_t length = strlen(text);
    return make_str(memory, &(struct str){.kind = 1, .compact = true, .ascii = true, .length = length, .characters = text, .size = length});
}

static inline uint64_t make_bytes(struct memory *memory, const void *bytes, size_t size)
{
    if (memory->bytes_type == 0)
        memory->bytes_type = make_type(memory, "bytes", TYPE_FLAG_BYTES, 33);
    size_t head = (size_t)LAYOUT(&memory->layout, bytes, data);
    uint64_t object = make_object(memory, memory->bytes_type, head + size + 1);
    put_u64(memory, FIELD_AT(memory, object, bytes, size), size);
    put_bytes(memory, object + head, bytes, size);
    return object;
}

static inline uint64_t make_zeros(struct memory *memory, size_t size)
{
    return make_bytes(memory, at(memory, place(memory, size)), size);
}

/* A small int that is not negative. */
static inline uint64_t make_int(struct memory *memory, uint64_t value)
{
    if (memory->int_type == 0)
        memory->int_type = make_type(memory, "int", TYPE_FLAG_LONG, 24);
    uint64_t object = make_object(memory, memory->int_type, 64), digits = 0;
    for (; value != 0; value >>= 30, digits++)
        put_u32(memory, FIELD_AT(memory, object, integer, digits) + digits * 4, value & 0x3fffffff);
    if (LAYOUT(&memory->layout, integer, tag) == LAYOUT_ABSENT)
        put_u64(memory, FIELD_AT(memory, object, variable_object, ob_size), digits);
    else
        put_u64(memory, FIELD_AT(memory, object, integer, tag), digits << 3 | (digits == 0));
    return object;
}

struct code {
    const char *name;
    int32_t first_line;
    const void *line_table;
    size_t line_table_size;
    uint64_t units; /* of the bytecode */
};

static inline uint64_t type_of_code(struct memory *memory)
{
    int32_t bytecode = LAYOUT(&memory->layout, code, bytecode);
    uint64_t basicsize = (uint64_t)(bytecode != LAYOUT_ABSENT ? bytecode : LAYOUT(&memory->layout, code, size));
    if (memory->code_type == 0)
        memory->code_type = make_type(memory, "code", 0, basicsize);
    return memory->code_type;
}

/* A code object of the file "/app/NAME.py"; its qualified name is "Class.NAME". */
static inline uint64_t make_code(struct memory *memory, const struct code *code)
{
    char text[256];
    const struct layout *layout = &memory->layout;
    uint64_t object = make_object(memory, type_of_code(memory), 512 + (size_t)code->units * 2);
    put_u64(memory, FIELD_AT(memory, object, code, name), make_ascii(memory, code->name));
    snprintf(text, sizeof text, "/app/%s.py", code->name);
    put_u64(memory, FIELD_AT(memory, object, code, filename), make_ascii(memory, text));
    put_u32(memory, FIELD_AT(memory, object, code, firstlineno), (uint32_t)code->first_line);
    put_u64(memory, FIELD_AT(memory, object, code, linetable), make_bytes(memory, code->line_table, code->line_table_size));
    if (layout->rules->has_qualified_names) {
        snprintf(text, sizeof text, "Class.%s", code->name);
        put_u64(memory, FIELD_AT(memory, object, code, qualname), make_ascii(memory, text));
    }
    if (LAYOUT(layout, code, bytecode) != LAYOUT_ABSENT)
        put_u64(memory, FIELD_AT(memory, object, variable_object, ob_size), code->units);
    else
        put_u64(memory, FIELD_AT(memory, object, code, bytecode_object), make_zeros(memory, code->units * 2));
    return object;
}

#endif
