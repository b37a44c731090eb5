/* Errors as values: NULL is success, anything else is owned by whoever receives it. */
#ifndef SPPROF_ERROR_H
#define SPPROF_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum spprof_error_kind {
    SPPROF_ERROR_NO_MEMORY,
    SPPROF_ERROR_USAGE,       /* the caller asked for something that makes no sense */
    SPPROF_ERROR_NOT_FOUND,   /* no such process, file, symbol, section, key */
    SPPROF_ERROR_PERMISSION,  /* the kernel refuses */
    SPPROF_ERROR_NOT_PYTHON,  /* the target holds no CPython that could be found */
    SPPROF_ERROR_UNREADABLE,  /* memory of the target, or a file, cannot be read */
    SPPROF_ERROR_BAD_FILE,    /* not a core file, another architecture, damaged beyond use */
    SPPROF_ERROR_UNSUPPORTED, /* a version or a build that cannot be decoded */
};

struct spprof_error {
    enum spprof_error_kind kind;
    char *message; /* UTF-8, one or more sentences: what was done, on what, why it failed, what to do next */
};

/* Makes an error. Never returns NULL: where memory has run out a static error is returned, which spprof_error_free accepts. */
struct spprof_error *spprof_error_new(enum spprof_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull, warn_unused_result));

/* Consumes error and returns it with "context: " before its message. */
struct spprof_error *spprof_error_context(struct spprof_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull, warn_unused_result));

struct spprof_error *spprof_error_no_memory(void) __attribute__((returns_nonnull, warn_unused_result));

void spprof_error_free(struct spprof_error *error); /* NULL is allowed */

/* The things that could not be read, told to the user in the end. Texts are UTF-8 and owned by the list. */
struct spprof_problems {
    char **texts;
    size_t count;
};

/* Adds one text; the same text is kept once. false: there is no memory for it, and it is not told. */
bool spprof_problems_add(struct spprof_problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
void spprof_problems_free(struct spprof_problems *problems);

#ifdef __cplusplus
}
#endif
#endif
