/* The fuzzer for libFuzzer: SPPROF_RECORDING names the recording. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
size_t LLVMFuzzerMutate(uint8_t *input, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *input, size_t size, size_t capacity, unsigned seed);

static struct recording recording;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    const char *path = getenv("SPPROF_RECORDING");
    struct spprof_error *error = recording_read(path != NULL ? path : "$SPPROF_RECORDING", &recording);
    if (error != NULL) {
        fprintf(stderr, "%s\n", error->message);
        exit(2);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    fuzz_run(&recording, input, size < INPUT_MAX ? size : INPUT_MAX);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *input, size_t size, size_t capacity, unsigned seed)
{
    uint8_t more[INPUT_MAX];
    size_t added = fuzz_make(&recording, seed, more);
    if (seed % 4 == 0 || size + added > capacity)
        return LLVMFuzzerMutate(input, size, capacity);
    for (size_t i = 0; i < added; i++)
        input[size + i] = more[i];
    return size + added;
}
