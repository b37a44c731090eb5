/* What the kernel's side says of threads: which there are, and in what they wait. */
#include "memory.h"
#include "snapshot/kernel_threads.h"

static void test_found_by_id(void **state)
{
    (void)state;
    struct kernel_threads kernel;
    struct spprof_native_threads natives = {calloc(3, sizeof *natives.items), 3};
    for (size_t i = 0; i < 3; i++) /* in no order */
        natives.items[i].tid = natives.items[i].target_tid = 4711 + (int64_t)((i + 2) % 3);
    assert_null(snapshot_kernel_threads_init(&kernel, natives));
    for (int64_t tid = 4711; tid < 4714; tid++)
        assert_int_equal(snapshot_natives_find(&kernel.natives, tid)->tid, tid);
    const int64_t none[] = {0, 1, 4710, 4714, INT64_MAX, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(snapshot_natives_find(&kernel.natives, none[i]));
    assert_int_equal(snapshot_kernel_threads_unknown(&kernel), 3);
    kernel.known[1] = true;
    assert_int_equal(snapshot_kernel_threads_unknown(&kernel), 2);
    snapshot_kernel_threads_free(&kernel);
}

static void test_waiting(void **state)
{
    (void)state;
    struct spprof_native_thread thread = {.in_system_call = true, .system_call = 202, .system_call_argument = 0x1010};
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_X86_64, 0x1000, 0x100), SPPROF_TRUE);
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_X86_64, 0x1010, 1), SPPROF_TRUE);
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_X86_64, 0x1011, 0x100), SPPROF_FALSE);
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_X86_64, 0xf10, 0x100), SPPROF_FALSE);
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_FALSE);
    thread.system_call = 98;
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_TRUE);
    thread.in_system_call = false;
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_UNKNOWN);
    thread.activity = SPPROF_ACTIVITY_RUNNING;
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_FALSE);
    thread.activity = SPPROF_ACTIVITY_IDLE;
    assert_int_equal(snapshot_kernel_thread_waits_in(&thread, SPPROF_AARCH64, 0x1000, 0x100), SPPROF_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_id),
        cmocka_unit_test(test_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
