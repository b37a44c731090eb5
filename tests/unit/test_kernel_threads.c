/* Where a thread's descriptor keeps the kernel's id, learnt from descriptors; and what the kernel's side says of waiting. */
#include "memory.h"
#include "walk/kernel_threads.h"

enum { THREADS = 5, FIRST_TID = 4711, DESCRIPTOR = 2304, TID_OFFSET = 720 };

struct process {
    struct memory *memory;
    struct thread_state states[THREADS];
    struct thread_state *pointers[THREADS];
    struct interpreter interpreters[2], *interpreter_pointers[2];
    struct thread_list list;
    struct kernel_threads kernel;
};

static uint64_t make_descriptor(struct process *process, int32_t tid, uint64_t offset)
{
    uint64_t descriptor = place_apart(process->memory, DESCRIPTOR);
    put_u32(process->memory, descriptor + offset, (uint32_t)tid);
    return descriptor;
}

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct process *process = calloc(1, sizeof *process);
    process->memory = *state;
    for (size_t i = 0; i < THREADS; i++) {
        process->states[i] = (struct thread_state){.thread_id = make_descriptor(process, FIRST_TID + (int32_t)i, TID_OFFSET)};
        process->pointers[i] = &process->states[i];
    }
    process->interpreters[0] = (struct interpreter){.threads = process->pointers, .thread_count = THREADS};
    process->interpreter_pointers[0] = &process->interpreters[0];
    process->interpreter_pointers[1] = &process->interpreters[1];
    process->list = (struct thread_list){.interpreters = process->interpreter_pointers, .count = 1};
    struct spprof_native_threads natives = {calloc(THREADS + 2, sizeof *natives.items), THREADS + 2};
    for (size_t i = 0; i < natives.count; i++) /* in no order; two of them are not Python's */
        natives.items[i].tid = natives.items[i].target_tid = FIRST_TID + (int64_t)((i + 3) % natives.count);
    assert_null(kernel_threads_init(&process->kernel, process->memory->target, natives));
    *state = process;
    return 0;
}

static int teardown(void **state)
{
    struct process *process = *state;
    kernel_threads_free(&process->kernel);
    *state = process->memory;
    free(process);
    return memory_teardown(state);
}

static void learn(struct process *process)
{
    process->kernel.descriptor_offset = 0;
    kernel_threads_learn_descriptors(&process->kernel, &process->list);
}

static void assert_found(struct process *process, size_t index, int64_t tid)
{
    const struct spprof_native_thread *native = kernel_threads_find(&process->kernel, &process->states[index]);
    assert_int_equal(native == NULL ? 0 : native->tid, tid);
}

static void assert_all_found(struct process *process)
{
    for (size_t i = 0; i < THREADS; i++)
        assert_found(process, i, FIRST_TID + (int64_t)i);
    assert_int_equal(kernel_threads_unknown(&process->kernel), 2);
}

static void test_learnt(void **state)
{
    struct process *process = *state;
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, TID_OFFSET);
    assert_int_equal(kernel_threads_unknown(&process->kernel), THREADS + 2);
    assert_all_found(process);
}

/* musl's descriptors are small: what follows them need not be mapped. */
static void test_descriptor_at_the_end_of_memory(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++) {
        uint64_t page = place_apart(process->memory, 2 * PAGE_SIZE), descriptor = page + PAGE_SIZE - 200;
        put_u32(process->memory, descriptor + 48, (uint32_t)(FIRST_TID + (int32_t)i));
        make_hole(process->memory, page + PAGE_SIZE, PAGE_SIZE, SPPROF_READ_UNMAPPED);
        process->states[i].thread_id = descriptor;
    }
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, 48);
    assert_all_found(process);
}

/* A number that happens to be the id of a thread that exists, in some descriptors: the creator's, the process's. */
static void test_decoys(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    for (size_t i = 0; i < THREADS; i++) {
        put_u32(memory, process->states[i].thread_id + 100, FIRST_TID);                                           /* the same in all */
        put_u32(memory, process->states[i].thread_id + 104, i == 0 ? 0 : (uint32_t)(FIRST_TID + (int32_t)i - 1)); /* not in all */
    }
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, TID_OFFSET);
}

static void test_decoy_that_differs_in_two_threads_only(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++)
        put_u32(process->memory, process->states[i].thread_id + 100, i == 0 ? FIRST_TID + 5 : FIRST_TID);
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, TID_OFFSET);
    assert_all_found(process);
}

static void test_one_bad_descriptor(void **state)
{
    struct process *process = *state;
    process->states[2].thread_id = NOWHERE;
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, TID_OFFSET);
    assert_found(process, 2, 0);
    assert_found(process, 3, FIRST_TID + 3);
}

/* The newest interpreter comes first, and may have no thread of its own yet. */
static void test_first_interpreter_without_threads(void **state)
{
    struct process *process = *state;
    process->interpreters[1] = process->interpreters[0];
    process->interpreters[0] = (struct interpreter){.threads = NULL};
    process->list.count = 2;
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, TID_OFFSET);
}

/* The newest interpreter has one thread, whose descriptor alone leaves it open which number is its id. */
static void test_first_interpreter_with_one_thread(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++)
        put_u32(process->memory, process->states[i].thread_id + 100, FIRST_TID);
    process->interpreters[1] = process->interpreters[0];
    process->interpreters[0] = (struct interpreter){.threads = process->pointers, .thread_count = 1};
    process->list.count = 2;
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, TID_OFFSET);
}

static void test_nothing_to_learn(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++)
        put_u32(process->memory, process->states[i].thread_id + TID_OFFSET, 99);
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, 0);
    assert_found(process, 0, 0);
    for (size_t i = 0; i < THREADS; i++)
        process->states[i].thread_id = i == 0 ? 0 : NOWHERE;
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, 0);
    process->list.count = 0;
    learn(process);
    assert_int_equal(process->kernel.descriptor_offset, 0);
}

static void test_native_id_wins(void **state)
{
    struct process *process = *state;
    learn(process);
    process->states[0].native_thread_id = FIRST_TID + 4;
    assert_found(process, 0, FIRST_TID + 4);
    process->states[0].native_thread_id = 1; /* of the parent, before fork */
    assert_found(process, 0, FIRST_TID);
    process->states[0].native_thread_id = UINT64_MAX;
    assert_found(process, 0, FIRST_TID);
}

static void test_thread_pointer(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++)
        process->kernel.natives.items[i].thread_pointer = process->states[i].thread_id;
    assert_all_found(process);
    process->states[0].thread_id = 0; /* natives without a thread pointer are not meant */
    assert_found(process, 0, 0);
}

static void test_no_kernel_threads(void **state)
{
    struct process *process = *state;
    struct kernel_threads none;
    assert_null(kernel_threads_init(&none, process->memory->target, (struct spprof_native_threads){NULL, 0}));
    kernel_threads_learn_descriptors(&none, &process->list);
    assert_null(kernel_threads_find(&none, &process->states[0]));
    assert_int_equal(kernel_threads_unknown(&none), 0);
    kernel_threads_free(&none);
}

static void test_waiting(void **state)
{
    (void)state;
    struct spprof_native_thread thread = {.in_system_call = true, .system_call = 202, .system_call_argument = 0x1010};
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_X86_64, 0x1000, 0x100), SPPROF_TRUE);
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_X86_64, 0x1010, 1), SPPROF_TRUE);
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_X86_64, 0x1011, 0x100), SPPROF_FALSE);
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_X86_64, 0xf10, 0x100), SPPROF_FALSE);
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_FALSE);
    thread.system_call = 98;
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_TRUE);
    thread.in_system_call = false;
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_UNKNOWN);
    thread.activity = SPPROF_ACTIVITY_RUNNING;
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_FALSE);
    thread.activity = SPPROF_ACTIVITY_IDLE;
    assert_int_equal(kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_UNKNOWN);
}

#define KERNEL_TEST(test) {#test, test, setup, teardown, (void *)(uintptr_t)&versions[0]}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KERNEL_TEST(test_learnt),
        KERNEL_TEST(test_descriptor_at_the_end_of_memory),
        KERNEL_TEST(test_decoys),
        KERNEL_TEST(test_decoy_that_differs_in_two_threads_only),
        KERNEL_TEST(test_one_bad_descriptor),
        KERNEL_TEST(test_first_interpreter_without_threads),
        KERNEL_TEST(test_first_interpreter_with_one_thread),
        KERNEL_TEST(test_nothing_to_learn),
        KERNEL_TEST(test_native_id_wins),
        KERNEL_TEST(test_thread_pointer),
        KERNEL_TEST(test_no_kernel_threads),
        KERNEL_TEST(test_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
