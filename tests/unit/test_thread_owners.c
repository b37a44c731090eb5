/* Which thread state is whose: by kernel ids, descriptors, and what threads keep in their own storage; and which are left over. */
#include "memory.h"
#include "snapshot/thread_owners.h"

enum { THREADS = 5, FIRST_TID = 4711, DESCRIPTOR = 2304, TID_OFFSET = 720, STORAGE_OFFSET = 800, STATE = 0x5000, DEAD_TID = 4000 };

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

static void put_tid(struct process *process, size_t index, int64_t tid)
{
    put_u32(process->memory, process->states[index].thread_id + TID_OFFSET, (uint32_t)tid);
}

/* PyGILState's variable. */
static void put_storage(struct process *process, uint64_t descriptor, size_t index)
{
    put_u64(process->memory, descriptor + STORAGE_OFFSET, process->states[index].address);
}

/* Five states of five threads, and two threads that are not Python's. The last state is the oldest, and the main thread's. */
static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct process *process = calloc(1, sizeof *process);
    process->memory = *state;
    process->memory->target->pid = FIRST_TID + THREADS - 1;
    for (size_t i = 0; i < THREADS; i++) {
        process->states[i] = (struct thread_state){
            .address = STATE + i * 0x100,
            .unique_id = THREADS - i,
            .attach_state = -1,
            .thread_id = make_descriptor(process, FIRST_TID + (int32_t)i, TID_OFFSET),
        };
        process->pointers[i] = &process->states[i];
    }
    process->interpreters[0] = (struct interpreter){.threads = process->pointers, .thread_count = THREADS};
    process->interpreter_pointers[0] = &process->interpreters[0];
    process->interpreter_pointers[1] = &process->interpreters[1];
    process->list = (struct thread_list){.interpreters = process->interpreter_pointers, .count = 1};
    struct spprof_native_threads natives = {calloc(THREADS + 2, sizeof *natives.items), THREADS + 2};
    for (size_t i = 0; i < natives.count; i++)
        natives.items[i].tid = natives.items[i].target_tid = FIRST_TID + (int64_t)((i + 3) % natives.count);
    assert_null(snapshot_kernel_threads_init(&process->kernel, natives));
    *state = process;
    return 0;
}

static int teardown(void **state)
{
    struct process *process = *state;
    snapshot_kernel_threads_free(&process->kernel);
    *state = process->memory;
    free(process);
    return memory_teardown(state);
}

/* As 3.11 and later. */
static void give_ids(struct process *process)
{
    for (size_t i = 0; i < THREADS; i++)
        process->states[i].native_thread_id = FIRST_TID + i;
}

static void find(struct process *process)
{
    memset(process->kernel.known, 0, process->kernel.natives.count);
    assert_null(snapshot_thread_owners_find(process->memory->target, &process->list, &process->kernel));
}

static void assert_lives(const struct process *process, size_t index, int64_t tid)
{
    const struct thread_owner *owner = &process->states[index].owner;
    assert_int_equal(owner->life, THREAD_LIVES);
    assert_int_equal(owner->native->tid, tid);
    assert_int_equal(owner->left_over, SPPROF_LEFT_OVER_NOT);
    assert_false(owner->stack_taken);
}

static void assert_left_over(const struct process *process, size_t index, enum spprof_left_over left_over, bool stack_taken)
{
    const struct thread_owner *owner = &process->states[index].owner;
    assert_int_equal(owner->life, THREAD_LEFT_OVER);
    assert_null(owner->native);
    assert_int_equal(owner->left_over, left_over);
    assert_int_equal(owner->stack_taken, stack_taken);
}

static void assert_untold(const struct process *process, size_t index)
{
    assert_int_equal(process->states[index].owner.life, THREAD_UNTOLD);
    assert_null(process->states[index].owner.native);
}

static void assert_all_live(struct process *process)
{
    for (size_t i = 0; i < THREADS; i++)
        assert_lives(process, i, FIRST_TID + (int64_t)i);
    assert_int_equal(snapshot_kernel_threads_unknown(&process->kernel), 2);
}

static void test_by_descriptors(void **state)
{
    find(*state);
    assert_all_live(*state);
}

static void test_by_ids(void **state)
{
    struct process *process = *state;
    give_ids(process);
    find(process);
    assert_all_live(process);
    for (size_t i = 0; i < THREADS; i++) /* of a kind that is not known: they say nothing */
        process->states[i].thread_id = 0x1000 + i;
    find(process);
    assert_all_live(process);
}

static void test_by_thread_pointers(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++) {
        snapshot_natives_find(&process->kernel.natives, FIRST_TID + (int64_t)i)->thread_pointer = process->states[i].thread_id;
        put_tid(process, i, 99);
    }
    find(process);
    assert_all_live(process);
    process->states[0].thread_id = 0; /* threads without a thread pointer are not meant */
    find(process);
    assert_untold(process, 0);
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
    find(process);
    assert_all_live(process);
}

/* A number that happens to be the id of a thread that exists, in some descriptors: the creator's, the process's. */
static void test_decoys(void **state)
{
    struct process *process = *state;
    struct memory *memory = process->memory;
    for (size_t i = 0; i < THREADS; i++) {
        put_u32(memory, process->states[i].thread_id + 96, i == 0 ? FIRST_TID + 5 : FIRST_TID);                   /* differs in two only */
        put_u32(memory, process->states[i].thread_id + 100, FIRST_TID);                                           /* the same in all */
        put_u32(memory, process->states[i].thread_id + 104, i == 0 ? 0 : (uint32_t)(FIRST_TID + (int32_t)i - 1)); /* not in all */
    }
    find(process);
    assert_all_live(process);
}

/* The newest interpreter comes first, and has no thread of its own yet, or one of the main one's. */
static void test_interpreters(void **state)
{
    struct process *process = *state;
    process->interpreters[1] = process->interpreters[0];
    process->interpreters[0] = (struct interpreter){.threads = NULL};
    process->list.count = 2;
    find(process);
    assert_all_live(process);
    struct thread_state second = process->states[4], *pointer = &second;
    second.address = STATE + 0x900;
    process->interpreters[0] = (struct interpreter){.threads = &pointer, .thread_count = 1};
    find(process);
    assert_all_live(process);
    assert_int_equal(second.owner.life, THREAD_LIVES);
    assert_int_equal(second.owner.native->tid, FIRST_TID + 4);
}

static void test_nothing_told(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++)
        put_tid(process, i, 99);
    find(process);
    for (size_t i = 0; i < THREADS; i++)
        assert_untold(process, i);
    for (size_t i = 0; i < THREADS; i++)
        process->states[i].thread_id = i == 0 ? 0 : NOWHERE;
    find(process);
    for (size_t i = 0; i < THREADS; i++)
        assert_untold(process, i);
    process->list.count = 0;
    find(process);
    assert_int_equal(snapshot_kernel_threads_unknown(&process->kernel), THREADS + 2);
}

/* The ids that the states tell are those of another PID namespace than the debugger's. */
static void test_other_namespace(void **state)
{
    struct process *process = *state;
    for (size_t i = 0; i < THREADS; i++) {
        process->states[i].native_thread_id = 10 + i;
        put_tid(process, i, 10 + (int64_t)i);
    }
    find(process);
    for (size_t i = 0; i < THREADS; i++)
        assert_untold(process, i);
    for (size_t i = 0; i < THREADS; i++)
        snapshot_natives_find(&process->kernel.natives, FIRST_TID + (int64_t)i)->thread_pointer = process->states[i].thread_id;
    find(process);
    assert_all_live(process);
}

static void test_no_kernel_threads(void **state)
{
    struct process *process = *state;
    struct kernel_threads none;
    assert_null(snapshot_kernel_threads_init(&none, (struct spprof_native_threads){NULL, 0}));
    assert_null(snapshot_thread_owners_find(process->memory->target, &process->list, &none));
    assert_untold(process, 0);
    snapshot_kernel_threads_free(&none);
}

/* Its descriptor is free, or unmapped; or there is no thread any more that has the id of 3.11. */
static void test_ended(void **state)
{
    struct process *process = *state;
    process->memory->target->began_by_exec = true;
    put_tid(process, 1, 0);
    process->states[2].thread_id = NOWHERE;
    find(process);
    assert_lives(process, 0, FIRST_TID);
    assert_left_over(process, 1, SPPROF_LEFT_OVER_ENDED, false);
    assert_left_over(process, 2, SPPROF_LEFT_OVER_ENDED, false);
    assert_lives(process, 3, FIRST_TID + 3);
    process->memory->target->began_by_exec = false;
    find(process);
    assert_left_over(process, 1, SPPROF_LEFT_OVER_GONE, false);
    give_ids(process);
    process->states[1].native_thread_id = DEAD_TID + 1;
    process->states[2].native_thread_id = DEAD_TID + 2;
    find(process);
    assert_left_over(process, 1, SPPROF_LEFT_OVER_ENDED, false);
    assert_left_over(process, 2, SPPROF_LEFT_OVER_ENDED, false);
    assert_lives(process, 4, FIRST_TID + 4);
}

/* The states 1 to 3 are of threads that have ended; their pthread_t was handed out again each time, and is that of the thread of state 0 now. */
static void share_descriptor(struct process *process)
{
    process->memory->target->began_by_exec = true;
    for (size_t i = 1; i < 4; i++)
        process->states[i].thread_id = process->states[0].thread_id;
}

static void assert_shared(struct process *process)
{
    find(process);
    assert_lives(process, 0, FIRST_TID);
    for (size_t i = 1; i < 4; i++)
        assert_left_over(process, i, SPPROF_LEFT_OVER_ENDED, true);
    assert_lives(process, 4, FIRST_TID + 4);
    assert_int_equal(snapshot_kernel_threads_unknown(&process->kernel), THREADS);
}

static void test_descriptor_handed_out_again(void **state)
{
    struct process *process = *state;
    share_descriptor(process);
    assert_shared(process); /* the newest one it is */
    put_storage(process, process->states[0].thread_id, 0);
    put_storage(process, process->states[4].thread_id, 4);
    assert_shared(process);
    for (size_t i = 0; i < THREADS; i++)
        process->states[i].native_thread_id = i == 0 || i == 4 ? FIRST_TID + i : DEAD_TID + i;
    assert_shared(process);
}

/* And it was handed out to a thread that is none of Python's. */
static void test_descriptor_of_a_stranger(void **state)
{
    struct process *process = *state;
    share_descriptor(process);
    put_storage(process, process->states[4].thread_id, 4); /* what a thread's storage does not name is not its own then */
    find(process);
    for (size_t i = 0; i < 4; i++)
        assert_left_over(process, i, SPPROF_LEFT_OVER_ENDED, true);
    assert_lives(process, 4, FIRST_TID + 4);
    assert_int_equal(snapshot_kernel_threads_unknown(&process->kernel), THREADS + 1);
    for (size_t i = 0; i < 4; i++)
        process->states[i].native_thread_id = DEAD_TID + i;
    process->states[4].native_thread_id = FIRST_TID + 4;
    find(process);
    for (size_t i = 0; i < 4; i++)
        assert_left_over(process, i, SPPROF_LEFT_OVER_ENDED, true);
}

/* The kernel hands its ids out again, too: the descriptor tells that the thread with this id is another. */
static void test_id_handed_out_again(void **state)
{
    struct process *process = *state;
    give_ids(process);
    process->states[1].native_thread_id = FIRST_TID + 5;
    put_tid(process, 1, 0);
    find(process);
    assert_left_over(process, 1, SPPROF_LEFT_OVER_ENDED, false);
    process->states[1].native_thread_id = FIRST_TID;
    find(process);
    assert_lives(process, 0, FIRST_TID);
    assert_left_over(process, 1, SPPROF_LEFT_OVER_ENDED, false);
}

/* C code forks and tells nobody: one thread is left, whose id is new. */
static void test_fork(void **state)
{
    struct process *process = *state;
    process->kernel.natives.count = 1;
    process->kernel.natives.items[0] = (struct spprof_native_thread){.tid = 9000, .target_tid = 9000};
    process->memory->target->pid = 9000;
    for (size_t forking = 0; forking < THREADS; forking++) {
        give_ids(process);
        for (size_t i = 0; i < THREADS; i++)
            put_tid(process, i, i == forking ? 9000 : 0);
        find(process);
        for (size_t i = 0; i < THREADS; i++)
            if (i == forking)
                assert_lives(process, i, 9000);
            else
                assert_left_over(process, i, SPPROF_LEFT_OVER_FORK, false);
        for (size_t i = 0; i < THREADS; i++)
            process->states[i].native_thread_id = 0; /* before 3.11 */
        find(process);
        assert_lives(process, forking, 9000);
        assert_left_over(process, (forking + 1) % THREADS, SPPROF_LEFT_OVER_GONE, false);
    }
}

/* Since then a thread has begun, on the stack of one that is not there; and one has ended. */
static void test_threads_after_a_fork(void **state)
{
    struct process *process = *state;
    const int64_t tids[THREADS] = {9001, 0, 0, 0, 9000};
    process->kernel.natives.count = 2;
    for (size_t i = 0; i < 2; i++)
        process->kernel.natives.items[i] = (struct spprof_native_thread){.tid = 9000 + (int64_t)i, .target_tid = 9000 + (int64_t)i};
    process->memory->target->pid = 9000;
    give_ids(process);
    process->states[0].native_thread_id = 9001;
    process->states[1].native_thread_id = 9002;
    for (size_t i = 0; i < THREADS; i++)
        put_tid(process, i, tids[i]);
    process->states[3].thread_id = process->states[0].thread_id;
    find(process);
    assert_lives(process, 0, 9001);
    assert_left_over(process, 1, SPPROF_LEFT_OVER_ENDED, false);
    assert_left_over(process, 2, SPPROF_LEFT_OVER_FORK, false);
    assert_left_over(process, 3, SPPROF_LEFT_OVER_FORK, true);
    assert_lives(process, 4, 9000);
}

/* Until 3.11 a state that was made for a new thread says the ids of the thread that has made it; from 3.12 on it says none. */
static void test_thread_that_has_not_begun(void **state)
{
    struct process *process = *state;
    process->states[0].thread_id = process->states[4].thread_id;
    for (int with_ids = 0; with_ids <= 1; with_ids++) {
        if (with_ids)
            give_ids(process);
        process->states[0].native_thread_id = process->states[4].native_thread_id;
        put_storage(process, process->states[4].thread_id, 4);
        find(process);
        assert_lives(process, 4, FIRST_TID + 4);
        assert_int_equal(process->states[0].owner.life, THREAD_FURTHER);
        assert_int_equal(process->states[0].owner.native->tid, FIRST_TID + 4);
    }
    process->states[0].thread_id = process->states[0].native_thread_id = 0;
    find(process);
    assert_untold(process, 0);
    assert_lives(process, 4, FIRST_TID + 4);
}

/* A thread that has several states of its own runs with one of them. */
static void test_states_of_one_thread(void **state)
{
    struct process *process = *state;
    give_ids(process);
    for (size_t i = 0; i < 2; i++) {
        process->states[i].thread_id = process->states[4].thread_id;
        process->states[i].native_thread_id = FIRST_TID + 4;
    }
    find(process);
    assert_lives(process, 4, FIRST_TID + 4); /* nothing tells: the first one that it had */
    put_storage(process, process->states[4].thread_id, 1);
    find(process);
    assert_lives(process, 1, FIRST_TID + 4);
    assert_int_equal(process->states[4].owner.life, THREAD_FURTHER);
    process->states[0].attach_state = 1;
    find(process);
    assert_lives(process, 0, FIRST_TID + 4);
    process->states[0].attach_state = 0;
    process->interpreters[0].gil_known = process->interpreters[0].gil_enabled = process->interpreters[0].gil_locked = true;
    process->interpreters[0].gil_holder = process->states[4].address;
    find(process);
    assert_lives(process, 4, FIRST_TID + 4);
    assert_int_equal(process->states[0].owner.life, THREAD_FURTHER);
    assert_int_equal(process->states[1].owner.life, THREAD_FURTHER);
}

#define OWNERS_TEST(test)                                                                                                                            \
    {                                                                                                                                                \
#test, test, setup, teardown, (void *)(uintptr_t)&versions[0]                                                                                \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWNERS_TEST(test_by_descriptors),
        OWNERS_TEST(test_by_ids),
        OWNERS_TEST(test_by_thread_pointers),
        OWNERS_TEST(test_descriptor_at_the_end_of_memory),
        OWNERS_TEST(test_decoys),
        OWNERS_TEST(test_interpreters),
        OWNERS_TEST(test_nothing_told),
        OWNERS_TEST(test_other_namespace),
        OWNERS_TEST(test_no_kernel_threads),
        OWNERS_TEST(test_ended),
        OWNERS_TEST(test_descriptor_handed_out_again),
        OWNERS_TEST(test_descriptor_of_a_stranger),
        OWNERS_TEST(test_id_handed_out_again),
        OWNERS_TEST(test_fork),
        OWNERS_TEST(test_threads_after_a_fork),
        OWNERS_TEST(test_thread_that_has_not_begun),
        OWNERS_TEST(test_states_of_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
