/* A stream of bytes, gzipped into a file. */
#ifndef SPPROF_PROFILE_GZIP_H
#define SPPROF_PROFILE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct gzip;

/* NULL: no memory. The stream is borrowed. */
struct gzip *profile_gzip_new(FILE *stream);
void profile_gzip_write(struct gzip *gzip, const void *bytes, size_t size);
void profile_gzip_finish(struct gzip *gzip); /* writes what is left, and the end; errors of writing are left in ferror(stream) */
void profile_gzip_free(struct gzip *gzip);   /* NULL is allowed */

#endif
