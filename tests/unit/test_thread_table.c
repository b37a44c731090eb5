/* Which threads are sampled, as they come, begin and end. */
#include "interpreters.h"
#include "sample/thread_table.h"

struct process {
    struct memory *memory;
    uint64_t interpreter;
    struct chosen chosen;
    struct thread_table thread_table;
};

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct process *process = calloc(1, sizeof *process);
    struct memory *memory = *state;
    process->memory = memory;
    process->chosen = (struct chosen){.runtime = {.address = make_runtime(memory)}, .layout = memory->layout};
    process->interpreter = make_interpreter(memory, process->chosen.runtime.address, 0, 0);
    make_thread(memory, process->interpreter, 0);
    sample_thread_table_init(&process->thread_table, memory->target, &process->chosen);
    *state = process;
    return 0;
}

static int teardown(void **state)
{
    struct process *process = *state;
    sample_thread_table_free(&process->thread_table);
    *state = process->memory;
    free(process);
    return memory_teardown(state);
}

/* clang-format off */
#define THREAD_TABLE_TEST(test, index, label) {#test " " label, test, setup, teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */
#define EACH(test) VERSIONS_EACH(THREAD_TABLE_TEST, test)

static void list(struct process *process, size_t count)
{
    assert_null(sample_thread_table_list(&process->thread_table));
    assert_int_equal(process->thread_table.count, count);
    assert_int_equal(sample_thread_table_check(&process->thread_table), THREAD_TABLE_CURRENT);
}

static const struct sampled_thread *thread_at(const struct process *process, uint64_t address)
{
    for (size_t i = 0; i < process->thread_table.count; i++)
        if (process->thread_table.threads[i]->address == address)
            return process->thread_table.threads[i];
    return NULL;
}

static void set_id(struct process *process, uint64_t thread, uint64_t id)
{
    put_u64(process->memory, FIELD_AT(process->memory, thread, thread_state, thread_id), id);
}

static void test_threads_come_and_go(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    list(process, 1);
    uint64_t first = make_thread(memory, process->interpreter, 1), second = make_thread(memory, process->interpreter, 2);
    assert_int_equal(sample_thread_table_check(&process->thread_table), THREAD_TABLE_CHANGED);
    list(process, 3);
    const struct sampled_thread *kept = thread_at(process, first);
    assert_int_equal(kept->born_by, 0);
    put_u64(memory, FIELD_AT(memory, process->interpreter, interpreter, threads_head), first);
    assert_int_equal(sample_thread_table_check(&process->thread_table), THREAD_TABLE_CHANGED);
    list(process, 2);
    assert_null(thread_at(process, second));
    assert_ptr_equal(thread_at(process, first), kept);
    assert_int_equal(process->thread_table.seen, 3);
}

/* Until it begins it has the identifier of the thread that has made it, or none; then it is another one than it was taken for. */
static void test_thread_that_has_not_begun(void **state)
{
    struct process *process = *state;
    uint64_t maker = make_thread(process->memory, process->interpreter, 1), made = make_thread(process->memory, process->interpreter, 2);
    const uint64_t before[] = {MAIN_THREAD + 1, 0};
    for (size_t i = 0; i < 2; i++) {
        set_id(process, made, before[i]);
        list(process, 3);
        assert_int_equal(thread_at(process, maker)->born_by, 0);
        assert_int_not_equal(thread_at(process, made)->born_by, 0);
        set_id(process, made, MAIN_THREAD + 2);
        assert_int_equal(sample_thread_table_check(&process->thread_table), THREAD_TABLE_CHANGED);
        list(process, 3);
        assert_int_equal(thread_at(process, made)->born_by, 0);
    }
}

/* Listing takes no longer than there are threads. */
static void test_very_many_threads(void **state)
{
    struct process *process = *state;
    enum { COUNT = 20000 };
    for (uint64_t i = 1; i < COUNT; i++)
        set_id(process, make_thread(process->memory, process->interpreter, i), MAIN_THREAD);
    list(process, COUNT);
    size_t unborn = 0;
    for (size_t i = 0; i < COUNT; i++)
        unborn += process->thread_table.threads[i]->born_by != 0;
    assert_int_equal(unborn, COUNT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_threads_come_and_go),
        EACH(test_thread_that_has_not_begun),
        THREAD_TABLE_TEST(test_very_many_threads, 6, "3.14"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
