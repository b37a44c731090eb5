/* Ticks and durations of sampling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sample/clock.h"

static void test_quantiles(void **state)
{
    (void)state;
    static struct durations durations;
    memset(&durations, 0, sizeof durations);
    assert_true(sample_durations_quantile_us(&durations, 0.5) == 0);
    for (uint64_t us = 1; us <= 1000; us++)
        sample_durations_add(&durations, us * 1000);
    assert_in_range((uint64_t)sample_durations_quantile_us(&durations, 0.5), 470, 530);
    assert_in_range((uint64_t)sample_durations_quantile_us(&durations, 0.99), 930, 1050);
    assert_int_equal(durations.longest, 1000000);
}

static void test_extreme_durations(void **state)
{
    (void)state;
    static struct durations durations;
    memset(&durations, 0, sizeof durations);
    sample_durations_add(&durations, 0);
    sample_durations_add(&durations, UINT64_MAX);
    assert_int_equal(durations.total, 2);
    assert_true(sample_durations_quantile_us(&durations, 0) < 0.1);
    assert_true(sample_durations_quantile_us(&durations, 1) > 1e15);
}

/* One look in each period, at a place that differs. */
static void test_ticks_stay_in_their_periods(void **state)
{
    (void)state;
    enum { PERIOD = 2000000, TICKS = 20 };
    struct ticks ticks;
    uint64_t smallest = UINT64_MAX, largest = 0;
    sample_ticks_start(&ticks, 500);
    for (uint64_t i = 0; i < TICKS; i++) {
        uint64_t begin = ticks.began + ticks.slot * PERIOD, place = ticks.due - begin;
        assert_true(ticks.due >= begin && place < PERIOD);
        smallest = place < smallest ? place : smallest;
        largest = place > largest ? place : largest;
        sample_ticks_wait(&ticks, 0);
        assert_true(base_clock_now() >= ticks.due);
        sample_ticks_next(&ticks, base_clock_now());
    }
    assert_true(largest - smallest > PERIOD / 4);
}

static void test_missed_periods_are_counted(void **state)
{
    (void)state;
    struct ticks ticks;
    sample_ticks_start(&ticks, 1000);
    ticks.began -= 10500000; /* as if ten and a half periods had gone by since */
    sample_ticks_next(&ticks, base_clock_now());
    assert_true(ticks.overruns >= 9 && ticks.slot >= 10);
    uint64_t counted = ticks.overruns;
    sample_ticks_next(&ticks, base_clock_now());
    assert_true(ticks.overruns - counted <= 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_extreme_durations),
        cmocka_unit_test(test_ticks_stay_in_their_periods),
        cmocka_unit_test(test_missed_periods_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
