/* Core files that were compressed after they were written, as systemd-coredump and many scripts do. */
#ifndef SPPROF_TARGET_DECOMPRESS_H
#define SPPROF_TARGET_DECOMPRESS_H

#include "spprof/error.h"

/* The name of the compression that the file's first bytes tell: "zstd", "lz4", "gzip", "xz"; NULL where it is none of these. */
const char *compression_of(int fd);

/*
 * Decompresses the file fd, whose name is path, into a file without a name in $TMPDIR or /var/tmp; blocks of zeros become holes.
 * *plain gets its descriptor, owned by the caller. A file that is cut short or damaged gives what precedes the damage, and a
 * problem; one that gives nothing is an error. Errors: BAD_FILE, UNREADABLE (no room for the result), UNSUPPORTED.
 */
struct spprof_error *decompress(int fd, const char *path, struct spprof_problems *problems, int *plain);

#endif
