#include "sample/activity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FRESH_NS = 1000000 };

void activity_open(struct activity *activity, int64_t pid, int64_t tid)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/task/%" PRId64 "/stat", pid, tid);
    *activity = (struct activity){.file = tid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1};
}

void activity_close(struct activity *activity)
{
    if (activity->file >= 0)
        close(activity->file);
    activity->file = -1;
}

/* "123 (name) R ...": the name may hold anything, so its end is the last parenthesis. */
static enum spprof_activity ask(const struct activity *activity)
{
    char stat[256];
    ssize_t size = activity->file >= 0 ? pread(activity->file, stat, sizeof stat - 1, 0) : -1;
    if (size <= 0)
        return SPPROF_ACTIVITY_UNKNOWN;
    stat[size] = '\0';
    const char *close = strrchr(stat, ')');
    if (close == NULL || close[1] != ' ')
        return SPPROF_ACTIVITY_UNKNOWN;
    return close[2] == 'R' ? SPPROF_ACTIVITY_RUNNING : SPPROF_ACTIVITY_IDLE;
}

enum spprof_activity activity_of(struct activity *activity, uint64_t now)
{
    if (activity->asked_at == 0 || now - activity->asked_at >= FRESH_NS) {
        activity->state = ask(activity);
        activity->asked_at = now;
    }
    return activity->state;
}
