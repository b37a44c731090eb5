/* A target made of bytes in the caller's memory, for tests and fuzzing: what a program would hold, with no program. */
#ifndef SPPROF_IMAGE_H
#define SPPROF_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"
#include "spprof/target.h"

#ifdef __cplusplus
extern "C" {
#endif

/* size bytes of memory at address. Where bytes is NULL, reads end with status. */
struct spprof_image_range {
    uint64_t address;
    size_t size;
    const void *bytes;
    enum spprof_read_status status;
};

/* A symbol, or a section where size is not 0, of the module of this index. */
struct spprof_image_symbol {
    size_t module;
    const char *name;
    uint64_t address, size;
};

struct spprof_image {
    enum spprof_target_kind kind;
    enum spprof_architecture architecture;
    unsigned pointer_size, long_size; /* 0: 8 */
    int64_t pid;
    const char *executable;
    int signal;
    const struct spprof_image_range *ranges; /* in any order; where two overlap the first counts */
    size_t range_count;
    struct spprof_modules modules;        /* the paths must not be NULL */
    const struct spprof_mapping *regions; /* sorted by start */
    size_t region_count;
    struct spprof_native_threads threads;
    const struct spprof_image_symbol *symbols;
    size_t symbol_count;
    /* Called before each batch: a test changes its bytes here to play a program that runs. May be NULL. */
    void (*before_read)(void *context, const struct spprof_range *ranges, size_t count);
    void *context;
};

/* Borrows image and all that it points to, until spprof_target_close. Errors: NO_MEMORY. */
struct spprof_error *spprof_image_open(const struct spprof_image *image, struct spprof_target **target);

#ifdef __cplusplus
}
#endif
#endif
