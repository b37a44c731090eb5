#include "target/held.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/live_linux/held_letter.h"

enum { TEXT_MAX = 1 << 16 }; /* of a file of /proc that is looked at */

enum spprof_held target_held_by_letter(char letter)
{
    switch (letter) {
    case 'T': return SPPROF_HELD_STOPPED;
    case 't': return SPPROF_HELD_TRACED;
    case 'D': return SPPROF_HELD_UNINTERRUPTIBLE;
    default: return SPPROF_HELD_NOT;
    }
}

/* The beginning of a file, owned by the caller; NULL where it cannot be read. */
static char *read_text(const char *path)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd >= 0 ? malloc(TEXT_MAX) : NULL;
    size_t size = 0;
    while (text != NULL && size < TEXT_MAX - 1) {
        ssize_t got = read(fd, text + size, TEXT_MAX - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    if (text != NULL)
        text[size] = '\0';
    return text;
}

/* One of the two kinds of cgroup that can freeze. */
struct freezer {
    const char *type;    /* of its file system */
    const char *option;  /* of the mount; "": any */
    const char *control; /* its file that begins with 1 where this cgroup was told to freeze what is below it */
};

static const struct freezer unified = {"cgroup2", "", "cgroup.freeze"}, legacy = {"cgroup", "freezer", "freezer.self_freezing"};

/* "36 25 0:31 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer": proc(5), mountinfo. Where the freezer is mounted, and what of it. */
static bool find_mount(const char *mounts, const struct freezer *freezer, char root[PATH_MAX], char point[PATH_MAX])
{
    char type[64], options[256];
    for (const char *line = mounts; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
        const char *rest = strstr(line, " - ");
        if (rest != NULL && sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) == 2 && sscanf(rest, " - %63s %*s %255s", type, options) == 2 &&
            strcmp(type, freezer->type) == 0 && strstr(options, freezer->option) != NULL)
            return true;
    }
    return false;
}

/* "6:freezer:/name", "0::/name": the process's cgroup of this kind; false where it has none, or one that is not to be seen from here. */
static bool find_cgroup(const char *cgroups, const struct freezer *freezer, char path[PATH_MAX])
{
    for (const char *line = cgroups; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
        const char *controllers = strchr(line, ':'), *name = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (name == NULL)
            return false;
        size_t size = strcspn(name + 1, "\n");
        bool is_this = freezer->option[0] == '\0'
                           ? name == controllers + 1
                           : memmem(controllers, (size_t)(name - controllers), freezer->option, strlen(freezer->option)) != NULL;
        if (!is_this || size >= PATH_MAX)
            continue;
        memcpy(path, name + 1, size);
        path[size] = '\0';
        return strstr(path, "/..") == NULL;
    }
    return false;
}

/* Whether this cgroup was told to freeze what is below it. */
static bool is_told_to_freeze(const char *point, const char *path, const struct freezer *freezer)
{
    char name[PATH_MAX + 64];
    int size = snprintf(name, sizeof name, "%s%s/%s", point, path, freezer->control);
    CLEANUP_FREE char *text = size > 0 && (size_t)size < sizeof name ? read_text(name) : NULL;
    return text != NULL && text[0] == '1';
}

/* The innermost cgroup that was told to freeze, from the process's own upwards. */
static bool find_frozen(const char *cgroups, const char *mounts, const struct freezer *freezer, char *by, size_t size)
{
    char root[PATH_MAX], point[PATH_MAX], path[PATH_MAX];
    if (!find_mount(mounts, freezer, root, point) || !find_cgroup(cgroups, freezer, path))
        return false;
    size_t skipped = strcmp(root, "/") != 0 && strncmp(path, root, strlen(root)) == 0 ? strlen(root) : 0;
    for (char *below = path + skipped; below[0] == '/' && below[1] != '\0'; *strrchr(below, '/') = '\0') {
        if (is_told_to_freeze(point, below, freezer)) {
            snprintf(by, size, "cgroup %s", path);
            return true;
        }
    }
    return false;
}

bool target_held_by_freezer(int64_t pid, char *by, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%" PRId64 "/cgroup", pid);
    CLEANUP_FREE char *cgroups = read_text(name), *mounts = read_text("/proc/self/mountinfo");
    return cgroups != NULL && mounts != NULL && (find_frozen(cgroups, mounts, &unified, by, size) || find_frozen(cgroups, mounts, &legacy, by, size));
}

bool target_held_by_tracer(int64_t pid, int64_t tid, char *by, size_t size)
{
    char name[96];
    snprintf(name, sizeof name, "/proc/%" PRId64 "/task/%" PRId64 "/status", pid, tid);
    CLEANUP_FREE char *status = read_text(name);
    const char *line = status != NULL ? strstr(status, "\nTracerPid:\t") : NULL;
    long tracer = line != NULL ? strtol(line + 12, NULL, 10) : 0;
    if (tracer <= 0 || tracer == getpid())
        return false;
    snprintf(name, sizeof name, "/proc/%ld/comm", tracer);
    CLEANUP_FREE char *comm = read_text(name);
    if (comm != NULL)
        comm[strcspn(comm, "\n")] = '\0';
    snprintf(by, size, comm != NULL && comm[0] != '\0' ? "%s (process %ld)" : "%sprocess %ld", comm != NULL ? comm : "", tracer);
    return true;
}
