/* What tells which C frame runs a Python frame: shims, the _PyCFrame of 3.11, the CFrame of 3.10; generators that run nowhere. */
#include "memory.h"
#include "frames/entries.h"

enum { FRAMES = 8, ROOM = 512, OWNER_THREAD = 0, OWNER_SHIM = 3 };

struct program {
    struct memory *memory;
    uint64_t thread, code, c_stack;
    struct code_table *codes;
    struct stack stack;
    bool walked;
};

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct program *program = calloc(1, sizeof *program);
    program->memory = *state;
    program->thread = place_apart(program->memory, 4096);
    program->code = make_code(program->memory, &(struct code){.name = "f", .first_line = 1, .units = 4});
    program->c_stack = place_apart(program->memory, FRAMES * ROOM);
    assert_null(frames_code_table_new(&program->codes));
    *state = program;
    return 0;
}

static int teardown(void **state)
{
    struct program *program = *state;
    if (program->walked)
        frames_stack_free(&program->stack);
    frames_code_table_free(program->codes);
    *state = program->memory;
    free(program);
    return memory_teardown(state);
}

/* clang-format off */
#define ENTRY_TEST(test, index, label) {#test " " label, test, setup, teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */

static void walk(struct program *program)
{
    struct memory *memory = program->memory;
    if (program->walked)
        frames_stack_free(&program->stack);
    target_read_cache_clear(memory->reader.cache);
    frames_stack_init(&program->stack, program->thread);
    program->walked = true;
    do {
        frames_stack_step(&program->stack, &memory->reader, program->codes);
        frames_code_table_step(program->codes, &memory->reader);
    } while (target_read_cache_fetch(memory->reader.cache));
    do
        frames_entries_step(&program->stack, &memory->reader);
    while (target_read_cache_fetch(memory->reader.cache));
    assert_int_equal(program->stack.entries.progress, ENTRIES_SETTLED);
}

static void assert_entries(struct program *program, const uint64_t *entries, size_t count)
{
    walk(program);
    assert_int_equal(program->stack.frame_count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(program->stack.frames[i].entry, entries[i]);
}

static uint64_t on_c_stack(const struct program *program, size_t index)
{
    return program->c_stack + index * ROOM;
}

/* A _PyInterpreterFrame. */
static uint64_t put_frame(struct program *program, uint64_t address, uint64_t previous, uint8_t owner)
{
    struct memory *memory = program->memory;
    put_u64(memory, FIELD_AT(memory, address, frame, previous), previous);
    put_u64(memory, FIELD_AT(memory, address, frame, executable), owner == OWNER_SHIM ? 0 : program->code);
    put_u64(memory, FIELD_AT(memory, address, frame, instruction), FIELD_AT(memory, program->code, code, bytecode));
    put_u8(memory, FIELD_AT(memory, address, frame, owner), owner);
    return address;
}

static uint64_t make_frame(struct program *program, uint64_t previous)
{
    return put_frame(program, place(program->memory, 128), previous, OWNER_THREAD);
}

static uint64_t put_shim(struct program *program, size_t index, uint64_t previous)
{
    return put_frame(program, on_c_stack(program, index), previous, OWNER_SHIM);
}

static uint64_t root(const struct program *program)
{
    return program->thread + (uint64_t)LAYOUT(&program->memory->layout, thread_state, size) - 32;
}

static void set_newest(struct program *program, uint64_t frame)
{
    struct memory *memory = program->memory;
    if (memory->layout.rules->has_cframe) { /* 3.12 */
        uint64_t c_frame = root(program);
        put_u64(memory, FIELD_AT(memory, program->thread, thread_state, cframe), c_frame);
        put_u64(memory, FIELD_AT(memory, c_frame, cframe, current_frame), frame);
    } else {
        put_u64(memory, FIELD_AT(memory, program->thread, thread_state, current_frame), frame);
    }
}

static void test_shims_end_their_frames(void **state)
{
    struct program *program = *state;
    uint64_t older = make_frame(program, make_frame(program, put_shim(program, 3, 0)));
    uint64_t empty = put_shim(program, 2, older);
    uint64_t newer = make_frame(program, put_shim(program, 1, empty));
    const uint64_t entries[] = {on_c_stack(program, 1), on_c_stack(program, 3), on_c_stack(program, 3)};
    set_newest(program, newer);
    assert_entries(program, entries, 3);
    set_newest(program, put_shim(program, 0, newer)); /* a C frame whose Python frame is not pushed yet, or popped already */
    assert_entries(program, entries, 3);
}

static void test_no_shim_no_entry(void **state)
{
    struct program *program = *state;
    uint64_t torn = make_frame(program, NOWHERE);
    set_newest(program, make_frame(program, put_shim(program, 0, make_frame(program, torn))));
    const uint64_t entries[] = {on_c_stack(program, 0), 0, 0};
    assert_entries(program, entries, 3);
    assert_non_null(program->stack.truncated);
}

/* The C frame of the thread state itself, whose own link is not to be believed. */
static uint64_t put_c_frame(struct program *program, uint64_t address, uint64_t previous, uint64_t newest)
{
    struct memory *memory = program->memory;
    put_u64(memory, FIELD_AT(memory, address, cframe, previous), previous);
    if (LAYOUT(&memory->layout, cframe, current_frame) != LAYOUT_ABSENT)
        put_u64(memory, FIELD_AT(memory, address, cframe, current_frame), newest);
    put_u64(memory, FIELD_AT(memory, program->thread, thread_state, cframe), address);
    return address;
}

static void test_c_frames_name_their_newest(void **state)
{
    struct program *program = *state;
    uint64_t oldest = make_frame(program, 0), middle = make_frame(program, oldest), newest = make_frame(program, middle);
    put_u8(program->memory, FIELD_AT(program->memory, oldest, frame, is_entry), 1);
    put_u8(program->memory, FIELD_AT(program->memory, newest, frame, is_entry), 1);
    uint64_t base = put_c_frame(program, root(program), NOWHERE, 0);
    uint64_t first = put_c_frame(program, on_c_stack(program, 2), base, middle);
    uint64_t second = put_c_frame(program, on_c_stack(program, 1), first, newest);
    const uint64_t entries[] = {second, first, first};
    assert_entries(program, entries, 3);
    put_c_frame(program, on_c_stack(program, 0), second, program->code); /* being entered: names what lay there */
    assert_entries(program, entries, 3);
}

static uint64_t make_frame_object(struct program *program, uint64_t back, bool generator, bool has_stack)
{
    struct memory *memory = program->memory;
    uint64_t frame = place(memory, 512);
    put_u64(memory, FIELD_AT(memory, frame, frame_object, back), back);
    put_u64(memory, FIELD_AT(memory, frame, frame_object, code), program->code);
    put_u64(memory, FIELD_AT(memory, frame, frame_object, generator), generator ? program->code : 0);
    if (LAYOUT(&memory->layout, frame_object, stackdepth) != LAYOUT_ABSENT)
        put_u32(memory, FIELD_AT(memory, frame, frame_object, stackdepth), has_stack ? 1 : UINT32_MAX);
    else
        put_u64(memory, FIELD_AT(memory, frame, frame_object, stacktop), has_stack ? frame : 0);
    put_u64(memory, FIELD_AT(memory, program->thread, thread_state, current_frame), frame);
    return frame;
}

static void test_generators_that_delegate(void **state)
{
    struct program *program = *state;
    uint64_t traced = make_frame_object(program, 0, false, true); /* a trace function runs: f_stacktop is set, and it is no generator */
    uint64_t delegating = make_frame_object(program, make_frame_object(program, traced, true, true), true, true);
    make_frame_object(program, delegating, true, false);
    if (LAYOUT(&program->memory->layout, thread_state, cframe) != LAYOUT_ABSENT)
        put_c_frame(program, root(program), NOWHERE, 0);
    walk(program);
    static const bool delegates[] = {false, true, true, false};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(program->stack.frames[i].delegates, delegates[i]);
        assert_int_equal(program->stack.frames[i].entry, 0);
    }
}

static void test_c_frames_by_count(void **state)
{
    struct program *program = *state;
    uint64_t oldest = make_frame_object(program, 0, false, false);
    make_frame_object(program, make_frame_object(program, oldest, true, true), true, false);
    uint64_t first = put_c_frame(program, on_c_stack(program, 3), put_c_frame(program, root(program), NOWHERE, 0), 0);
    const uint64_t nothing[] = {0, 0, 0};
    assert_entries(program, nothing, 3); /* one C frame too few */
    uint64_t second = put_c_frame(program, on_c_stack(program, 2), first, 0);
    const uint64_t entries[] = {second, first, first};
    assert_entries(program, entries, 3);
    put_c_frame(program, on_c_stack(program, 1), second, 0); /* one too many: it is being entered */
    assert_entries(program, nothing, 3);
}

static void test_hostile_c_frames(void **state)
{
    struct program *program = *state;
    const uint64_t nothing[] = {0};
    bool named = LAYOUT(&program->memory->layout, cframe, current_frame) != LAYOUT_ABSENT;
    uint64_t frame = named ? make_frame(program, 0) : make_frame_object(program, 0, false, false);
    uint64_t c_frame = on_c_stack(program, 1);
    static const uint64_t wrong[] = {0, 1, NOWHERE, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_c_frame(program, c_frame, wrong[i], frame);
        if (!named || wrong[i] % 8 == 0)
            walk(program);
        if (program->stack.frame_count == 1)
            assert_int_equal(program->stack.frames[0].entry, 0);
    }
    put_c_frame(program, c_frame, c_frame, frame); /* a circle */
    assert_entries(program, nothing, named ? 0 : 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENTRY_TEST(test_shims_end_their_frames, 3, "3.12"),     ENTRY_TEST(test_shims_end_their_frames, 4, "3.13"),
        ENTRY_TEST(test_shims_end_their_frames, 7, "3.14t"),    ENTRY_TEST(test_shims_end_their_frames, 9, "3.15t"),
        ENTRY_TEST(test_no_shim_no_entry, 5, "3.13t"),          ENTRY_TEST(test_no_shim_no_entry, 8, "3.15"),
        ENTRY_TEST(test_c_frames_name_their_newest, 2, "3.11"), ENTRY_TEST(test_generators_that_delegate, 0, "3.9"),
        ENTRY_TEST(test_generators_that_delegate, 1, "3.10"),   ENTRY_TEST(test_c_frames_by_count, 1, "3.10"),
        ENTRY_TEST(test_hostile_c_frames, 1, "3.10"),           ENTRY_TEST(test_hostile_c_frames, 2, "3.11"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
