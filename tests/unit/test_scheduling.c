/* Where the kernel lets a sampler run, and what it says of where a thread ran; of this very process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sample/activity.h"
#include "target/live_linux/turn.h"
#include "target/scheduling.h"

static cpu_set_t allowed_cpus(void)
{
    cpu_set_t allowed;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    return allowed;
}

static void test_leaves_a_cpu_that_is_used(void **state)
{
    (void)state;
    enum { TIMES = 1000 };
    cpu_set_t before = allowed_cpus();
    bool left = false;
    if (CPU_COUNT(&before) < 2)
        skip();
    for (int i = 0; i < TIMES && !left; i++) { /* the kernel may bring it back at once */
        int here = sched_getcpu();
        struct cpus used = {0};
        target_cpus_add(&used, here);
        target_scheduling_avoid(&used);
        left = sched_getcpu() != here;
        cpu_set_t after = allowed_cpus();
        assert_true(CPU_EQUAL(&after, &before));
    }
    assert_true(left);
}

static void test_stays_where_there_is_no_other(void **state)
{
    (void)state;
    cpu_set_t before = allowed_cpus(), after;
    struct cpus all = {0};
    target_scheduling_avoid(&(struct cpus){0});
    for (int cpu = -1; cpu <= CPU_SETSIZE; cpu++)
        target_cpus_add(&all, cpu);
    target_scheduling_avoid(&all);
    after = allowed_cpus();
    assert_true(CPU_EQUAL(&after, &before));
}

static void test_short_turns_change_nothing_else(void **state)
{
    (void)state;
    int policy = sched_getscheduler(0), nice = getpriority(PRIO_PROCESS, 0);
    target_scheduling_take_short_turns();
    assert_int_equal(sched_getscheduler(0), policy);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), nice);
}

static void test_first_in_line_for_a_while(void **state)
{
    (void)state;
    int policy = sched_getscheduler(0), nice = getpriority(PRIO_PROCESS, 0);
    struct turn before;
    target_scheduling_take_short_turns();
    for (int i = 0; i < 2; i++) {
        if (!target_turn_go_first(&before))
            skip(); /* which needs a privilege */
        assert_int_equal(sched_getscheduler(0), SCHED_FIFO);
        target_turn_take_again(&before);
        assert_int_equal(sched_getscheduler(0), policy);
        assert_int_equal(getpriority(PRIO_PROCESS, 0), nice);
    }
}

static void test_what_the_kernel_says_of_a_thread(void **state)
{
    (void)state;
    cpu_set_t allowed = allowed_cpus();
    struct activity activity;
    sample_activity_open(&activity, getpid(), getpid());
    assert_int_equal(activity.cpu, -1);
    assert_int_equal(sample_activity_ask(&activity, 1), SPPROF_ACTIVITY_RUNNING);
    assert_in_range(activity.cpu, 0, CPU_SETSIZE - 1);
    assert_true(CPU_ISSET((unsigned)activity.cpu, &allowed));
    struct cpu_use before = sample_activity_use(&activity);
    usleep(1000);
    struct cpu_use after = sample_activity_use(&activity);
    assert_true(before.turns == 0 || (after.turns > before.turns && after.time > before.time)); /* 0: a kernel that does not tell */
    sample_activity_close(&activity);
    assert_int_equal(sample_activity_ask(&activity, 2), SPPROF_ACTIVITY_UNKNOWN);
    assert_int_equal(activity.cpu, -1);
    assert_int_equal(sample_activity_use(&activity).turns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_a_cpu_that_is_used),        cmocka_unit_test(test_stays_where_there_is_no_other),
        cmocka_unit_test(test_short_turns_change_nothing_else),  cmocka_unit_test(test_first_in_line_for_a_while),
        cmocka_unit_test(test_what_the_kernel_says_of_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
