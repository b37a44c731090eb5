/* A recording that is sampled like a program that runs. */
#ifndef TESTS_FUZZ_SAMPLING_H
#define TESTS_FUZZ_SAMPLING_H

#include "recording.h"

/*
 * Samples the recording while the changes of an input (fuzz.h) come and go between the reads, and writes the profile in every format;
 * aborts where it is not what it should be. The recording is left as it was.
 */
void sample_running(struct recording *recording, const uint8_t *input, size_t size);

#endif
