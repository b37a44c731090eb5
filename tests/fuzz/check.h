/* What must be true of everything that is read or written, however hostile the memory: aborts, with words on stderr, where it is not. */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "spprof/snapshot.h"

#define REQUIRE(condition)                                                                                                                           \
    do {                                                                                                                                             \
        if (!(condition)) {                                                                                                                          \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                                                  \
            abort();                                                                                                                                 \
        }                                                                                                                                            \
    } while (0)

/* Generalised UTF-8 of sane size, or none at all. */
void check_text(const struct spprof_text *text);

/* Fit for a terminal: whole UTF-8, no control characters. */
void check_message(const char *message);

struct printed {
    char *bytes;
    size_t size;
    FILE *stream;
};

/* A stream in memory; what was written to it is freed when it is closed. Text: it is checked for what no terminal should get. */
void open_print(struct printed *printed);
void close_print(struct printed *printed, bool text);

#endif
