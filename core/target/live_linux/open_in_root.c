#include "target/open_in_root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { LINKS_MAX = 40 }; /* as the kernel */

typedef int open_function(int root, const char *path, int flags);

static int open_by_kernel(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* A path that is being resolved: what is known to hold no link, and what is still to be looked at. Neither begins with a slash. */
struct path_walk {
    char resolved[PATH_MAX];
    char rest[PATH_MAX];
};

/* Takes the next component off the rest; false at the end. */
static bool next_component(struct path_walk *walk, char component[NAME_MAX + 1])
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t size = strcspn(start, "/");
    if (size == 0 || size > NAME_MAX)
        return false;
    memcpy(component, start, size);
    component[size] = '\0';
    memmove(walk->rest, start + size, strlen(start + size) + 1);
    return true;
}

static void drop_last(char *path)
{
    char *slash = strrchr(path, '/');
    *(slash == NULL ? path : slash) = '\0';
}

static bool put_before(char rest[PATH_MAX], const char *target)
{
    char joined[PATH_MAX];
    int size = snprintf(joined, sizeof joined, "%s/%s", target, rest);
    if (size < 0 || (size_t)size >= sizeof joined)
        return false;
    memcpy(rest, joined, (size_t)size + 1);
    return true;
}

/* Goes into one component, or to where it points if it is a link. */
static bool step(int root, struct path_walk *walk, const char *component, unsigned *links)
{
    size_t known = strlen(walk->resolved);
    char target[PATH_MAX];
    int size = snprintf(walk->resolved + known, sizeof walk->resolved - known, "%s%s", known == 0 ? "" : "/", component);
    if (size < 0 || (size_t)size >= sizeof walk->resolved - known) {
        errno = ENAMETOOLONG;
        return false;
    }
    ssize_t length = readlinkat(root, walk->resolved, target, sizeof target - 1);
    if (length < 0)
        return errno == EINVAL; /* no link */
    target[length] = '\0';
    walk->resolved[target[0] == '/' ? 0 : known] = '\0';
    errno = ELOOP;
    return ++*links <= LINKS_MAX && put_before(walk->rest, target);
}

static int open_by_steps(int root, const char *path, int flags)
{
    struct path_walk walk = {.resolved = ""};
    char component[NAME_MAX + 1];
    unsigned links = 0;
    if (strlen(path) >= sizeof walk.rest) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(walk.rest, path);
    while (next_component(&walk, component)) {
        if (strcmp(component, ".") == 0)
            continue;
        if (strcmp(component, "..") == 0)
            drop_last(walk.resolved);
        else if (!step(root, &walk, component, &links))
            return -1;
    }
    if (walk.rest[strspn(walk.rest, "/")] != '\0') {
        errno = ENAMETOOLONG;
        return -1;
    }
    return openat(root, walk.resolved[0] == '\0' ? "." : walk.resolved, flags | O_NOFOLLOW);
}

static int open_plainly(int root, const char *path, int flags)
{
    return openat(root, path, flags);
}

static struct spprof_error *cannot_open(const char *root, const char *path, int number)
{
    bool refused = number == EACCES || number == EPERM;
    return spprof_error_new(refused ? SPPROF_ERROR_PERMISSION : SPPROF_ERROR_NOT_FOUND, "cannot open %s%s%s: %s", root == NULL ? "" : root,
                            root == NULL || path[0] == '/' ? "" : "/", path, strerror(number));
}

static int file_type(int fd)
{
    struct stat status;
    return fstat(fd, &status) != 0 ? -1 : (int)(status.st_mode & S_IFMT);
}

static struct spprof_error *open_regular(open_function *open_path, int root_fd, const char *root, const char *path, int *fd)
{
    /* Opening a device or a FIFO can do things by itself: first a look that opens nothing. */
    CLEANUP_CLOSE int look = open_path(root_fd, path, O_PATH | O_CLOEXEC);
    if (look < 0)
        return cannot_open(root, path, errno);
    int type = file_type(look);
    CLEANUP_CLOSE int opened = type == S_IFREG ? open_path(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (type == S_IFREG && opened < 0)
        return cannot_open(root, path, errno);
    if (type != S_IFREG || file_type(opened) != S_IFREG)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "cannot open %s%s: it is no regular file", root == NULL ? "" : root, path);
    *fd = opened;
    opened = -1;
    return NULL;
}

struct spprof_error *target_open_root(const char *root, int *fd)
{
    *fd = AT_FDCWD;
    if (root != NULL)
        *fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *fd == -1 ? cannot_open(NULL, root, errno) : NULL;
}

struct spprof_error *target_open_in_root_by_steps(const char *root, const char *path, int *fd)
{
    *fd = -1;
    CLEANUP_CLOSE int root_fd = -1;
    TRY(target_open_root(root, &root_fd));
    return open_regular(open_by_steps, root_fd, root, path, fd);
}

static bool kernel_has_openat2(int root)
{
    CLEANUP_CLOSE int fd = open_by_kernel(root, ".", O_PATH | O_CLOEXEC);
    return fd >= 0 || (errno != ENOSYS && errno != EPERM); /* EPERM: a container's filter of system calls */
}

struct spprof_error *target_open_below(int root_fd, const char *root, const char *path, int *fd)
{
    *fd = -1;
    if (root == NULL)
        return open_regular(open_plainly, root_fd, NULL, path, fd);
    return open_regular(kernel_has_openat2(root_fd) ? open_by_kernel : open_by_steps, root_fd, root, path, fd);
}

struct spprof_error *target_open_in_root(const char *root, const char *path, int *fd)
{
    *fd = -1;
    CLEANUP_CLOSE int root_fd = -1;
    TRY(target_open_root(root, &root_fd));
    return target_open_below(root_fd, root, path, fd);
}
