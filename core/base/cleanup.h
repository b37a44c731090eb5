/* Owned memory that frees itself at the end of its scope. */
#ifndef SPPROF_BASE_CLEANUP_H
#define SPPROF_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *pointer)
{
    void *memory = *(void **)pointer;
    free(memory);
}

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))
#define CLEANUP(function) __attribute__((cleanup(function)))

/* Returns the error of a call that failed, for functions that return errors themselves. */
#define TRY(call)                                                                                                                                    \
    do {                                                                                                                                             \
        struct spprof_error *try_error = (call);                                                                                                     \
        if (try_error != NULL)                                                                                                                       \
            return try_error;                                                                                                                        \
    } while (0)

#endif
