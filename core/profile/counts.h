/* What follows from the counts of a sampling. */
#ifndef SPPROF_PROFILE_COUNTS_H
#define SPPROF_PROFILE_COUNTS_H

#include <stdint.h>

#include "output/json_writer.h"
#include "spprof/profile.h"

uint64_t profile_counts_dropped(const struct spprof_sample_counts *counts); /* for any reason */

/* Looks a second that were made; 0: not known. */
double profile_counts_delivered_hz(const struct spprof_sample_counts *counts);

/* What one sample stands for: the time between two looks as they were made, else as they were asked for; 0: not known. */
uint64_t profile_counts_period_ns(const struct spprof_sample_counts *counts);

uint64_t profile_counts_duration_ns(const struct spprof_sample_counts *counts);

/* What thousandths of value are written as; 0 for what is no number, or negative. */
uint64_t profile_counts_thousandths(double value);

/* The members of --json-stats behind format and version, into the object that is open. */
void profile_counts_write_json(struct json_writer *json, const struct spprof_sample_counts *counts);

#endif
