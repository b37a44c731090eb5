/* When to look: one tick in each period, at a random place in it, so that no period of the program is locked to. */
#ifndef SPPROF_SAMPLE_CLOCK_H
#define SPPROF_SAMPLE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum { CLOCK_TIMES = 1024 };

struct ticks {
    uint64_t began, period; /* ns; CLOCK_MONOTONIC */
    uint64_t slot;          /* periods gone by */
    uint64_t due;           /* when the next look is to be made */
    uint64_t random;
    uint64_t overruns;
};

void sample_ticks_start(struct ticks *ticks, double rate_hz);

/* After a look, which ended now: when the next one is due. Periods that have gone by meanwhile are overruns. */
void sample_ticks_next(struct ticks *ticks, uint64_t now);

/* Sleeps until the next look is due, or until a moment (0: none) if that comes first. */
void sample_ticks_wait(const struct ticks *ticks, uint64_t until);

/* How long looks took, counted in steps of a sixteenth. */
struct durations {
    uint64_t counts[CLOCK_TIMES];
    uint64_t total, longest; /* ns */
};

void sample_durations_add(struct durations *durations, uint64_t ns);
double sample_durations_quantile_us(const struct durations *durations, double quantile);

#endif
