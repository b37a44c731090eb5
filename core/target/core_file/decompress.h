/* Core files that were compressed after they were written, as systemd-coredump and many scripts do. */
#ifndef SPPROF_TARGET_DECOMPRESS_H
#define SPPROF_TARGET_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"

enum { DECOMPRESS_HEAD = 64 };

/* Who watches what comes out of a file, of which a few bytes may make very many. */
struct decompress_watch {
    /* Looks at the first DECOMPRESS_HEAD bytes, before more than these is written: an error refuses the rest. */
    struct spprof_error *(*begin)(void *context, const uint8_t *head);
    /* Where the result ends at the latest, once as much as size is in the file fd; 0: that cannot be told yet. */
    uint64_t (*end)(void *context, int fd, uint64_t size);
    void *context;
    uint64_t most; /* bytes to be written, those of holes not counted */
};

/* The name of the compression that the file's first bytes tell: "zstd", "lz4", "gzip", "xz"; NULL where it is none of these. */
const char *target_compression_of(int fd);

/*
 * Decompresses the file fd, whose name is path, into a file without a name in $TMPDIR or /var/tmp; blocks of zeros become holes.
 * *plain gets its descriptor, owned by the caller. A file that is cut short or damaged gives what precedes the damage, and a
 * problem; one that gives nothing is an error. What goes beyond the limits of watch (NULL: none) is left out, with a problem.
 * Errors: BAD_FILE, UNREADABLE (no room for the result), UNSUPPORTED, and those of watch.
 */
struct spprof_error *target_decompress(int fd, const char *path, const struct decompress_watch *watch, struct spprof_problems *problems, int *plain);

#endif
