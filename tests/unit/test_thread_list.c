/* Interpreters and their threads, whole and damaged. */
#include "interpreters.h"
#include "frames/thread_list.h"

struct process {
    struct memory *memory;
    uint64_t runtime;
    struct thread_list list;
    bool listed;
};

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct process *process = calloc(1, sizeof *process);
    struct memory *memory = *state;
    process->memory = memory;
    process->runtime = make_runtime(memory);
    *state = process;
    return 0;
}

static void forget_list(struct process *process)
{
    if (process->listed)
        frames_thread_list_free(&process->list);
    process->listed = false;
}

static int teardown(void **state)
{
    struct process *process = *state;
    forget_list(process);
    *state = process->memory;
    free(process);
    return memory_teardown(state);
}

/* clang-format off */
#define LIST_TEST(test, index, label) {#test " " label, test, setup, teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */
#define GIL_IN_THE_RUNTIME(test) VERSIONS_BEFORE_3_11(LIST_TEST, test), LIST_TEST(test, 2, "3.11")
#define FREE_THREADED(test) VERSIONS_FREE_THREADED(LIST_TEST, test)
#define GIL_BEHIND(test) VERSIONS_SINCE_3_12(LIST_TEST, test)
#define EACH(test) VERSIONS_EACH(LIST_TEST, test)

static void list(struct process *process)
{
    struct memory *memory = process->memory;
    forget_list(process);
    forget_reads(memory);
    target_read_cache_clear(memory->reader.cache);
    frames_thread_list_init(&process->list, process->runtime);
    process->listed = true;
    bool settled;
    do
        settled = frames_thread_list_step(&process->list, &memory->reader);
    while (target_read_cache_fetch(memory->reader.cache));
    assert_true(settled);
}

static void assert_says(const char *text, const char *words)
{
    assert_non_null(text);
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void test_no_interpreter(void **state)
{
    struct process *process = *state;
    list(process);
    assert_int_equal(process->list.count, 0);
    assert_null(process->list.truncated);
}

static void test_threads_in_their_order(void **state)
{
    struct process *process = *state;
    uint64_t interpreter = make_interpreter(process->memory, process->runtime, 0, 0), threads[20];
    for (uint64_t i = 0; i < 20; i++)
        threads[i] = make_thread(process->memory, interpreter, i);
    list(process);
    assert_int_equal(process->list.count, 1);
    assert_int_equal(process->list.main_thread, MAIN_THREAD);
    const struct interpreter *found = process->list.interpreters[0];
    assert_true(found->is_main);
    assert_int_equal(found->id, 0);
    assert_null(found->truncated);
    assert_int_equal(found->thread_count, 20);
    bool has_native = LAYOUT(&process->memory->layout, thread_state, native_thread_id) != LAYOUT_ABSENT;
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(found->threads[i]->address, threads[19 - i]);
        assert_int_equal(found->threads[i]->thread_id, MAIN_THREAD + 19 - i);
        assert_int_equal(found->threads[i]->unique_id, 19 - i);
        assert_int_equal(found->threads[i]->native_thread_id, has_native ? 1000 + 19 - i : 0);
    }
}

static void test_two_interpreters(void **state)
{
    struct process *process = *state;
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0), second = make_interpreter(process->memory, process->runtime, 1, main);
    for (uint64_t i = 0; i < 5; i++) {
        make_thread(process->memory, main, i);
        make_thread(process->memory, second, 100 + i);
    }
    list(process);
    assert_int_equal(process->list.count, 2);
    assert_null(process->list.truncated);
    for (size_t i = 0; i < 2; i++) {
        const struct interpreter *found = process->list.interpreters[i];
        assert_int_equal(found->address, i == 0 ? second : main);
        assert_int_equal(found->id, i == 0);
        assert_int_equal(found->is_main, i == 1);
        assert_int_equal(found->thread_count, 5);
        for (size_t j = 0; j < 5; j++)
            assert_int_equal(found->threads[j]->unique_id, (i == 0 ? 104u : 4u) - j);
    }
    assert_true(process->memory->batches < 12); /* both lists are gone through at the same time */
}

/* However the chain goes: nobody is listed twice, and what came before the circle is there. */
static void test_circles_of_threads(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    enum { THREADS = 40 };
    uint64_t interpreter = make_interpreter(process->memory, process->runtime, 0, 0), threads[THREADS];
    for (uint64_t i = 0; i < THREADS; i++)
        threads[i] = make_thread(process->memory, interpreter, i);
    for (size_t target = 0; target < THREADS; target++) {
        put_u64(memory, FIELD_AT(memory, threads[0], thread_state, next), threads[target]);
        list(process);
        const struct interpreter *found = process->list.interpreters[0];
        assert_says(found->truncated, "circle");
        assert_int_equal(found->thread_count, THREADS);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(found->threads[i]->address, threads[THREADS - 1 - i]);
    }
}

static void test_circle_of_interpreters(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t first = make_interpreter(process->memory, process->runtime, 0, 0),
             second = make_interpreter(process->memory, process->runtime, 1, first);
    const uint64_t targets[] = {first, second, make_interpreter(process->memory, process->runtime, 2, second)};
    make_thread(process->memory, first, 1);
    for (size_t i = 0; i < 3; i++) {
        put_u64(memory, FIELD_AT(memory, first, interpreter, next), targets[i]);
        list(process);
        assert_int_equal(process->list.count, 3);
        assert_says(process->list.truncated, "circle");
        assert_int_equal(process->list.interpreters[2]->thread_count, 1);
    }
}

static void test_thread_of_another_interpreter(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0), second = make_interpreter(process->memory, process->runtime, 1, main);
    make_thread(process->memory, main, 0);
    uint64_t strange = make_thread(process->memory, main, 1);
    make_thread(process->memory, main, 2);
    make_thread(process->memory, second, 3);
    put_u64(memory, FIELD_AT(memory, strange, thread_state, interp), second);
    list(process);
    const struct interpreter *found = process->list.interpreters[1];
    /* Nothing leads from it to the next one; the main thread's is found all the same. */
    assert_int_equal(found->thread_count, 2);
    assert_int_equal(found->threads[0]->unique_id, 2);
    assert_int_equal(found->threads[1]->unique_id, 0);
    assert_says(found->doubt, "does not belong to its interpreter");
    assert_int_equal(process->list.interpreters[0]->thread_count, 1);
    assert_null(process->list.interpreters[0]->truncated);
}

static void test_lists_that_leave_memory(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t interpreter = make_interpreter(process->memory, process->runtime, 0, NOWHERE), thread = make_thread(process->memory, interpreter, 0);
    put_u64(memory, FIELD_AT(memory, thread, thread_state, next), NOWHERE);
    list(process);
    assert_int_equal(process->list.count, 1);
    assert_says(process->list.truncated, "is not mapped");
    assert_int_equal(process->list.interpreters[0]->thread_count, 1);
    assert_says(process->list.interpreters[0]->truncated, "is not mapped");
    put_u64(memory, FIELD_AT(memory, thread, thread_state, next), thread + 4);
    put_u64(memory, FIELD_AT(memory, interpreter, interpreter, next), interpreter + 1);
    list(process);
    assert_says(process->list.truncated, "is not aligned");
    assert_says(process->list.interpreters[0]->truncated, "is not aligned");
    put_u64(memory, FIELD_AT(memory, process->runtime, runtime, interpreters_head), NOWHERE);
    list(process);
    assert_int_equal(process->list.count, 0);
    assert_says(process->list.truncated, "is not mapped");
}

static void test_runtime_missing(void **state)
{
    struct process *process = *state;
    process->runtime = NOWHERE;
    list(process);
    assert_int_equal(process->list.count, 0);
    assert_says(process->list.truncated, "is not mapped");
}

/* One that cannot be read costs the other nothing. */
static void test_interpreter_half_missing(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0), second = make_interpreter(process->memory, process->runtime, 1, main);
    make_thread(process->memory, main, 0);
    make_thread(process->memory, second, 1);
    make_hole(memory, FIELD_AT(memory, second, interpreter, threads_head), 8, SPPROF_READ_NOT_IN_CORE);
    list(process);
    assert_int_equal(process->list.count, 2);
    assert_says(process->list.interpreters[0]->truncated, "is not in the core file");
    assert_int_equal(process->list.interpreters[1]->thread_count, 1);
    assert_null(process->list.interpreters[1]->truncated);
}

static void put_gil(struct memory *memory, uint64_t gil, uint64_t holder, uint32_t locked)
{
    put_u64(memory, FIELD_AT(memory, gil, gil, last_holder), holder);
    put_u32(memory, FIELD_AT(memory, gil, gil, locked), locked);
}

static void assert_gil(const struct interpreter *interpreter, uint64_t gil, uint64_t holder, bool locked)
{
    assert_true(interpreter->gil_known);
    assert_int_equal(interpreter->gil, gil);
    assert_int_equal(interpreter->gil_holder, holder);
    assert_int_equal(interpreter->gil_locked, locked);
}

static void test_gil_of_the_runtime(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0), thread = make_thread(process->memory, main, 0);
    uint64_t gil = FIELD_AT(memory, process->runtime, runtime, gil);
    make_interpreter(process->memory, process->runtime, 1, main);
    put_gil(memory, gil, thread, 1);
    list(process);
    for (size_t i = 0; i < 2; i++) {
        assert_gil(process->list.interpreters[i], gil, thread, true);
        assert_true(process->list.interpreters[i]->gil_enabled);
    }
    put_gil(memory, gil, thread, 0);
    list(process);
    assert_gil(process->list.interpreters[0], gil, thread, false);
    put_gil(memory, gil, thread, UINT32_MAX); /* -1: there is no GIL yet */
    list(process);
    assert_gil(process->list.interpreters[0], gil, thread, false);
}

static void test_gil_of_each_interpreter(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0), second = make_interpreter(process->memory, process->runtime, 1, main);
    uint64_t first_gil = place_apart(memory, 256), second_gil = place_apart(memory, 256);
    uint64_t first_thread = make_thread(process->memory, main, 0), second_thread = make_thread(process->memory, second, 1);
    put_u64(memory, FIELD_AT(memory, main, interpreter, gil), first_gil);
    put_u64(memory, FIELD_AT(memory, second, interpreter, gil), second_gil);
    put_gil(memory, first_gil, first_thread, 1);
    put_gil(memory, second_gil, second_thread, 0);
    list(process);
    assert_gil(process->list.interpreters[1], first_gil, first_thread, true);
    assert_gil(process->list.interpreters[0], second_gil, second_thread, false);
    assert_int_equal(process->list.interpreters[0]->gil_enabled, !memory->layout.free_threaded);
}

static void test_gil_switched_on(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0), gil = place_apart(memory, 256);
    put_u64(memory, FIELD_AT(memory, main, interpreter, gil), gil);
    for (uint32_t enabled = 0; enabled < 2; enabled++) {
        put_u32(memory, FIELD_AT(memory, gil, gil, enabled), enabled);
        list(process);
        assert_true(process->list.interpreters[0]->gil_known);
        assert_int_equal(process->list.interpreters[0]->gil_enabled, enabled);
    }
}

/* That it cannot be read is no reason to lose a thread. */
static void test_gil_missing(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    static const uint64_t places[] = {0, NOWHERE, ARENA + 4, UINT64_MAX};
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0);
    make_thread(process->memory, main, 0);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        put_u64(memory, FIELD_AT(memory, main, interpreter, gil), places[i]);
        list(process);
        assert_false(process->list.interpreters[0]->gil_known);
        assert_int_equal(process->list.interpreters[0]->thread_count, 1);
        assert_null(process->list.interpreters[0]->truncated);
    }
}

static void test_collecting(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t main = make_interpreter(process->memory, process->runtime, 0, 0);
    list(process);
    assert_false(process->list.interpreters[0]->collecting);
    put_u32(memory, FIELD_AT(memory, main, interpreter, gc_collecting), 1);
    if (LAYOUT(&memory->layout, interpreter, gc_frame) != LAYOUT_ABSENT)
        put_u64(memory, FIELD_AT(memory, main, interpreter, gc_frame), 0x1230);
    list(process);
    assert_true(process->list.interpreters[0]->collecting);
    assert_int_equal(process->list.interpreters[0]->gc_frame, LAYOUT(&memory->layout, interpreter, gc_frame) != LAYOUT_ABSENT ? 0x1230 : 0);
}

static void test_states_of_a_thread(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    uint64_t thread = make_thread(process->memory, make_interpreter(process->memory, process->runtime, 0, 0), 0);
    bool has_state = LAYOUT(&memory->layout, thread_state, attach_state) != LAYOUT_ABSENT;
    bool has_request = LAYOUT(&memory->layout, thread_state, gil_requested) != LAYOUT_ABSENT;
    if (has_state)
        put_u32(memory, FIELD_AT(memory, thread, thread_state, attach_state), 2);
    if (has_request)
        put_u32(memory, FIELD_AT(memory, thread, thread_state, gil_requested), 1);
    list(process);
    assert_int_equal(process->list.interpreters[0]->threads[0]->attach_state, has_state ? 2 : -1);
    assert_int_equal(process->list.interpreters[0]->threads[0]->gil_requested, has_request);
}

static void test_very_many_threads(void **state)
{
    struct process *process = *state;
    enum { MANY = 5000 };
    uint64_t interpreter = make_interpreter(process->memory, process->runtime, 0, 0);
    for (uint64_t i = 0; i < MANY; i++)
        make_thread(process->memory, interpreter, i);
    list(process);
    assert_int_equal(process->list.interpreters[0]->thread_count, MANY);
    assert_null(process->list.interpreters[0]->truncated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_no_interpreter),
        EACH(test_threads_in_their_order),
        EACH(test_two_interpreters),
        EACH(test_circles_of_threads),
        EACH(test_circle_of_interpreters),
        EACH(test_thread_of_another_interpreter),
        EACH(test_lists_that_leave_memory),
        EACH(test_runtime_missing),
        EACH(test_interpreter_half_missing),
        GIL_IN_THE_RUNTIME(test_gil_of_the_runtime),
        GIL_BEHIND(test_gil_of_each_interpreter),
        FREE_THREADED(test_gil_switched_on),
        GIL_BEHIND(test_gil_missing),
        EACH(test_collecting),
        EACH(test_states_of_a_thread),
        EACH(test_very_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
