/* Texts that must fit into columns of a terminal. They have been escaped already: valid UTF-8 with nothing in it that moves. */
#ifndef SPPROF_PROFILE_TABLE_TEXT_H
#define SPPROF_PROFILE_TABLE_TEXT_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_PATH_MIN = 12 }; /* fewer columns tell nothing of a path */

size_t profile_table_text_width(const char *text, size_t size); /* in columns */

/* Writes the text, cut at its end where it takes more than limit columns. Returns the columns that it took. */
size_t profile_table_text_write_end(FILE *stream, const char *text, size_t size, size_t limit);

/*
 * Writes a path, cut in its middle where it takes more than limit columns: "/srv/…/jobs/queue.py". The name of the file is never cut, so
 * that it may take more. Returns the columns that it took.
 */
size_t profile_table_text_write_path(FILE *stream, const char *path, size_t size, size_t limit);

#endif
