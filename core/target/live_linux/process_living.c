#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "target/live_linux/process.h"

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        closedir(*directory);
}

static bool has_ended(const struct process *process, int64_t tid)
{
    char state = target_process_thread_state(process, tid);
    return state == 'Z' || state == 'X' || state == '?';
}

/* 0: all have ended. */
static int64_t find_thread(const struct process *process)
{
    int fd = openat(process->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL)
        return 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        int64_t tid = strtoll(entry->d_name, NULL, 10);
        if (tid > 0 && !has_ended(process, tid))
            return tid;
    }
    return 0;
}

bool target_process_find_living(struct process *process)
{
    int64_t tid = find_thread(process);
    if (tid == 0 || tid == process->living)
        return false;
    process->living = tid;
    return true;
}

void target_process_living_path(struct process *process, const char *name, char *path, size_t size)
{
    if (has_ended(process, process->living)) /* what its entry shows is empty */
        target_process_find_living(process);
    if (process->living == process->target.pid)
        snprintf(path, size, "%s", name);
    else
        snprintf(path, size, "task/%" PRId64 "/%s", process->living, name);
}

int target_process_open_living(struct process *process, const char *name, int flags)
{
    char path[64];
    target_process_living_path(process, name, path, sizeof path);
    return openat(process->directory, path, flags);
}
