/*
 * What a target holds, as far as a snapshot of it and a sampler look: whole pages, so that a pointer gone wrong meets real memory, and
 * which bytes of them were read, so that the fuzzer changes bytes that matter. Files are for the program that was built with the one
 * that wrote them.
 */
#ifndef TESTS_FUZZ_RECORDING_H
#define TESTS_FUZZ_RECORDING_H

#include "spprof/image.h"
#include "spprof/snapshot.h"

struct hot_range {
    uint64_t address, size;
};

struct recording {
    struct spprof_image image;
    struct spprof_image_range *ranges; /* of image, sorted by address */
    struct hot_range *hot;             /* sorted by address, none overlaps */
    size_t hot_count;
    struct spprof_snapshot *unchanged; /* by fuzz_run: what it gets of the memory as it is recorded; NULL: not taken yet */
};

/* Takes a snapshot of the target, which must stand still, samples it, and writes down what that reads. */
struct spprof_error *recording_write(struct spprof_target *target, const char *path);

/* The recording lives as long as the process. */
struct spprof_error *recording_read(const char *path, struct recording *recording);

/* The recorded bytes at address; NULL where these are not recorded in one piece. */
uint8_t *recording_bytes(const struct recording *recording, uint64_t address, size_t size);

#endif
