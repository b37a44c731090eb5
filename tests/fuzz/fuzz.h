/* One input of the fuzzer: changes to a recording, under which a snapshot is taken and judged. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "recording.h"

/* In the input: where, counted in the bytes that were read when the recording was made, and what is to be xored there. */
struct patch {
    uint32_t position;
    uint8_t size; /* 1 to 8, as its three low bits say */
    uint8_t bytes[8];
} __attribute__((packed));

enum { PATCHES_MAX = 32, INPUT_MAX = PATCHES_MAX * sizeof(struct patch) };

/* Makes the input of a seed: a few changes that are likely to mislead a reader, pointers exchanged above all. Gives its size. */
size_t fuzz_make(const struct recording *recording, uint64_t seed, uint8_t *input);

/* Makes the changes in the recording. Made twice, all is as it was. */
void fuzz_apply(struct recording *recording, const uint8_t *input, size_t size);

uint64_t fuzz_random(uint64_t *state);

/* Takes a snapshot of the changed recording, and samples it while it changes; aborts where one is not what it should be (check.h). */
void fuzz_run(struct recording *recording, const uint8_t *input, size_t size);

#endif
