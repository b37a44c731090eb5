/* The functions of a profile, each once: a place without its line. */
#ifndef SPPROF_PROFILE_FUNCTIONS_H
#define SPPROF_PROFILE_FUNCTIONS_H

#include <stdint.h>

#include "profile/tree.h"

struct profile_function {
    uint32_t place; /* one of its places: name, file, first line */
    uint64_t self;
    uint64_t total; /* samples in whose stack it is, however often */
};

struct profile_functions {
    struct profile_function *functions;
    uint32_t count;
    uint32_t *of_place; /* the function of each place of the profile */
};

/* Finds the functions and leaves their times at 0. Errors: NO_MEMORY. */
struct spprof_error *profile_functions_make(struct profile_functions *functions, const struct spprof_profile *profile);

/* Sums up their times. Errors: NO_MEMORY. */
struct spprof_error *profile_functions_count(struct profile_functions *functions, const struct profile_tree *tree);

void profile_functions_free(struct profile_functions *functions);

#endif
