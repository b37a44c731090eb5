/* Where _PyRuntime is: by a symbol, by a section, by the cookie, by its shape; and where it is not. */
#include "memory.h"
#include "runtime/runtime.h"

enum { DATA_SIZE = 1 << 18, SHAPES = 8 };

struct process {
    struct memory *memory;
    struct spprof_module modules[2];
    struct spprof_mapping mappings[2];
    struct spprof_image_symbol symbols[2];
    uint64_t data; /* the writable mapping of the first module */
    struct runtime_shape shapes[SHAPES];
    size_t shape_count;
    struct runtimes found;
};

static void name_module(struct process *process, size_t index, const char *path)
{
    free(process->modules[index].path);
    process->modules[index].path = strdup(path);
}

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct process *process = calloc(1, sizeof *process);
    struct memory *memory = *state;
    process->memory = memory;
    for (size_t i = 0; i < 2; i++) {
        uint64_t start = place_apart(memory, DATA_SIZE);
        process->mappings[i] = (struct spprof_mapping){.start = start, .end = start + DATA_SIZE, .readable = true, .writable = true};
        process->modules[i] = (struct spprof_module){
            .start = start,
            .end = start + DATA_SIZE,
            .mappings = &process->mappings[i],
            .mapping_count = 1,
        };
        name_module(process, i, i == 0 ? "/usr/bin/program" : "/usr/lib/libc.so.6");
    }
    process->data = process->mappings[0].start;
    process->shape_count = layout_runtime_shapes(process->shapes, SHAPES);
    memory->image.modules = (struct spprof_modules){process->modules, 2};
    memory->image.symbols = process->symbols;
    *state = process;
    return 0;
}

static int teardown(void **state)
{
    struct process *process = *state;
    runtime_list_free(&process->found);
    free(process->modules[0].path);
    free(process->modules[1].path);
    *state = process->memory;
    free(process);
    return memory_teardown(state);
}

static void add_symbol(struct process *process, const char *name, uint64_t address, uint64_t size)
{
    process->symbols[process->memory->image.symbol_count++] = (struct spprof_image_symbol){.name = name, .address = address, .size = size};
}

/* Place by place, up to the first in which something is found. */
static void look(struct process *process)
{
    runtime_list_free(&process->found);
    for (enum runtime_place place = 0; place < RUNTIME_PLACES && process->found.count == 0; place++)
        assert_null(runtime_find(process->memory->target, process->shapes, process->shape_count, place, false, &process->found));
}

static void find(struct process *process)
{
    look(process);
    assert_true(process->found.count > 0);
}

static void assert_none(struct process *process)
{
    look(process);
    assert_int_equal(process->found.count, 0);
}

static void put_debug_offsets(struct process *process, uint64_t address, uint64_t version, uint64_t free_threaded)
{
    put_bytes(process->memory, address, "xdebugpy", 8);
    put_u64(process->memory, address + 8, version);
    put_u64(process->memory, address + 16, free_threaded);
}

static void put_shape(struct process *process, const struct runtime_shape *shape, uint64_t runtime)
{
    uint64_t interpreter = place_apart(process->memory, 1 << 12);
    put_u64(process->memory, runtime + (uint64_t)shape->interpreters_head, interpreter);
    put_u64(process->memory, runtime + (uint64_t)shape->interpreters_main, interpreter);
    put_u64(process->memory, interpreter + (uint64_t)shape->interpreter_runtime, runtime);
}

static void assert_only(const struct process *process, uint64_t address, uint32_t version)
{
    assert_int_equal(process->found.count, 1);
    assert_int_equal(process->found.items[0].address, address);
    assert_int_equal(process->found.items[0].version, version);
}

static void test_symbol(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/lib/libpython3.10.so.1.0");
    add_symbol(process, "_PyRuntime", process->data + 64, 0);
    find(process);
    assert_only(process, process->data + 64, 0x030a0000);
    assert_false(process->found.items[0].has_debug_offsets);
    add_symbol(process, "Py_Version", process->data + 8, 0);
    put_u64(process->memory, process->data + 8, 0x030b07f0);
    find(process);
    assert_only(process, process->data + 64, 0x030b07f0);
    put_debug_offsets(process, process->data + 64, 0x030d05f0, 1);
    find(process); /* the constant is believed more than memory that the process can write to */
    assert_only(process, process->data + 64, 0x030b07f0);
    assert_true(process->found.items[0].has_debug_offsets && process->found.items[0].free_threaded);
    put_u64(process->memory, process->data + 8, 0);
    find(process);
    assert_only(process, process->data + 64, 0x030d05f0);
}

/* "python" in a file's name is a likely place, not a proof: a program that embeds Python is called anything. */
static void test_symbol_in_any_module(void **state)
{
    struct process *process = *state;
    add_symbol(process, "_PyRuntime", process->data + 64, 0);
    find(process);
    assert_only(process, process->data + 64, 0);
    assert_ptr_equal(process->found.items[0].module, &process->modules[0]);
}

static void test_section(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/bin/python3.14");
    add_symbol(process, ".PyRuntime", process->data + 128, 4096);
    put_debug_offsets(process, process->data + 128, 0x030e02f0, 0);
    find(process);
    assert_only(process, process->data + 128, 0x030e02f0);
}

/* A library that was moved into anonymous memory: no module has it. */
static void test_memory_of_no_file(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t start = place_apart(memory, DATA_SIZE);
    struct spprof_mapping regions[2] = {
        process->mappings[0],
        {.start = start, .end = start + DATA_SIZE, .readable = true, .writable = true, .anonymous = true},
    };
    memory->image.regions = regions;
    memory->image.region_count = 2;
    assert_none(process);
    put_debug_offsets(process, start + 4096, 0x030e02f0, 0);
    find(process);
    assert_only(process, start + 4096, 0x030e02f0);
    assert_null(process->found.items[0].module);
    put_debug_offsets(process, start + 4096, 0, 0);
    for (size_t i = 0; i < process->shape_count; i++) { /* the list of interpreters has to look like one: a mutex before, a count behind */
        uint64_t head = start + 8192 + (uint64_t)process->shapes[i].interpreters_head;
        put_shape(process, &process->shapes[i], start + 8192);
        put_u64(memory, head - 8, 0);
        assert_none(process);
        put_u64(memory, head - 8, start);
        put_u64(memory, head + 16, 1);
        find(process);
        assert_int_equal(process->found.items[0].address, start + 8192);
        put_u64(memory, head, 0);
    }
    memory->image.regions = NULL;
    memory->image.region_count = 0;
}

static void test_symbol_that_leads_nowhere(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/bin/python3.14");
    add_symbol(process, "_PyRuntime", NOWHERE, 0);
    put_debug_offsets(process, process->data + 4096, 0x030e02f0, 0);
    find(process);
    assert_only(process, process->data + 4096, 0x030e02f0);
}

/* Wherever it lies: at the beginning, across the borders of what is read at once, at the very end. */
static void test_cookie(void **state)
{
    struct process *process = *state;
    enum { PIECE = 1 << 16 };
    static const uint64_t offsets[] = {0, 8, PIECE - 1024, PIECE - 16, PIECE - 8, PIECE, 2 * PIECE - 2048, DATA_SIZE - 24};
    name_module(process, 0, "/usr/bin/python3.14");
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        put_debug_offsets(process, process->data + offsets[i], 0x030e02f0, 0);
        find(process);
        assert_only(process, process->data + offsets[i], 0x030e02f0);
        assert_ptr_equal(process->found.items[0].module, &process->modules[0]);
        put_bytes(process->memory, process->data + offsets[i], "        ", 8);
    }
}

static void test_cookie_twice(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/bin/python3.14");
    put_debug_offsets(process, process->data, 0x030e02f0, 0);
    put_debug_offsets(process, process->data + 4096, 0x030d02f0, 0);
    find(process);
    assert_int_equal(process->found.count, 2);
}

static void test_shapes(void **state)
{
    struct process *process = *state;
    assert_true(process->shape_count >= 4);
    name_module(process, 0, "/usr/bin/python");
    for (size_t i = 0; i < process->shape_count; i++) {
        uint64_t runtime = process->data + 1024 * i + 512;
        put_shape(process, &process->shapes[i], runtime);
        find(process);
        assert_only(process, runtime, process->found.items[0].version);
        assert_int_equal(process->found.items[0].version >> 24, 3);
        memset(at(process->memory, runtime), 0, 512);
    }
}

static void test_shape_named_by_the_module(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/bin/python3.9");
    put_shape(process, &process->shapes[0], process->data + 512);
    find(process);
    assert_only(process, process->data + 512, 0x03090000);
}

static void test_shape_across_a_border(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/bin/python3.9");
    put_shape(process, &process->shapes[0], process->data + (1 << 16) - 32);
    find(process);
    assert_only(process, process->data + (1 << 16) - 32, 0x03090000);
}

/* A core lacks pages here and there: what is there is looked at. */
static void test_missing_page_beside_the_runtime(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/bin/python3.14");
    put_debug_offsets(process, process->data + 3 * PAGE_SIZE, 0x030e02f0, 0);
    make_hole(process->memory, process->data + PAGE_SIZE, PAGE_SIZE, SPPROF_READ_NOT_IN_CORE);
    find(process);
    assert_only(process, process->data + 3 * PAGE_SIZE, 0x030e02f0);
}

static void test_nothing(void **state)
{
    struct process *process = *state;
    assert_none(process);
    process->memory->image.modules.count = 0;
    assert_none(process);
}

static void test_garbage(void **state)
{
    struct process *process = *state;
    unsigned seed = 7;
    name_module(process, 0, "/usr/bin/python3.9");
    for (size_t i = 0; i < DATA_SIZE; i++)
        *at(process->memory, process->data + i) = (uint8_t)(rand_r(&seed) >> 8);
    assert_none(process);
    for (size_t i = 0; i < DATA_SIZE; i += 8) /* pointers, but none that comes back */
        put_u64(process->memory, process->data + i, process->data + (size_t)rand_r(&seed) % (DATA_SIZE / 8) * 8 + 1);
    assert_none(process);
}

static void test_false_cookies(void **state)
{
    struct process *process = *state;
    name_module(process, 0, "/usr/bin/python3.14");
    put_debug_offsets(process, process->data, 0x020e02f0, 0);
    put_debug_offsets(process, process->data + 4096, UINT64_C(0x1030e02f0), 0);
    put_bytes(process->memory, process->data + 8192 + 4, "xdebugpy", 8); /* not aligned */
    put_bytes(process->memory, process->data + DATA_SIZE - 8, "xdebugpy", 8);
    make_hole(process->memory, process->data + DATA_SIZE, 16, SPPROF_READ_UNMAPPED);
    assert_none(process);
}

static void test_read_only_memory_is_not_searched(void **state)
{
    struct process *process = *state;
    put_debug_offsets(process, process->data, 0x030e02f0, 0);
    process->mappings[0].writable = false;
    assert_none(process);
}

/* clang-format off */
#define RUNTIME_TEST(test) {#test, test, setup, teardown, (void *)(uintptr_t)&versions[3]}
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUNTIME_TEST(test_symbol),
        RUNTIME_TEST(test_symbol_in_any_module),
        RUNTIME_TEST(test_section),
        RUNTIME_TEST(test_memory_of_no_file),
        RUNTIME_TEST(test_symbol_that_leads_nowhere),
        RUNTIME_TEST(test_cookie),
        RUNTIME_TEST(test_cookie_twice),
        RUNTIME_TEST(test_shapes),
        RUNTIME_TEST(test_shape_named_by_the_module),
        RUNTIME_TEST(test_shape_across_a_border),
        RUNTIME_TEST(test_missing_page_beside_the_runtime),
        RUNTIME_TEST(test_nothing),
        RUNTIME_TEST(test_garbage),
        RUNTIME_TEST(test_false_cookies),
        RUNTIME_TEST(test_read_only_memory_is_not_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
