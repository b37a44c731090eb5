/* What spprof's own process is asked of itself. */
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spprof/host.h"

size_t spprof_host_own_arguments(char *arguments, size_t size)
{
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t read = file != NULL ? fread(arguments, 1, size, file) : 0;
    if (file != NULL)
        fclose(file);
    return read;
}

/* The path of a file that is mapped from its first byte on ("7f62…-7f62… rw-p 00000000 fe:00 1140 /path"), at the end of the line. */
static const char *mapped_path(char *line)
{
    uint64_t offset = 1;
    int path = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%*x-%*x %*s %" SCNx64 " %*s %*s %n", &offset, &path) != 1 || offset != 0 || path == 0)
        return NULL;
    return line[path] == '/' ? line + path : NULL;
}

void spprof_host_find_mapped(bool (*look)(void *context, const char *path), void *context)
{
    char line[PATH_MAX + 128];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL)
        return;
    while (!found && fgets(line, sizeof line, maps) != NULL) {
        const char *path = mapped_path(line);
        found = path != NULL && look(context, path);
    }
    fclose(maps);
}

struct names {
    const char *part;
    char *paths[32]; /* owned */
    size_t count;
};

static int note_name(struct dl_phdr_info *object, size_t size, void *context)
{
    struct names *names = context;
    const char *slash = strrchr(object->dlpi_name, '/');
    (void)size;
    if (slash != NULL && strstr(slash, names->part) != NULL && names->count < sizeof names->paths / sizeof *names->paths)
        names->paths[names->count++] = strdup(object->dlpi_name);
    return 0;
}

void spprof_host_show_symbols(const char *part)
{
    struct names names = {.part = part};
    dl_iterate_phdr(note_name, &names); /* which holds a lock that dlopen wants */
    for (size_t i = 0; i < names.count; i++) {
        if (names.paths[i] != NULL)
            dlopen(names.paths[i], RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
        free(names.paths[i]);
    }
}

int spprof_host_reopen(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int spprof_host_descriptor_of(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/dev/stderr") == 0)
        return path[8] == 'o' ? STDOUT_FILENO : STDERR_FILENO;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            return atoi(path + strlen(folders[i]));
    return -1;
}

int spprof_host_memory_file(const char *purpose)
{
    return memfd_create(purpose, MFD_CLOEXEC);
}
