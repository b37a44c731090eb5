#include "sample/clock.h"

#include <stddef.h>
#include <time.h>

enum { SPIN_NS = 60000, STEP_BITS = 4, STEPS = 1 << STEP_BITS };

/* xorshift64: good enough for jitter. */
static uint64_t next_random(struct ticks *ticks)
{
    uint64_t value = ticks->random;
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
    ticks->random = value;
    return value;
}

static void place(struct ticks *ticks)
{
    ticks->due = ticks->began + ticks->slot * ticks->period + next_random(ticks) % ticks->period;
}

void sample_ticks_start(struct ticks *ticks, double rate_hz)
{
    uint64_t now = base_clock_now();
    *ticks = (struct ticks){.began = now, .period = (uint64_t)(1e9 / rate_hz), .random = now | 1};
    if (ticks->period == 0)
        ticks->period = 1;
    place(ticks);
}

void sample_ticks_next(struct ticks *ticks, uint64_t now)
{
    uint64_t current = (now - ticks->began) / ticks->period;
    ticks->slot++;
    if (current > ticks->slot) {
        ticks->overruns += current - ticks->slot;
        ticks->slot = current;
    }
    place(ticks);
}

/* A sleep ends late by some ten microseconds: the last of them are spent awake where the rate leaves no time for that. */
void sample_ticks_wait(const struct ticks *ticks, uint64_t until)
{
    uint64_t due = until != 0 && until < ticks->due ? until : ticks->due;
    uint64_t spin = ticks->period < 4u * SPIN_NS ? SPIN_NS : 0;
    uint64_t now = base_clock_now();
    if (due > now + spin) {
        uint64_t wake = due - spin;
        struct timespec time = {(time_t)(wake / 1000000000u), (long)(wake % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    }
    while (spin > 0 && base_clock_now() < due)
        ;
}

/* Sixteen steps for each doubling. */
static size_t step_of(uint64_t ns)
{
    unsigned doublings = 63u - (unsigned)__builtin_clzll(ns | STEPS);
    return (size_t)doublings * STEPS + (size_t)(ns >> (doublings - STEP_BITS) & (STEPS - 1));
}

static double middle_of(size_t step)
{
    double within = (double)(step % STEPS) + STEPS + 0.5;
    return within * (double)(UINT64_C(1) << (step / STEPS)) / STEPS;
}

void sample_durations_add(struct durations *durations, uint64_t ns)
{
    size_t step = step_of(ns);
    durations->counts[step < CLOCK_TIMES ? step : CLOCK_TIMES - 1]++;
    durations->total++;
    if (ns > durations->longest)
        durations->longest = ns;
}

double sample_durations_quantile_us(const struct durations *durations, double quantile)
{
    uint64_t wanted = (uint64_t)(quantile * (double)durations->total), seen = 0;
    for (size_t i = 0; i < CLOCK_TIMES; i++) {
        seen += durations->counts[i];
        if (seen > wanted)
            return middle_of(i) / 1e3;
    }
    return (double)durations->longest / 1e3;
}
