#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "target/elf/elf_file.h"
#include "target/elf/elf_memory.h"
#include "target/file_user.h"
#include "target/live_linux/process.h"
#include "target/modules.h"
#include "target/open_in_root.h"
#include "target/process_flags.h"
#include "target/target.h"

enum { PROC_FILE_MAX = 1 << 28, OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

/* Takes over fd. */
static char *read_whole(int opened)
{
    CLEANUP_CLOSE int fd = opened;
    size_t size = 0, capacity = 4096;
    char *text = fd >= 0 ? malloc(capacity) : NULL;
    while (text != NULL) {
        ssize_t got = read(fd, text + size, capacity - size - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || size >= PROC_FILE_MAX) {
            free(text);
            return NULL;
        }
        size += (size_t)got;
        text[size] = '\0';
        if (got == 0)
            return text;
        if (capacity - size < 2048 && !ARRAY_RESERVE(text, capacity, capacity * 2)) {
            free(text);
            return NULL;
        }
    }
    return NULL;
}

char *target_process_read_file(const struct process *process, const char *name)
{
    return read_whole(openat(process->directory, name, O_RDONLY | O_CLOEXEC));
}

/* Back to bytes what the kernel writes as \012: newlines. */
static void unescape(char *path)
{
    char *out = path;
    for (const char *in = path; *in != '\0'; out++) {
        bool octal = in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && isdigit((unsigned char)in[2]) && isdigit((unsigned char)in[3]);
        *out = *in;
        if (octal)
            *out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
        in += octal ? 4 : 1;
    }
    *out = '\0';
}

/* One line of /proc/PID/maps. The path is left in the text. */
static bool parse_mapping(char *line, struct address_mapping *mapping)
{
    unsigned major, minor;
    char permissions[8];
    int path = 0;
    *mapping = (struct address_mapping){.path = ""};
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 " %n", &mapping->start, &mapping->end, permissions, &mapping->offset,
               &major, &minor, &mapping->inode, &path) < 7 ||
        mapping->end <= mapping->start)
        return false;
    mapping->device = (uint64_t)major << 32 | minor;
    mapping->readable = permissions[0] == 'r';
    mapping->writable = permissions[1] == 'w';
    mapping->executable = permissions[2] == 'x';
    if (path > 0) {
        unescape(line + path);
        mapping->path = line + path;
    }
    return true;
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* Devices ([vvar] is one) are no memory: reading them may do things. */
static struct spprof_error *keep_regions(struct process *process, const struct address_mapping *mappings, size_t count)
{
    process->regions = calloc(count + 1, sizeof *process->regions);
    if (process->regions == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < count; i++) {
        const struct address_mapping *mapping = &mappings[i];
        if (mapping->readable && strncmp(mapping->path, "/dev/", 5) != 0 && strncmp(mapping->path, "[v", 2) != 0)
            process->regions[process->region_count++] = (struct spprof_mapping){
                .start = mapping->start,
                .end = mapping->end,
                .offset = mapping->offset,
                .readable = true,
                .writable = mapping->writable,
                .executable = mapping->executable,
                .anonymous = mapping->inode == 0,
            };
    }
    return NULL;
}

struct spprof_error *target_process_find_modules(struct process *process)
{
    CLEANUP_FREE char *maps = read_whole(target_process_open_living(process, "maps", O_RDONLY | O_CLOEXEC));
    if (maps == NULL)
        return spprof_error_new(SPPROF_ERROR_PERMISSION, "cannot read the memory map of process %" PRId64 ": %s", process->target.pid,
                                strerror(errno));
    CLEANUP_FREE struct address_mapping *mappings = calloc(count_lines(maps), sizeof *mappings);
    if (mappings == NULL)
        return spprof_error_no_memory();
    size_t count = 0;
    char *rest = maps;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        if (parse_mapping(line, &mappings[count]))
            count++;
    TRY(keep_regions(process, mappings, count));
    uint64_t entry = 0;
    CLEANUP_CLOSE int auxv = target_process_open_living(process, "auxv", O_RDONLY | O_CLOEXEC);
    Elf64_auxv_t pair;
    while (auxv >= 0 && read(auxv, &pair, sizeof pair) == (ssize_t)sizeof pair && pair.a_type != AT_NULL)
        if (pair.a_type == AT_ENTRY)
            entry = pair.a_un.a_val;
    return target_modules_build(&process->target, mappings, count, entry, &process->modules);
}

/* Whether the file is the one that is mapped: by build id where the module has one. */
static bool is_same_object(const struct spprof_module *module, int fd)
{
    struct elf_file *file = NULL;
    int copy = dup(fd);
    struct spprof_error *error = copy >= 0 ? target_elf_file_open(copy, module->path, &file) : NULL;
    bool same = error == NULL && file != NULL && module->build_id_size > 0 && file->build_id_size == module->build_id_size &&
                memcmp(file->build_id, module->build_id, module->build_id_size) == 0;
    spprof_error_free(error);
    target_elf_file_close(file);
    return same;
}

/* Its root directory, as a path of ours. */
static void root_path(struct process *process, char *path, size_t size)
{
    char name[64];
    target_process_living_path(process, "root", name, sizeof name);
    snprintf(path, size, "/proc/%" PRId64 "/%s", process->target.pid, name);
}

static struct spprof_error *open_in_process_root(struct process *process, const char *path, int *fd)
{
    char root[128];
    root_path(process, root, sizeof root);
    return target_open_in_root(root, path, fd);
}

struct spprof_error *target_process_open_module(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    struct process *process = (struct process *)target;
    char name[96];
    const struct spprof_mapping *first = module->mapping_count > 0 ? &module->mappings[0] : NULL;
    *fd = -1;
    if (first != NULL) { /* the very file, also when it was deleted since; needs privileges */
        snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, first->start, first->end);
        *fd = openat(process->directory, name, OPEN_FLAGS);
    }
    if (*fd < 0 && module->main)
        *fd = target_process_open_living(process, "exe", OPEN_FLAGS);
    if (*fd >= 0)
        return NULL;
    /* In the process's root; in ours for one that lives in a chroot, whose mappings the kernel names as we see them. */
    struct spprof_error *error = open_in_process_root(process, module->path, fd);
    if (error != NULL) {
        spprof_error_free(error);
        TRY(target_open_in_root(NULL, module->path, fd));
    }
    if (module->deleted || !is_same_object(module, *fd)) {
        close(*fd);
        *fd = -1;
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s is not the file that is mapped (replaced since?)", module->path);
    }
    return NULL;
}

enum { ANCESTORS_MAX = 64 };

struct start {
    int64_t parent;
    unsigned flags;
    uint64_t ticks; /* since boot */
};

static bool read_start(const char *path, struct start *start)
{
    char text[1024];
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (size <= 0)
        return false;
    text[size] = '\0';
    const char *at = strrchr(text, ')');
    return at != NULL && sscanf(at, ") %*c %" SCNd64 " %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64, &start->parent,
                                &start->flags, &start->ticks) == 3;
}

bool target_process_began_by_exec(const struct process *process)
{
    char path[64];
    struct start start;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", process->target.pid);
    return read_start(path, &start) && (start.flags & FORKED_WITHOUT_EXEC) == 0;
}

static bool runs_executable(int64_t pid, const struct stat *executable)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/exe", pid);
    return stat(path, &status) == 0 && status.st_dev == executable->st_dev && status.st_ino == executable->st_ino;
}

/*
 * When the program began, in ns since the epoch; a clock tick early rather than late. A worker that was forked runs what its parent
 * read: the parent's start counts. 0 where that parent is gone.
 */
static int64_t start_time(struct process *process)
{
    char path[64];
    struct start start;
    struct stat executable;
    target_process_living_path(process, "exe", path, sizeof path);
    bool known = fstatat(process->directory, path, &executable, 0) == 0;
    int64_t pid = process->target.pid;
    for (int i = 0;; i++) {
        snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
        if (!read_start(path, &start))
            return 0;
        if ((start.flags & FORKED_WITHOUT_EXEC) == 0)
            break;
        if (i == ANCESTORS_MAX || !known || !runs_executable(start.parent, &executable))
            return 0;
        pid = start.parent;
    }
    int64_t booted = (int64_t)(base_clock_read(CLOCK_REALTIME) - base_clock_read(CLOCK_BOOTTIME));
    int64_t tick = INT64_C(1000000000) / sysconf(_SC_CLK_TCK);
    return booted + (int64_t)start.ticks * tick - tick;
}

static char *link_text(const struct process *process, const char *name)
{
    char text[PATH_MAX];
    ssize_t size = readlinkat(process->directory, name, text, sizeof text - 1);
    return size > 0 ? strndup(text, (size_t)size) : NULL;
}

/* Where the process stands, as it sees that itself; NULL where it is not to be told. A chroot's links are named as we see them. */
static char *current_directory(const struct process *process)
{
    CLEANUP_FREE char *root = link_text(process, "root"), *directory = link_text(process, "cwd");
    if (root == NULL || directory == NULL || directory[0] != '/')
        return NULL;
    size_t size = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool inside = strncmp(root, directory, size) == 0 && (directory[size] == '/' || directory[size] == '\0');
    return inside ? strdup(directory[size] == '\0' ? "/" : directory + size) : NULL;
}

/* Where it stood when it began, as its shell said; NULL where it was not told, or has overwritten that. */
static char *first_directory(const struct process *process)
{
    static const char name[] = "PWD=/";
    CLEANUP_FREE char *environment = target_process_read_file(process, "environ");
    size_t left = PROC_FILE_MAX;
    for (const char *at = environment; at != NULL && *at != '\0' && left > 0; at += strlen(at) + 1)
        if (strncmp(at, name, sizeof name - 1) == 0)
            return strdup(at + sizeof name - 2);
    return NULL;
}

static struct spprof_error *open_from(struct process *process, const struct file_user *user, const char *directory, const char *path, int *fd)
{
    char root[128];
    CLEANUP_FREE char *whole = NULL;
    root_path(process, root, sizeof root);
    if (path[0] == '/')
        return target_open_as_user(user, root, path, fd);
    if (directory == NULL || asprintf(&whole, "%s/%s", directory, path) < 0) {
        whole = NULL;
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s is relative to a directory that is not known", path);
    }
    return target_open_as_user(user, root, whole, fd);
}

struct spprof_error *target_process_open_file(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    struct process *process = (struct process *)target;
    CLEANUP(target_file_user_clear) struct file_user user;
    CLEANUP_FREE char *now = NULL, *first = NULL;
    *fd = -1;
    *started_at = start_time(process);
    TRY(target_process_file_user(process, &user));
    if (path[0] != '/')
        now = current_directory(process);
    struct spprof_error *error = open_from(process, &user, now, path, fd);
    if (error == NULL || path[0] == '/')
        return error;
    spprof_error_free(error);
    first = first_directory(process);
    return open_from(process, &user, first, path, fd);
}

static struct spprof_error *absent(const struct spprof_module *module, const char *name)
{
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s has no %s", module->path, name);
}

/* The dynamic symbols lie in memory, whatever became of the file; the others only in the file. */
struct spprof_error *target_process_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address)
{
    struct elf_reader reader = target_elf_target_reader(target);
    struct elf_object object = {0};
    enum elf_lookup found = ELF_UNKNOWN;
    if (target_elf_object_read(&reader, module->start, &object))
        found = target_elf_object_find_symbol(&reader, &object, name, address);
    target_elf_object_free(&object);
    if (found == ELF_FOUND)
        return NULL;
    int fd;
    struct elf_file *file = NULL;
    TRY(target_process_open_module(target, module, &fd));
    TRY(target_elf_file_open(fd, module->path, &file));
    *address = 0;
    bool there = target_elf_file_find_symbol(file, name, address);
    target_elf_file_close(file);
    *address += module->bias;
    return there ? NULL : absent(module, name);
}

struct spprof_error *target_process_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name,
                                                 uint64_t *address, uint64_t *size)
{
    int fd;
    struct elf_file *file = NULL;
    TRY(target_process_open_module(target, module, &fd));
    TRY(target_elf_file_open(fd, module->path, &file));
    *address = *size = 0;
    bool there = target_elf_file_find_section(file, name, address, size);
    target_elf_file_close(file);
    *address += module->bias;
    return there ? NULL : absent(module, name);
}
