#include "sample/activity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/held.h"

enum { FRESH_NS = 200000 }; /* to ask takes some 2 us */

static int open_file(int64_t pid, int64_t tid, const char *name)
{
    char path[96];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/task/%" PRId64 "/%s", pid, tid, name);
    return tid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

void activity_open(struct activity *activity, int64_t pid, int64_t tid)
{
    *activity = (struct activity){.state_file = open_file(pid, tid, "stat"), .time_file = open_file(pid, tid, "schedstat"), .cpu = -1};
}

static void close_file(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

void activity_close(struct activity *activity)
{
    close_file(&activity->state_file);
    close_file(&activity->time_file);
}

/* The beginning of a file, ended by NUL; false where there is nothing. */
static bool read_file(int file, char *text, size_t size)
{
    ssize_t got = file >= 0 ? pread(file, text, size - 1, 0) : -1;
    if (got <= 0)
        return false;
    text[got] = '\0';
    return true;
}

/* From the state of a thread on, the third field of proc(5)'s stat. */
static int read_cpu(const char *state)
{
    enum { STATE = 3, PROCESSOR = 39 };
    for (int field = STATE; field < PROCESSOR && state != NULL; field++)
        state = strchr(state + 1, ' ');
    return state != NULL ? atoi(state) : -1;
}

/* "123 (name) R ...": the name may hold anything, so its end is the last parenthesis. */
static void read_state(struct activity *activity)
{
    char stat[1024];
    activity->state = SPPROF_ACTIVITY_UNKNOWN;
    activity->held = SPPROF_HELD_NOT;
    activity->cpu = -1;
    activity->ended = activity->state_file >= 0;
    if (!read_file(activity->state_file, stat, sizeof stat))
        return;
    const char *close = strrchr(stat, ')');
    if (close == NULL || close[1] != ' ')
        return;
    activity->ended = close[2] == 'Z' || close[2] == 'X'; /* a main thread keeps its entry as long as others run */
    activity->state = close[2] == 'R' ? SPPROF_ACTIVITY_RUNNING : SPPROF_ACTIVITY_IDLE;
    activity->held = held_by_letter(close[2]);
    activity->cpu = read_cpu(close + 2);
}

enum spprof_activity activity_ask(struct activity *activity, uint64_t now)
{
    read_state(activity);
    activity->asked_at = now;
    return activity->state;
}

enum spprof_activity activity_of(struct activity *activity, uint64_t now)
{
    bool fresh = activity->asked_at != 0 && now - activity->asked_at < FRESH_NS;
    return fresh ? activity->state : activity_ask(activity, now);
}

struct cpu_use activity_use(const struct activity *activity)
{
    char text[96], *rest;
    if (!read_file(activity->time_file, text, sizeof text))
        return (struct cpu_use){0};
    /* Time on a CPU, time spent waiting for one, times it got one: Documentation/scheduler/sched-stats.rst of Linux. */
    uint64_t time = strtoull(text, &rest, 10);
    strtoull(rest, &rest, 10);
    return (struct cpu_use){time, strtoull(rest, &rest, 10)};
}

enum spprof_activity activity_since(struct activity *activity, uint64_t now, uint64_t went)
{
    enum { PART = 5 }; /* of the time that it could run; a thread that waits runs for a moment when it is stopped, too */
    uint64_t before = activity->asked_at, ran_before = activity->ran;
    activity->state = SPPROF_ACTIVITY_UNKNOWN;
    activity->ran = activity_use(activity).time;
    if (activity->ran == 0)
        return SPPROF_ACTIVITY_UNKNOWN;
    activity->asked_at = now;
    if (now - before < went)
        went = now - before;
    if (before != 0)
        activity->state = (activity->ran - ran_before) * PART >= went ? SPPROF_ACTIVITY_RUNNING : SPPROF_ACTIVITY_IDLE;
    return activity->state;
}
