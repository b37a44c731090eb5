#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/live_linux/process.h"

/* The text behind "Name:" in /proc/PID/status; "" where there is none. */
static const char *behind(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    return line != NULL ? line + strlen(name) : "";
}

/* Real, effective, saved, and the one that counts for files. */
static bool read_id(const char *text, uint32_t *id)
{
    return sscanf(text, "%*u %*u %*u %" SCNu32, id) == 1;
}

static bool add_group(struct file_user *user, gid_t group)
{
    if (!ARRAY_RESIZE(user->groups, user->group_count + 1))
        return false;
    user->groups[user->group_count++] = group;
    return true;
}

static bool read_groups(const char *text, struct file_user *user)
{
    const char *line_end = text + strcspn(text, "\n");
    for (char *end; text < line_end; text = end) {
        unsigned long group = strtoul(text, &end, 10);
        if (end == text || end > line_end)
            break;
        if (!add_group(user, (gid_t)group))
            return false;
    }
    return true;
}

/* Capabilities of another user namespace count for nothing in this one. */
static bool shares_user_namespace(const struct process *process)
{
    struct stat its, ours;
    return fstatat(process->directory, "ns/user", &its, 0) == 0 && stat("/proc/self/ns/user", &ours) == 0 && its.st_dev == ours.st_dev &&
           its.st_ino == ours.st_ino;
}

struct spprof_error *target_process_file_user(const struct process *process, struct file_user *user)
{
    CLEANUP_FREE char *status = target_process_read_file(process, "status");
    *user = (struct file_user){0};
    if (status == NULL || !read_id(behind(status, "\nUid:"), &user->user) || !read_id(behind(status, "\nGid:"), &user->group))
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "process %" PRId64 " does not tell its user: it has ended", process->target.pid);
    if (!read_groups(behind(status, "\nGroups:"), user))
        return spprof_error_no_memory();
    if (shares_user_namespace(process))
        user->capabilities = strtoull(behind(status, "\nCapEff:"), NULL, 16);
    return NULL;
}
