#include "target/run_state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/live_linux/held_letter.h"

static int open_file(int64_t pid, int64_t tid, const char *name)
{
    char path[96];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/task/%" PRId64 "/%s", pid, tid, name);
    return tid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

int target_run_state_open(int64_t pid, int64_t tid)
{
    return open_file(pid, tid, "stat");
}

int target_cpu_use_open(int64_t pid, int64_t tid)
{
    return open_file(pid, tid, "schedstat");
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
struct run_state target_run_state_read(int fd)
{
    char stat[1024];
    struct run_state state = {.activity = SPPROF_ACTIVITY_UNKNOWN, .held = SPPROF_HELD_NOT, .cpu = -1, .ended = fd >= 0};
    if (!read_file(fd, stat, sizeof stat))
        return state;
    const char *close = strrchr(stat, ')');
    if (close == NULL || close[1] != ' ')
        return state;
    state.ended = close[2] == 'Z' || close[2] == 'X';
    state.activity = close[2] == 'R' ? SPPROF_ACTIVITY_RUNNING : SPPROF_ACTIVITY_IDLE;
    state.held = target_held_by_letter(close[2]);
    state.cpu = read_cpu(close + 2);
    return state;
}

/* Time on a CPU, time spent waiting for one, times it got one: Documentation/scheduler/sched-stats.rst of Linux. */
struct cpu_use target_cpu_use_read(int fd)
{
    char text[96], *rest;
    if (!read_file(fd, text, sizeof text))
        return (struct cpu_use){0};
    uint64_t time = strtoull(text, &rest, 10);
    strtoull(rest, &rest, 10);
    return (struct cpu_use){time, strtoull(rest, &rest, 10)};
}
