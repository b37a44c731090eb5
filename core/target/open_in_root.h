/* Opening the files that a target names, without trusting it. */
#ifndef SPPROF_TARGET_OPEN_IN_ROOT_H
#define SPPROF_TARGET_OPEN_IN_ROOT_H

#include "spprof/error.h"

/*
 * Opens a regular file, read-only. With a root, path is resolved as a process whose root directory that is would do it: neither
 * a symbolic link nor ".." leads out. Without (NULL), it is an ordinary path. A FIFO, a device or a directory is never opened.
 * *fd is owned by the caller. Errors: NOT_FOUND, PERMISSION, BAD_FILE.
 */
struct spprof_error *target_open_in_root(const char *root, const char *path, int *fd);

/* The two halves of it: whoever opens the root need not be who opens what is below. *fd of the root is AT_FDCWD where root is NULL. */
struct spprof_error *target_open_root(const char *root, int *fd);
struct spprof_error *target_open_below(int root_fd, const char *root, const char *path, int *fd);

/* The same without openat2(2), for kernels that lack it. */
struct spprof_error *target_open_in_root_by_steps(const char *root, const char *path, int *fd);

#endif
