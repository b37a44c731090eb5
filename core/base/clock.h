/* What the time is. */
#ifndef SPPROF_BASE_CLOCK_H
#define SPPROF_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

uint64_t base_clock_now(void);             /* CLOCK_MONOTONIC, ns */
double base_clock_seconds(void);           /* the same, s */
uint64_t base_clock_read(clockid_t clock); /* of any clock, ns */

#endif
