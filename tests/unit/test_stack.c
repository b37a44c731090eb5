/* Chains of frames as every version builds them, and as only a torn or hostile memory can. */
#include <time.h>

#include "frames.h"
#include "frames/frame_check.h"

/* clang-format off */
#define STACK_TEST(test, index, label) {#test " " label, test, program_setup, program_teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */
#define OBJECTS(test) VERSIONS_BEFORE_3_11(STACK_TEST, test)
#define SINCE_3_14(test) VERSIONS_SINCE_3_14(STACK_TEST, test)
#define SINCE_3_12(test) VERSIONS_SINCE_3_12(STACK_TEST, test)
#define SINCE_3_11(test) VERSIONS_SINCE_3_11(STACK_TEST, test)
#define EACH(test) VERSIONS_EACH(STACK_TEST, test)

static void walk(struct program *program)
{
    struct memory *memory = program->memory;
    forget_walk(program);
    forget_reads(memory);
    target_read_cache_clear(memory->reader.cache);
    frames_stack_init(&program->stack, program->thread);
    program->walked = true;
    do {
        frames_stack_step(&program->stack, &memory->reader, program->codes);
        frames_code_table_step(program->codes, &memory->reader);
    } while (target_read_cache_fetch(memory->reader.cache));
    assert_int_equal(program->stack.progress, STACK_DONE);
}

static void assert_whole(struct program *program, size_t frames)
{
    walk(program);
    if (program->stack.truncated != NULL)
        fail_msg("truncated: %s", program->stack.truncated);
    assert_int_equal(program->stack.frame_count, frames);
}

static void assert_truncated(struct program *program, size_t frames, const char *words)
{
    walk(program);
    assert_int_equal(program->stack.frame_count, frames);
    assert_non_null(program->stack.truncated);
    if (strstr(program->stack.truncated, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", program->stack.truncated, words);
}

static bool instruction_is_inside(struct program *program, size_t index, int64_t *offset)
{
    char reason[256] = "";
    bool inside = frames_frame_instruction(&program->stack.frames[index], layout_in(program)->rules, offset, reason, sizeof reason);
    assert_true(inside || reason[0] != '\0');
    return inside;
}

static void test_no_frames(void **state)
{
    struct program *program = *state;
    assert_whole(program, 0);
    set_newest(program, 0);
    assert_whole(program, 0);
}

static void test_heap_frames(void **state)
{
    struct program *program = *state;
    uint64_t frames[5], previous = 0;
    for (size_t i = 5; i-- > 0;)
        frames[i] = previous = make_frame(program, previous, OWNER_GENERATOR);
    set_newest(program, previous);
    assert_whole(program, 5);
    for (size_t i = 0; i < 5; i++) {
        int64_t offset;
        assert_int_equal(program->stack.frames[i].address, frames[i]);
        assert_int_equal(program->stack.frames[i].code->code->address, program->code);
        assert_int_equal(program->stack.frames[i].owner, frames_are_objects(program) ? FRAME_OWNER_THREAD : FRAME_OWNER_GENERATOR);
        assert_true(instruction_is_inside(program, i, &offset));
        assert_int_equal(offset, 2);
    }
}

static void test_one_chunk_costs_one_read(void **state)
{
    struct program *program = *state;
    uint64_t chunk = make_chunk(program, 0, 100);
    set_newest(program, push_frames(program, chunk, 100, 0));
    set_chunk(program, chunk, frame_in_chunk(chunk, 100));
    assert_whole(program, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(program->stack.frames[i].address, frame_in_chunk(chunk, 99 - i));
    assert_true(program->memory->batches <= 8); /* thread state, C frame, chunk, and the code's five */
}

static void test_several_chunks(void **state)
{
    struct program *program = *state;
    uint64_t oldest = make_chunk(program, 0, 20), middle = make_chunk(program, oldest, 30), newest = make_chunk(program, middle, 200);
    uint64_t frame = push_frames(program, newest, 5, push_frames(program, middle, 30, push_frames(program, oldest, 20, 0)));
    set_newest(program, frame);
    set_chunk(program, newest, frame_in_chunk(newest, 5));
    assert_whole(program, 55);
    assert_true(program->memory->batches <= 16);
}

/* A thread that runs nothing but a generator has its newest frame in the heap, and the caller on the chunk. */
static void test_generator_frames_between(void **state)
{
    struct program *program = *state;
    uint64_t oldest = make_chunk(program, 0, 4), chunk = make_chunk(program, oldest, 4);
    uint64_t below = push_frames(program, oldest, 4, 0);
    uint64_t generator = make_frame(program, below, OWNER_GENERATOR);
    uint64_t above = push_frames(program, chunk, 4, generator);
    set_newest(program, make_frame(program, above, OWNER_GENERATOR));
    set_chunk(program, chunk, frame_in_chunk(chunk, 4));
    assert_whole(program, 10);
    assert_int_equal(program->stack.frames[0].owner, FRAME_OWNER_GENERATOR);
    assert_int_equal(program->stack.frames[5].address, generator);
    assert_int_equal(program->stack.frames[5].owner, FRAME_OWNER_GENERATOR);
    assert_int_equal(program->stack.frames[9].owner, FRAME_OWNER_THREAD);
}

/* Shims need no code object, and are never shown. */
static void test_shims(void **state)
{
    struct program *program = *state;
    uint64_t shim = make_frame(program, 0, OWNER_INTERPRETER);
    uint64_t first = make_frame(program, shim, OWNER_THREAD);
    uint64_t second = place(program->memory, FRAME_ROOM);
    put_frame(program, second, &(struct frame){first, 0, 0, OWNER_INTERPRETER});
    set_newest(program, make_frame(program, second, OWNER_FRAME_OBJECT));
    assert_whole(program, 2);
    assert_int_equal(program->stack.frames[0].owner, FRAME_OWNER_FRAME_OBJECT);
    assert_int_equal(program->stack.frames[1].address, first);
    set_newest(program, shim);
    assert_whole(program, 0);
}

static void test_c_stack_owner(void **state)
{
    struct program *program = *state;
    bool exists = layout_in(program)->rules->minor == 0x030e;
    uint64_t frame = make_frame(program, make_frame(program, 0, OWNER_THREAD), 4);
    set_newest(program, frame);
    if (exists)
        assert_whole(program, 1);
    else
        assert_truncated(program, 0, "owner that does not exist (4)");
}

static void test_owners_that_do_not_exist(void **state)
{
    struct program *program = *state;
    uint64_t frame = make_frame(program, 0, OWNER_THREAD), newest = make_frame(program, frame, OWNER_THREAD);
    set_newest(program, newest);
    for (unsigned owner = layout_in(program)->rules->minor >= 0x030c ? 5 : 3; owner < 256; owner++) {
        put_u8(program->memory, FIELD_AT(program->memory, frame, frame, owner), (uint8_t)owner);
        assert_truncated(program, 1, "owner that does not exist");
    }
}

/* length frames in a circle, behind `before` others. */
static void make_cycle(struct program *program, size_t before, size_t length)
{
    uint64_t last = make_frame(program, 0, OWNER_GENERATOR), frame = last;
    for (size_t i = 1; i < length; i++)
        frame = make_frame(program, frame, OWNER_GENERATOR);
    put_frame(program, last, &(struct frame){frame, program->code, 1, OWNER_GENERATOR});
    for (size_t i = 0; i < before; i++)
        frame = make_frame(program, frame, OWNER_GENERATOR);
    set_newest(program, frame);
}

static void test_cycles(void **state)
{
    struct program *program = *state;
    static const size_t lengths[] = {1, 2, 7, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t before = 0; before < 20; before += 1 + before / 3) {
            make_cycle(program, before, lengths[i]);
            assert_truncated(program, before + lengths[i], "circle");
        }
    }
}

static void test_cycle_of_shims(void **state)
{
    struct program *program = *state;
    uint64_t last = make_frame(program, 0, OWNER_INTERPRETER), frame = make_frame(program, last, OWNER_INTERPRETER);
    put_frame(program, last, &(struct frame){frame, 0, 0, OWNER_INTERPRETER});
    set_newest(program, make_frame(program, frame, OWNER_THREAD));
    assert_truncated(program, 1, "circle");
}

static void test_cycle_through_chunks(void **state)
{
    struct program *program = *state;
    uint64_t oldest = make_chunk(program, 0, 3), newest = make_chunk(program, oldest, 3);
    push_frames(program, oldest, 3, frame_in_chunk(newest, 2));
    set_newest(program, push_frames(program, newest, 3, frame_in_chunk(oldest, 2)));
    put_u64(program->memory, FIELD_AT(program->memory, oldest, stack_chunk, previous), newest);
    set_chunk(program, newest, frame_in_chunk(newest, 3));
    assert_truncated(program, 6, "");
}

static void test_chain_leaves_memory(void **state)
{
    struct program *program = *state;
    uint64_t frame = make_frame(program, make_frame(program, NOWHERE, OWNER_THREAD), OWNER_THREAD);
    set_newest(program, frame);
    assert_truncated(program, 2, "is not mapped");
    set_newest(program, NOWHERE);
    assert_truncated(program, 0, "is not mapped");
    set_newest(program, UINT64_MAX - 7);
    assert_truncated(program, 0, "frame at 0xfffffffffffffff8 is not mapped");
}

static void test_frame_not_in_core(void **state)
{
    struct program *program = *state;
    uint64_t missing = place_apart(program->memory, PAGE_SIZE);
    make_hole(program->memory, missing, PAGE_SIZE, SPPROF_READ_NOT_IN_CORE);
    set_newest(program, make_frame(program, missing, OWNER_THREAD));
    assert_truncated(program, 1, "is not in the core file");
}

static void test_unaligned(void **state)
{
    struct program *program = *state;
    set_newest(program, make_frame(program, ARENA + 4, OWNER_THREAD));
    assert_truncated(program, 1, "is not aligned");
    uint64_t frame = make_frame(program, 0, OWNER_THREAD);
    put_frame(program, frame, &(struct frame){0, program->code + 4, 1, OWNER_THREAD});
    set_newest(program, make_frame(program, frame, OWNER_THREAD));
    assert_truncated(program, 1, "has no code object");
    put_frame(program, frame, &(struct frame){0, 0, 1, OWNER_THREAD});
    assert_truncated(program, 1, "has no code object");
}

/* The data stack grows upwards: no caller lies above the frame that it called. */
static void test_frame_above_its_callee(void **state)
{
    struct program *program = *state;
    uint64_t chunk = make_chunk(program, 0, 10);
    push_frames(program, chunk, 10, 0);
    put_u64(program->memory, FIELD_AT(program->memory, frame_in_chunk(chunk, 5), frame, previous), frame_in_chunk(chunk, 8));
    set_newest(program, frame_in_chunk(chunk, 9));
    set_chunk(program, chunk, frame_in_chunk(chunk, 10));
    assert_truncated(program, 5, "lies above the frame that it called");
    put_u64(program->memory, FIELD_AT(program->memory, frame_in_chunk(chunk, 5), frame, previous), frame_in_chunk(chunk, 5));
    assert_truncated(program, 5, "lies above the frame that it called");
}

static void test_thread_state_missing(void **state)
{
    struct program *program = *state;
    make_hole(program->memory, program->thread, 256, SPPROF_READ_NOT_IN_CORE);
    assert_truncated(program, 0, "thread state");
}

static void test_c_frame_missing(void **state)
{
    struct program *program = *state;
    if (!layout_in(program)->rules->has_cframe)
        skip();
    put_u64(program->memory, FIELD_AT(program->memory, program->thread, thread_state, cframe), NOWHERE);
    assert_truncated(program, 0, "C frame");
}

/* Whatever lay on the C stack before is named; no stack is made of it. */
static void test_entering_the_interpreter(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    if (!layout_in(program)->rules->has_cframe)
        skip();
    uint64_t popped = make_frame(program, 0, OWNER_THREAD);
    set_newest(program, popped);
    walk(program);
    assert_int_equal(program->stack.frame_count, 1);
    assert_false(program->stack.trial.entering);
    uint64_t cframe = place(memory, 64);
    put_u64(memory, FIELD_AT(memory, cframe, cframe, current_frame), popped);
    put_u64(memory, FIELD_AT(memory, program->thread, thread_state, cframe), cframe);
    assert_truncated(program, 0, "entering");
    assert_true(program->stack.trial.entering);
    put_u64(memory, FIELD_AT(memory, cframe, cframe, previous), cframe - 64);
    assert_truncated(program, 0, "entering");
    /* As the first frame of its thread is entered, or so it seems. */
    put_u64(memory, FIELD_AT(memory, cframe, cframe, previous), program->thread + ROOT_CFRAME);
    put_u64(memory, FIELD_AT(memory, program->thread + ROOT_CFRAME, cframe, current_frame), 0);
    put_u64(memory, FIELD_AT(memory, cframe, cframe, current_frame), 0);
    assert_truncated(program, 0, "entering");
    put_u64(memory, FIELD_AT(memory, cframe, cframe, current_frame), popped);
    assert_truncated(program, 0, "entering");
}

static const char *refusal(struct program *program)
{
    static char reason[256];
    int64_t offset;
    walk(program);
    assert_int_equal(program->stack.frame_count, 1);
    assert_false(frames_frame_instruction(&program->stack.frames[0], layout_in(program)->rules, &offset, reason, sizeof reason));
    return reason;
}

static void run_alone(struct program *program, uint64_t code, int64_t unit)
{
    uint64_t frame = make_frame(program, 0, OWNER_THREAD);
    put_frame(program, frame, &(struct frame){0, code, unit, OWNER_THREAD});
    set_newest(program, frame);
}

static void test_code_of_another_type(void **state)
{
    struct program *program = *state;
    run_alone(program, make_ascii(program->memory, "a str, read as if it were a code object"), 0);
    assert_non_null(strstr(refusal(program), "another type"));
    run_alone(program, make_object(program->memory, NOWHERE, 512), 0);
    assert_non_null(strstr(refusal(program), "is not mapped"));
    run_alone(program, NOWHERE, 0);
    assert_non_null(strstr(refusal(program), "code object at 0xdead000000 is not mapped"));
}

/* Its name lies in read-only memory, which a core may lack: then its size must do. */
static void test_name_of_the_type_missing(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    int64_t offset;
    put_u64(memory, FIELD_AT(memory, memory->code_type, type, name), NOWHERE);
    run_alone(program, program->code, 1);
    assert_whole(program, 1);
    assert_true(instruction_is_inside(program, 0, &offset));
    uint64_t impostor = make_code(memory, &(struct code){.name = "f", .units = UNITS});
    put_u64(memory, FIELD_AT(memory, impostor, object, type), memory->str_type);
    put_u64(memory, FIELD_AT(memory, memory->str_type, type, name), NOWHERE);
    run_alone(program, impostor, 1);
    assert_non_null(strstr(refusal(program), "another type"));
}

static void test_instructions(void **state)
{
    struct program *program = *state;
    enum position_style style = layout_in(program)->rules->position;
    for (int64_t unit = -3; unit < UNITS + 3; unit++) {
        int64_t offset, lowest = style == POSITION_INSTR_PTR ? 0 : -1;
        if (style == POSITION_LASTI_BYTES && unit < -1)
            continue; /* f_lasti knows -1 only */
        run_alone(program, program->code, unit);
        assert_whole(program, 1);
        bool inside = unit >= lowest && unit < UNITS;
        assert_int_equal(instruction_is_inside(program, 0, &offset), inside);
        if (inside)
            assert_true(unit < 0 ? offset < 0 : offset == unit * 2);
    }
}

static void test_instructions_far_away(void **state)
{
    struct program *program = *state;
    static const uint64_t insane[] = {0, 1, UINT64_MAX, (uint64_t)1 << 63, NOWHERE, 0x7fffffff, 0x80000000, 0xfffffffe};
    struct memory *memory = program->memory;
    for (size_t i = 0; i < sizeof insane / sizeof *insane; i++) {
        run_alone(program, program->code, 0);
        uint64_t frame = ARENA + memory->used - FRAME_ROOM;
        if (frames_are_objects(program))
            put_u32(memory, FIELD_AT(memory, frame, frame_object, lasti), (uint32_t)insane[i] | 0x40000001);
        else
            put_u64(memory, FIELD_AT(memory, frame, frame, instruction), insane[i]);
        if (!frames_are_objects(program) || (int32_t)((uint32_t)insane[i] | 0x40000001) < -2 || (int32_t)insane[i] > 0)
            assert_non_null(strstr(refusal(program), "outside its code object"));
    }
}

static void test_odd_instruction(void **state)
{
    struct program *program = *state;
    run_alone(program, program->code, 1);
    struct memory *memory = program->memory;
    uint64_t frame = ARENA + memory->used - FRAME_ROOM;
    put_u64(memory, FIELD_AT(memory, frame, frame, instruction), instruction_of(program, program->code, 1) + 1);
    assert_non_null(strstr(refusal(program), "outside its code object"));
}

static void test_bytecode_of_insane_size(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t code = make_code(memory, &(struct code){.name = "g", .units = UNITS});
    put_u64(memory, FIELD_AT(memory, code, variable_object, ob_size), UINT64_MAX);
    run_alone(program, code, 0);
    assert_non_null(strstr(refusal(program), "claims 18446744073709551615 instructions"));
}

static uint64_t make_thread_bytecode(struct program *program, const uint64_t *starts, uint64_t count)
{
    struct memory *memory = program->memory;
    uint64_t array = place(memory, 16 + count * 8);
    put_u64(memory, FIELD_AT(memory, array, code_array, size), count);
    for (uint64_t i = 0; i < count; i++)
        put_u64(memory, FIELD_AT(memory, array, code_array, entries) + i * 8, starts[i]);
    put_u64(memory, FIELD_AT(memory, program->code, code, tlbc), array);
    return array;
}

static uint64_t run_thread_bytecode(struct program *program, int32_t index, uint64_t instruction)
{
    struct memory *memory = program->memory;
    uint64_t frame = make_frame(program, 0, OWNER_THREAD);
    put_u32(memory, FIELD_AT(memory, frame, frame, tlbc_index), (uint32_t)index);
    put_u64(memory, FIELD_AT(memory, frame, frame, instruction), instruction);
    set_newest(program, frame);
    return frame;
}

static void test_thread_bytecode(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    int64_t offset;
    uint64_t cache = place(memory, UNITS * 2), starts[] = {FIELD_AT(memory, program->code, code, bytecode), 0, cache};
    make_thread_bytecode(program, starts, 3);
    run_thread_bytecode(program, 2, cache + 6);
    assert_whole(program, 1);
    assert_true(instruction_is_inside(program, 0, &offset));
    assert_int_equal(offset, 6);
    run_thread_bytecode(program, 0, starts[0] + 8);
    assert_whole(program, 1);
    assert_true(instruction_is_inside(program, 0, &offset));
    assert_int_equal(offset, 8);
    static const int32_t wrong[] = {1, 3, -1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        run_thread_bytecode(program, wrong[i], cache);
        assert_non_null(strstr(refusal(program), "outside its code object"));
    }
    run_thread_bytecode(program, 2, starts[0]);
    assert_non_null(strstr(refusal(program), "outside its code object"));
}

static void test_no_thread_bytecode(void **state)
{
    struct program *program = *state;
    run_thread_bytecode(program, 1, instruction_of(program, program->code, 0));
    assert_non_null(strstr(refusal(program), "outside its code object"));
}

static void test_hostile_thread_bytecode(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    put_u64(memory, make_thread_bytecode(program, NULL, 0), UINT64_MAX);
    run_thread_bytecode(program, 1, 0);
    assert_non_null(strstr(refusal(program), "co_tlbc"));
    frames_code_table_free(program->codes);
    assert_null(frames_code_table_new(&program->codes));
    put_u64(memory, FIELD_AT(memory, program->code, code, tlbc), NOWHERE);
    assert_non_null(strstr(refusal(program), "co_tlbc"));
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum { DEEP = 200000 };

static void test_very_deep_chunks(void **state)
{
    struct program *program = *state;
    enum { IN_ONE = 100 };
    uint64_t chunk = 0, frame = 0;
    for (size_t i = 0; i < DEEP / IN_ONE; i++) {
        chunk = make_chunk(program, chunk, IN_ONE);
        frame = push_frames(program, chunk, IN_ONE, frame);
    }
    set_newest(program, frame);
    set_chunk(program, chunk, frame_in_chunk(chunk, IN_ONE));
    double start = seconds();
    assert_whole(program, DEEP);
    assert_true(seconds() - start < 5);
    assert_true(program->memory->batches <= 2 * (DEEP / IN_ONE) + 10);
}

/* 3.9 and 3.10, and stacks of generators: each frame is known only when the one before it was read. */
static void test_very_deep_heap(void **state)
{
    struct program *program = *state;
    uint64_t frame = 0;
    for (size_t i = 0; i < DEEP; i++)
        frame = make_frame(program, frame, OWNER_GENERATOR);
    set_newest(program, frame);
    double start = seconds();
    assert_whole(program, DEEP);
    assert_true(seconds() - start < 10);
}

/* What a chunk or the thread state says of sizes costs no frame: they are then read one by one. */
static void test_chunk_sizes_that_lie(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    static const uint64_t sizes[] = {0, 1, 8, CHUNK_HEAD, 200, 1 << 20, 1 << 27, UINT32_MAX, INT64_MAX, UINT64_MAX};
    uint64_t oldest = make_chunk(program, 0, 20), newest = make_chunk(program, oldest, 5);
    set_newest(program, push_frames(program, newest, 5, push_frames(program, oldest, 20, 0)));
    end_memory_at(memory, ARENA + ((memory->used + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1)) + PAGE_SIZE);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            put_u64(memory, FIELD_AT(memory, oldest, stack_chunk, size), sizes[i]);
            put_u64(memory, FIELD_AT(memory, oldest, stack_chunk, top), sizes[j]);
            set_chunk(program, newest, frame_in_chunk(newest, 5));
            assert_whole(program, 25);
            set_chunk(program, newest, newest + sizes[i]);
            assert_whole(program, 25);
            set_chunk(program, sizes[j], sizes[i]);
            assert_whole(program, 25);
        }
    }
}

static void test_older_chunks_that_lie(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t oldest = make_chunk(program, 0, 20), newest = make_chunk(program, oldest, 5);
    const uint64_t older[] = {0, 1, oldest + 4, oldest - 8, newest, newest + 64, NOWHERE, UINT64_MAX, program->thread};
    set_newest(program, push_frames(program, newest, 5, push_frames(program, oldest, 20, 0)));
    set_chunk(program, newest, frame_in_chunk(newest, 5));
    for (size_t i = 0; i < sizeof older / sizeof *older; i++) {
        put_u64(memory, FIELD_AT(memory, newest, stack_chunk, previous), older[i]);
        assert_whole(program, 25);
    }
}

/* Two threads claim the same chunk; the size that one of them claims lies. The other one's stack must be whole. */
static void test_bad_thread_costs_no_other(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t good = program->thread, bad = place_apart(memory, 1024), chunk = make_chunk(program, 0, 10);
    set_newest(program, push_frames(program, chunk, 10, 0));
    set_chunk(program, chunk, frame_in_chunk(chunk, 10));
    program->thread = bad;
    set_newest(program, frame_in_chunk(chunk, 9));
    set_chunk(program, chunk, chunk + (1 << 26));
    end_memory_at(memory, ARENA + ((memory->used + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1)) + PAGE_SIZE);
    program->thread = good;
    struct stack stacks[2];
    frames_stack_init(&stacks[0], good);
    frames_stack_init(&stacks[1], bad);
    do {
        frames_stack_step(&stacks[0], &memory->reader, program->codes);
        frames_stack_step(&stacks[1], &memory->reader, program->codes);
    } while (target_read_cache_fetch(memory->reader.cache));
    for (size_t i = 0; i < 2; i++) {
        if (stacks[i].truncated != NULL)
            fail_msg("the %s thread: %s", i == 0 ? "good" : "bad", stacks[i].truncated);
        assert_int_equal(stacks[i].frame_count, 10);
        frames_stack_free(&stacks[i]);
    }
}

static void test_fits_caller(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t chunk = make_chunk(program, 0, 3);
    if (LAYOUT(layout_in(program), code, framesize) == LAYOUT_ABSENT)
        skip();
    put_u32(memory, FIELD_AT(memory, program->code, code, framesize), FRAME_ROOM / 8);
    set_newest(program, push_frames(program, chunk, 3, 0));
    set_chunk(program, chunk, frame_in_chunk(chunk, 3));
    assert_whole(program, 3);
    const struct raw_frame *frames = program->stack.frames;
    assert_true(frames_frame_fits_caller(&frames[0], &frames[1]));
    assert_false(frames_frame_fits_caller(&frames[0], &frames[2]));
}

/* Where mappings grow upwards a chunk may follow the one before at once: nothing is known of the gap between their frames. */
static void test_fits_caller_in_the_chunk_before(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t older = make_chunk(program, 0, 3), newer = make_chunk(program, older, 3);
    if (LAYOUT(layout_in(program), code, framesize) == LAYOUT_ABSENT)
        skip();
    put_u32(memory, FIELD_AT(memory, program->code, code, framesize), FRAME_ROOM / 8);
    set_newest(program, push_frames(program, newer, 1, push_frames(program, older, 2, 0)));
    set_chunk(program, newer, frame_in_chunk(newer, 1));
    assert_whole(program, 3);
    const struct raw_frame *frames = program->stack.frames;
    assert_true(frames[0].address > frames[1].address);
    assert_true(frames_frame_fits_caller(&frames[0], &frames[1]));
    assert_true(frames_frame_fits_caller(&frames[1], &frames[2]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_no_frames),
        EACH(test_heap_frames),
        SINCE_3_11(test_one_chunk_costs_one_read),
        SINCE_3_11(test_several_chunks),
        SINCE_3_11(test_generator_frames_between),
        SINCE_3_12(test_shims),
        SINCE_3_12(test_c_stack_owner),
        SINCE_3_11(test_owners_that_do_not_exist),
        EACH(test_cycles),
        SINCE_3_12(test_cycle_of_shims),
        SINCE_3_11(test_cycle_through_chunks),
        EACH(test_chain_leaves_memory),
        EACH(test_frame_not_in_core),
        EACH(test_unaligned),
        SINCE_3_11(test_frame_above_its_callee),
        EACH(test_thread_state_missing),
        SINCE_3_11(test_c_frame_missing),
        SINCE_3_11(test_entering_the_interpreter),
        EACH(test_code_of_another_type),
        EACH(test_name_of_the_type_missing),
        EACH(test_instructions),
        EACH(test_instructions_far_away),
        SINCE_3_11(test_odd_instruction),
        SINCE_3_11(test_bytecode_of_insane_size),
        STACK_TEST(test_thread_bytecode, 7, "3.14t"),
        STACK_TEST(test_thread_bytecode, 9, "3.15t"),
        STACK_TEST(test_no_thread_bytecode, 7, "3.14t"),
        STACK_TEST(test_no_thread_bytecode, 9, "3.15t"),
        STACK_TEST(test_hostile_thread_bytecode, 7, "3.14t"),
        STACK_TEST(test_hostile_thread_bytecode, 9, "3.15t"),
        SINCE_3_11(test_very_deep_chunks),
        EACH(test_very_deep_heap),
        SINCE_3_11(test_chunk_sizes_that_lie),
        SINCE_3_11(test_older_chunks_that_lie),
        SINCE_3_11(test_bad_thread_costs_no_other),
        SINCE_3_12(test_fits_caller),
        SINCE_3_12(test_fits_caller_in_the_chunk_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
