/* Where a profile goes, as the options of sample say. */
#ifndef SPPROF_OPTIONS_PROFILE_OUTPUT_H
#define SPPROF_OPTIONS_PROFILE_OUTPUT_H

#include <stdio.h>

#include "options/options.h"
#include "options/output_file.h"
#include "spprof/profile.h"
#include "spprof/sample.h"

/* What is to be sampled, and how. */
struct spprof_sample_options options_sample(const struct options *options);

/* Which format was asked for, by name or by the name of the file. Errors: USAGE, so that it can be told before hours were sampled. */
struct spprof_error *options_profile_output_check(const struct options *options, enum spprof_profile_format *format);

/* The files of the options, opened before anything is sampled. */
struct profile_output {
    const struct options *options;
    enum spprof_profile_format format;
    struct output_file *profile, *stats; /* NULL: a stream */
};

/* Errors: as options_profile_output_check; a file cannot be written. Nothing is to be closed then. */
struct spprof_error *options_profile_output_open(const struct options *options, struct profile_output *output);

/* Where what goes to no file goes. */
struct profile_streams {
    FILE *standard; /* of "-" */
    FILE *table;    /* of a profile without a file; standard is allowed */
    bool color;     /* of both */
    unsigned width; /* columns; 0: unknown */
};

/*
 * Writes a finished profile and its statistics, each to its file or stream. Errors: one of them could not be written; the profile is then in another file,
 * which the message names, or on the stream of the table.
 */
struct spprof_error *options_profile_output_write(struct profile_output *output, const struct spprof_profile *profile,
                                                  const struct profile_streams *streams);

/* Whether the profile is written to a file that has a name. */
bool options_profile_output_has_file(const struct options *options);

void options_profile_output_close(struct profile_output *output);

#endif
