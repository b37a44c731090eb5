/* What the fuzzers of single readers share: an input is the bytes of a file, or of what stands in one. */
#ifndef TESTS_FUZZ_TARGETS_TARGET_H
#define TESTS_FUZZ_TARGETS_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "spprof/error.h"
#include "spprof/target.h"

/* Called by libFuzzer for each input. Aborts where something is not what it should be. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A file without a name that holds these bytes; the descriptor is the caller's. */
int file_of(const uint8_t *bytes, size_t size);

/* Checks that an error is fit to be shown, and frees it. NULL is allowed. */
void check_error(struct spprof_error *error);

/* The same for what a target has told of itself, which is left. */
void check_problems(const struct spprof_target *target);

/* The next size bytes of an input, as a number; fewer where it ends. */
uint64_t take_number(const uint8_t **input, size_t *left, size_t size);

#endif
