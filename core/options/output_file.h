/*
 * A file that a report goes to. It is opened before the work, so that a name that cannot be written is told at once, and it becomes what is
 * there only when it is whole: until then the old file is as it was.
 */
#ifndef SPPROF_OPTIONS_OUTPUT_FILE_H
#define SPPROF_OPTIONS_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "spprof/error.h"

struct output_file;

/*
 * Links are followed. What is no regular file (a pipe, a terminal, /dev/null) is opened itself: a named pipe waits for its reader here. The
 * same holds for a file of a folder in which nothing can be made: it is written over, once all of the new bytes are known and have room.
 * path is borrowed until the end. Errors: it cannot be written.
 */
struct spprof_error *options_output_file_open(const char *path, struct output_file **file);

/* Where to write to. Owned by the file. */
FILE *options_output_file_stream(struct output_file *file);

/* Makes what was written the file, with the mode and the owner of an old one, and frees it. Errors: it could not be written; the old one is as it was. */
struct spprof_error *options_output_file_finish(struct output_file *file);

/* Forgets what was written, and frees it. NULL is allowed. */
void options_output_file_discard(struct output_file *file);

#endif
