/* One source file of the target with the bytecode that was made from it, read whole: a mapping would fault where the file shrinks. */
#ifndef SPPROF_REPORT_SOURCE_FILE_H
#define SPPROF_REPORT_SOURCE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/snapshot.h"
#include "spprof/target.h"

enum { OPTIMISATION_LEVELS = 3 }; /* python, python -O, python -OO: each writes its own .pyc */

/* Why a file is not at hand. */
enum source_lack {
    SOURCE_AT_HAND,
    SOURCE_NO_PATH, /* its name is none: "<string>" */
    SOURCE_NOT_THERE,
    SOURCE_REFUSED,    /* the target's user may not read it */
    SOURCE_UNREADABLE, /* too large, no regular file, or it changed while it was read */
};

struct contents {
    char *bytes; /* NULL: not at hand */
    size_t size;
    int64_t modified_at; /* seconds since the epoch */
    bool is_old;         /* neither the bytes nor the inode have changed since the target started */
    bool has_start;      /* it is known when that was */
    enum source_lack lack;
};

struct source_file {
    bool is_relative;       /* its path is, to a directory that the target may have left */
    struct contents source; /* in UTF-8 */
    size_t size_on_disk;    /* of the source */
    struct contents bytecode[OPTIMISATION_LEVELS];
    uint32_t *line_starts;
    size_t line_count;
};

/*
 * Reads the file that Python knows by name and the bytecode that a CPython of this version (PY_VERSION_HEX) would load for it.
 * Only regular files; what is missing, too large or changes while it is read stays empty. The source becomes UTF-8 from the encoding that
 * it names. Takes the memory used off *bytes_left and uses no more than that.
 */
void report_source_file_load(struct source_file *file, struct spprof_target *target, const struct spprof_text *name, uint32_t version,
                             size_t *bytes_left);
void report_source_file_clear(struct source_file *file);

/* A line by its number, counted from 1, without the blanks around it; false where the file has none of that number. */
bool report_source_file_line(const struct source_file *file, int32_t number, const char **line, size_t *size);

/* The same with the blanks in front of it. */
bool report_source_file_indented_line(const struct source_file *file, int32_t number, const char **line, size_t *size);

#endif
