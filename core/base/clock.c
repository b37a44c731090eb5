#include "base/clock.h"

uint64_t base_clock_read(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

uint64_t base_clock_now(void)
{
    return base_clock_read(CLOCK_MONOTONIC);
}

double base_clock_seconds(void)
{
    return (double)base_clock_now() / 1e9;
}
