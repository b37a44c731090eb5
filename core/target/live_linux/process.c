#include "target/live_linux/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/modules.h"

enum { BATCH = IOV_MAX };

static void set_status(struct spprof_range *ranges, size_t count, enum spprof_read_status status)
{
    for (size_t i = 0; i < count; i++)
        ranges[i].status = status;
}

static enum spprof_read_status status_of_errno(int error)
{
    switch (error) {
    case ESRCH: return SPPROF_READ_GONE;
    case EPERM:
    case EACCES: return SPPROF_READ_DENIED;
    default: return SPPROF_READ_UNMAPPED;
    }
}

static void read_one(struct process *process, struct spprof_range *range)
{
    size_t done = 0;
    ssize_t got = 0;
    process->target.read_calls++;
    while (done < range->size) {
        got = pread(process->memory, (char *)range->buffer + done, range->size - done, (off_t)(range->address + done));
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    if (done == range->size)
        range->status = SPPROF_READ_OK;
    else
        range->status = got == 0 ? SPPROF_READ_GONE : status_of_errno(errno);
}

/* Reads from the first range on until one fails; returns how many ranges are settled. */
static size_t read_batch(struct process *process, struct spprof_range *ranges, size_t count)
{
    struct iovec local[BATCH], remote[BATCH];
    for (size_t i = 0; i < count; i++) {
        local[i] = (struct iovec){ranges[i].buffer, ranges[i].size};
        remote[i] = (struct iovec){(void *)(uintptr_t)ranges[i].address, ranges[i].size}; // NOLINT: an address of the target
    }
    ssize_t got;
    int error;
    do {
        process->target.read_calls++;
        got = process_vm_readv((pid_t)process->living, local, count, remote, count, 0);
        error = errno;
    } while (got < 0 && error == ESRCH && target_process_find_living(process));
    if (got < 0 && error != EFAULT) {
        enum spprof_read_status status = status_of_errno(error);
        process->readv_refused = status != SPPROF_READ_GONE;
        set_status(ranges, count, status);
        return status == SPPROF_READ_GONE ? count : 0;
    }
    size_t settled = 0;
    for (size_t left = got > 0 ? (size_t)got : 0; settled < count && ranges[settled].size <= left; settled++) {
        left -= ranges[settled].size;
        ranges[settled].status = SPPROF_READ_OK;
    }
    if (settled < count)
        ranges[settled++].status = SPPROF_READ_UNMAPPED; /* the call stops at the first range that it cannot read whole */
    return settled;
}

static void process_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    struct process *process = (struct process *)target;
    size_t done = 0;
    target_process_guard_is_alive(process->guard);
    while (done < count) {
        bool single = count - done == 1;
        if (process->memory >= 0 && (single || process->readv_refused)) {
            read_one(process, &ranges[done++]);
        } else if (process->readv_refused) {
            set_status(ranges + done, count - done, SPPROF_READ_DENIED);
            return;
        } else {
            done += read_batch(process, ranges + done, count - done < BATCH ? count - done : BATCH);
        }
    }
}

static struct spprof_error *process_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    struct process *process = (struct process *)target;
    if (!process->modules_known)
        TRY(target_process_find_modules(process));
    process->modules_known = true;
    *modules = &process->modules;
    return NULL;
}

static struct spprof_error *process_regions(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count)
{
    const struct spprof_modules *modules;
    struct process *process = (struct process *)target;
    TRY(process_modules(target, &modules));
    *regions = process->regions;
    *count = process->region_count;
    return NULL;
}

static void process_close(struct spprof_target *target)
{
    struct process *process = (struct process *)target;
    if (!target_process_stop_end(process))
        return;
    target_process_guard_free(process->guard);
    spprof_problems_free(&target->problems); /* of that end: nobody hears of them any more */
    if (process->directory >= 0)
        close(process->directory);
    if (process->memory >= 0)
        close(process->memory);
    target_modules_free(&process->modules);
    free(process->regions);
    free(process->threads.items);
    free(process);
}

static const struct spprof_target_ops process_ops = {
    .read_many = process_read_many,
    .threads = target_process_threads,
    .modules = process_modules,
    .regions = process_regions,
    .find_symbol = target_process_find_symbol,
    .find_section = target_process_find_section,
    .open_module = target_process_open_module,
    .open_file = target_process_open_file,
    .stop = target_process_stop,
    .resume = target_process_resume,
    .stop_some = target_process_stop_some,
    .stands = target_process_stands,
    .waited = target_process_waited,
    .close = process_close,
};

/* The number behind "Name:" in /proc/PID/status; the last one of the line, which is that of the innermost namespace. */
static int64_t status_number(const char *status, const char *name, bool last)
{
    const char *line = strstr(status, name);
    if (line == NULL)
        return -1;
    const char *at = line + strlen(name);
    int64_t number = -1;
    do {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at)
            break;
        number = value;
        at = end;
        while (*at == '\t' || *at == ' ')
            at++;
    } while (last && *at != '\n');
    return number;
}

static char *read_link(struct process *process, const char *name)
{
    char buffer[PATH_MAX], path[64];
    target_process_living_path(process, name, path, sizeof path);
    ssize_t size = readlinkat(process->directory, path, buffer, sizeof buffer - 1);
    if (size < 0)
        return NULL;
    buffer[size] = '\0';
    size_t length;
    target_path_is_deleted(buffer, &length);
    return strndup(buffer, length);
}

static struct spprof_error *no_such_process(int64_t pid)
{
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND,
                            "there is no process %" PRId64 ": it has ended, or lives in another PID namespace (a container has numbers of its "
                            "own; 'ps -ef' shows those that are seen from here)",
                            pid);
}

/* Only ELF64 processes of the two architectures whose structures spprof knows. */
static struct spprof_error *check_architecture(struct process *process)
{
    struct spprof_target *target = &process->target;
    unsigned char head[20];
    CLEANUP_CLOSE int fd = target_process_open_living(process, "exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES)
        return target_process_refused(process);
    if (fd < 0)
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON, "process %" PRId64 " runs no program: it is a kernel thread, or has ended", target->pid);
    if (read(fd, head, sizeof head) != (ssize_t)sizeof head || memcmp(head, "\177ELF", 4) != 0 || head[4] != 2)
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "process %" PRId64 " is no 64-bit program; spprof reads x86-64 and aarch64", target->pid);
    unsigned machine = head[18] | (unsigned)head[19] << 8;
    target->architecture = machine == 62 ? SPPROF_X86_64 : machine == 183 ? SPPROF_AARCH64 : SPPROF_ARCHITECTURE_UNKNOWN;
    return NULL;
}

static struct spprof_error *open_memory(struct process *process)
{
    process->memory = target_process_open_living(process, "mem", O_RDONLY | O_CLOEXEC);
    if (process->memory < 0 && (errno == EACCES || errno == EPERM))
        return target_process_refused(process);
    return NULL;
}

static struct spprof_error *open_process(struct process *process, int64_t pid)
{
    char path[64];
    struct spprof_target *target = &process->target;
    *target =
        (struct spprof_target){.ops = &process_ops, .kind = SPPROF_TARGET_PROCESS, .pointer_size = 8, .long_size = 8, .pid = pid, .local = true};
    process->memory = -1;
    snprintf(path, sizeof path, "/proc/%" PRId64, pid);
    process->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FREE char *status = process->directory >= 0 ? target_process_read_file(process, "status") : NULL;
    if (status == NULL)
        return no_such_process(pid);
    if (status_number(status, "\nTgid:", false) > 0)
        target->pid = status_number(status, "\nTgid:", false);
    process->living = target->pid;
    process->nested = status_number(status, "\nNSpid:", true) != status_number(status, "\nNSpid:", false);
    process->target.began_by_exec = target_process_began_by_exec(process);
    process->is_child = status_number(status, "\nPPid:", false) == getpid();
    /* Where other threads run, the main one has ended, or one of them is just becoming another program by exec. */
    if (strstr(status, "\nState:\tZ") != NULL && status_number(status, "\nThreads:", false) <= 1)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "process %" PRId64 " has ended; only its entry waits for its parent (a zombie)", pid);
    TRY(check_architecture(process));
    target->executable = read_link(process, "exe");
    return open_memory(process);
}

struct spprof_error *spprof_process_open(int64_t pid, struct spprof_target **target)
{
    struct process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return spprof_error_no_memory();
    struct spprof_error *error = open_process(process, pid);
    if (error != NULL) {
        spprof_target_close(&process->target);
        return error;
    }
    *target = &process->target;
    return NULL;
}
