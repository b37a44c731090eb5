#include "target/descendants.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { PROCESSES_MAX = 1 << 16, STAT_SIZE = 1024 };

struct relation {
    int64_t pid, parent;
};

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        closedir(*folder);
}

/* The fourth field of /proc/PID/stat, behind the name, which may hold anything; 0: it has ended. */
static int64_t parent_of(const char *pid)
{
    char path[300], text[STAT_SIZE];
    int64_t parent = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (size <= 0)
        return 0;
    text[size] = '\0';
    const char *behind = strrchr(text, ')');
    return behind != NULL && sscanf(behind, ") %*c %" SCNd64, &parent) == 1 ? parent : 0;
}

static size_t list_processes(struct relation *relations, size_t max)
{
    CLEANUP(close_folder) DIR *folder = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;
    while (folder != NULL && count < max && (entry = readdir(folder)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]))
            relations[count++] = (struct relation){.pid = strtoll(entry->d_name, NULL, 10), .parent = parent_of(entry->d_name)};
    return count;
}

static bool is_known(const int64_t *pids, size_t count, int64_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

size_t target_descendants_find(int64_t pid, int64_t *pids, size_t max)
{
    size_t found = 0;
    CLEANUP_FREE struct relation *relations = calloc(PROCESSES_MAX, sizeof *relations);
    size_t count = relations != NULL ? list_processes(relations, PROCESSES_MAX) : 0;
    for (size_t done = 0; done <= found; done++) { /* the process itself, then each that was found */
        int64_t parent = done == 0 ? pid : pids[done - 1];
        for (size_t i = 0; i < count && found < max; i++)
            if (relations[i].parent == parent && relations[i].pid != pid && !is_known(pids, found, relations[i].pid))
                pids[found++] = relations[i].pid;
    }
    return found;
}
