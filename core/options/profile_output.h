/* Where a profile goes, as the options of sample say. */
#ifndef SPPROF_OPTIONS_PROFILE_OUTPUT_H
#define SPPROF_OPTIONS_PROFILE_OUTPUT_H

#include <stdio.h>

#include "options/options.h"
#include "spprof/profile.h"
#include "spprof/sample.h"

/* What is to be sampled, and how. */
struct spprof_sample_options options_sample(const struct options *options);

/* Which format was asked for, by name or by the name of the file. Errors: USAGE, so that it can be told before hours were sampled. */
struct spprof_error *profile_output_check(const struct options *options, enum spprof_profile_format *format);

/*
 * Writes a finished profile to the file of the options, or to terminal where there is none, and the statistics to theirs. width: columns of
 * the terminal, 0 unknown. Errors: a file cannot be written.
 */
struct spprof_error *profile_output_write(const struct options *options, const struct spprof_profile *profile, FILE *terminal, bool color,
                                          unsigned width);

#endif
