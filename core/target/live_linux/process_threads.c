#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/held.h"
#include "target/live_linux/held_letter.h"
#include "target/live_linux/process.h"
#include "target/system_call.h"
#include "target/target.h"

enum { THREADS_MAX = 1 << 20 };

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        closedir(*directory);
}

static int by_tid(const void *left, const void *right)
{
    const struct process_thread *a = left, *b = right;
    return (a->native.tid > b->native.tid) - (a->native.tid < b->native.tid);
}

/* "123 (name) S ...": the name may hold anything, so its end is the last parenthesis. */
static void parse_stat(struct process_thread *thread, const char *stat)
{
    const char *open = strchr(stat, '('), *close = strrchr(stat, ')');
    if (open == NULL || close == NULL || close < open || close[1] != ' ')
        return;
    size_t size = (size_t)(close - open - 1);
    if (size >= sizeof thread->native.name)
        size = sizeof thread->native.name - 1;
    memcpy(thread->native.name, open + 1, size);
    thread->native.name[size] = '\0';
    thread->state = close[2];
    thread->native.activity = thread->state == 'R' ? SPPROF_ACTIVITY_RUNNING : SPPROF_ACTIVITY_IDLE;
}

char target_process_thread_state(const struct process *process, int64_t tid)
{
    char name[64];
    struct process_thread thread = {.state = '?'};
    snprintf(name, sizeof name, "task/%" PRId64 "/stat", tid);
    CLEANUP_FREE char *stat = target_process_read_file(process, name);
    if (stat != NULL)
        parse_stat(&thread, stat);
    return thread.state;
}

/* "202 0x7f… …": a waiting thread's system call and its arguments; "running" for the others. */
static void parse_system_call(struct process_thread *thread, const char *text)
{
    int64_t number;
    uint64_t argument;
    if (sscanf(text, "%" SCNd64 " %" SCNx64, &number, &argument) != 2 || number < 0)
        return;
    thread->native.in_system_call = true;
    thread->native.system_call = number;
    thread->native.system_call_argument = argument;
}

static int64_t namespace_tid(const struct process *process, int64_t tid)
{
    char name[64];
    if (!process->nested)
        return tid;
    snprintf(name, sizeof name, "task/%" PRId64 "/status", tid);
    CLEANUP_FREE char *status = target_process_read_file(process, name);
    const char *line = status != NULL ? strstr(status, "\nNSpid:") : NULL;
    if (line == NULL)
        return tid;
    int64_t innermost = tid;
    char *end;
    for (const char *at = line + 7; *at == '\t'; at = end) {
        innermost = strtoll(at, &end, 10);
        if (end == at)
            break;
    }
    return innermost;
}

/*
 * Whoever traces it (a debugger) holds it: whether it waited before, the system call that it is in tells. aarch64's kernel has forgotten
 * that, but tells the program counter: "-1 0x<stack pointer> 0x<program counter>".
 */
static enum spprof_activity activity_when_traced(struct process *process, const char *call)
{
    uint64_t stack_pointer, program_counter;
    uint32_t code[2];
    if (process->target.architecture != SPPROF_AARCH64)
        return SPPROF_ACTIVITY_RUNNING;
    if (sscanf(call, "-1 %" SCNx64 " %" SCNx64, &stack_pointer, &program_counter) != 2 ||
        target_try_read(&process->target, program_counter - sizeof code[0], code, sizeof code) != SPPROF_READ_OK)
        return SPPROF_ACTIVITY_UNKNOWN;
    return target_system_call_activity_of_aarch64(code);
}

static void describe(struct process *process, struct process_thread *thread)
{
    char name[64];
    int64_t tid = thread->native.tid;
    thread->native.target_tid = namespace_tid(process, tid);
    snprintf(name, sizeof name, "task/%" PRId64 "/stat", tid);
    CLEANUP_FREE char *stat = target_process_read_file(process, name);
    if (stat != NULL)
        parse_stat(thread, stat);
    if (thread->native.activity != SPPROF_ACTIVITY_IDLE)
        return;
    snprintf(name, sizeof name, "task/%" PRId64 "/syscall", tid);
    CLEANUP_FREE char *call = target_process_read_file(process, name);
    if (call != NULL)
        parse_system_call(thread, call);
    if (thread->state == 't' && !thread->native.in_system_call)
        thread->native.activity = activity_when_traced(process, call != NULL ? call : "");
}

static struct spprof_error *append(struct process_threads *threads, int64_t tid, struct process_thread **added)
{
    if (!ARRAY_RESERVE(threads->items, threads->capacity, threads->count + 1))
        return spprof_error_no_memory();
    *added = &threads->items[threads->count++];
    **added = (struct process_thread){.native.tid = tid};
    return NULL;
}

static struct process_thread *find(const struct process_threads *threads, size_t sorted, int64_t tid)
{
    struct process_thread key = {.native.tid = tid};
    return sorted > 0 ? bsearch(&key, threads->items, sorted, sizeof key, by_tid) : NULL;
}

struct process_thread *target_process_find_thread(const struct process_threads *threads, int64_t tid)
{
    return find(threads, threads->count, tid);
}

static bool has_thread(const struct process *process, int64_t tid)
{
    char name[64];
    snprintf(name, sizeof name, "task/%" PRId64, tid);
    return faccessat(process->directory, name, F_OK, 0) == 0;
}

static void sort(struct process_threads *threads)
{
    if (threads->count > 0)
        qsort(threads->items, threads->count, sizeof *threads->items, by_tid);
}

/* An id that was noted before may have come to mean a thread of another process since. */
struct spprof_error *target_process_add_threads(const struct process *process, struct process_threads *threads, const int64_t *tids, size_t count)
{
    struct process_thread *added;
    size_t before = threads->count, kept = 0;
    for (size_t i = 0; i < count; i++)
        if (find(threads, before, tids[i]) == NULL && has_thread(process, tids[i]))
            TRY(append(threads, tids[i], &added));
    sort(threads);
    for (size_t i = 0; i < threads->count; i++)
        if (kept == 0 || threads->items[kept - 1].native.tid != threads->items[i].native.tid)
            threads->items[kept++] = threads->items[i];
    threads->count = kept;
    return NULL;
}

static struct spprof_error *gone(const struct process *process)
{
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "process %" PRId64 " ended while it was being read", process->target.pid);
}

struct spprof_error *target_process_list_threads(struct process *process, struct process_threads *threads)
{
    int fd = openat(process->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_directory) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && directory == NULL) {
        close(fd);
        return spprof_error_no_memory();
    }
    if (directory == NULL)
        return gone(process);
    size_t before = threads->count;
    for (struct dirent *entry = readdir(directory); entry != NULL && threads->count < THREADS_MAX; entry = readdir(directory)) {
        int64_t tid = strtoll(entry->d_name, NULL, 10);
        struct process_thread *added;
        if (tid <= 0 || find(threads, before, tid) != NULL)
            continue;
        TRY(append(threads, tid, &added));
        describe(process, added);
    }
    if (threads->count == 0)
        return gone(process);
    sort(threads);
    return NULL;
}

bool target_process_is_frozen(const struct process *process)
{
    char by[64];
    return target_held_by_freezer(process->target.pid, by, sizeof by);
}

/* What it did before it was stopped here. A thread that runs is not frozen, whatever its cgroup was told. */
static void tell_hold(const struct process *process, char state, bool frozen, const char *freezer, struct spprof_native_thread *thread)
{
    thread->held = frozen && state != 'R' ? SPPROF_HELD_FROZEN : target_held_by_letter(state);
    if (thread->held == SPPROF_HELD_FROZEN)
        snprintf(thread->held_by, sizeof thread->held_by, "%s", freezer);
    else if (thread->held == SPPROF_HELD_TRACED)
        target_held_by_tracer(process->target.pid, thread->tid, thread->held_by, sizeof thread->held_by);
}

/* Of the last stop where there was one: its registers say more than /proc, and all of it is of one instant. */
struct spprof_error *target_process_threads(struct spprof_target *target, struct spprof_native_threads *threads)
{
    struct process *process = (struct process *)target;
    struct process_threads fresh = {NULL, 0, 0};
    struct process_threads *source = process->threads_known ? &process->threads : &fresh;
    if (!process->threads_known)
        TRY(target_process_list_threads(process, &fresh));
    CLEANUP_FREE struct process_thread *owned = fresh.items;
    threads->items = calloc(source->count + 1, sizeof *threads->items);
    if (threads->items == NULL)
        return spprof_error_no_memory();
    char freezer[sizeof threads->items->held_by];
    bool frozen = target_held_by_freezer(process->target.pid, freezer, sizeof freezer);
    for (size_t i = 0; i < source->count; i++) {
        const struct process_thread *thread = &source->items[i];
        if (thread->state == 'Z' || thread->state == 'X')
            continue;
        threads->items[threads->count] = thread->native;
        tell_hold(process, thread->state, frozen, freezer, &threads->items[threads->count++]);
    }
    (void)owned;
    return NULL;
}
