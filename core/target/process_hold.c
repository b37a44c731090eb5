/*
 * Threads that stay seized between many stops: seizing and letting go costs more than a stop itself. A seized thread stands still at each
 * signal that comes for it, so whoever holds it has to serve it.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"
#include "target/process.h"

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void process_let_run(struct process_thread *thread)
{
    if (!thread->seized || !thread->stopped)
        return;
    if (thread->group_stopped)
        ptrace(PTRACE_LISTEN, (pid_t)thread->native.tid, NULL, NULL);
    else
        ptrace(PTRACE_CONT, (pid_t)thread->native.tid, NULL, (void *)(uintptr_t)thread->pending_signal);
    thread->stopped = false;
    thread->pending_signal = 0;
}

static size_t held_count(const struct process_threads *threads)
{
    size_t count = 0;
    for (size_t i = 0; i < threads->count; i++)
        count += threads->items[i].seized;
    return count;
}

/* The folder of a process's threads has a link for each of them, and two of its own: proc_task_getattr, fs/proc/base.c of Linux. */
static size_t thread_count(const struct process *process)
{
    struct stat status;
    return fstatat(process->directory, "task", &status, 0) == 0 && status.st_nlink > 2 ? (size_t)status.st_nlink - 2 : 0;
}

static void forget_ended(struct process_threads *threads)
{
    size_t kept = 0;
    for (size_t i = 0; i < threads->count; i++)
        if (threads->items[i].seized)
            threads->items[kept++] = threads->items[i];
    threads->count = kept;
}

struct spprof_error *process_hold_new(struct process *process)
{
    size_t there = thread_count(process), held = held_count(&process->threads);
    bool main_ended = there == held + 1 && process_thread_state(process, process->target.pid) == 'Z';
    if (there == held || main_ended)
        return NULL;
    forget_ended(&process->threads);
    TRY(process_list_threads(process, &process->threads));
    return process_seize_all(process, &process->threads);
}

struct spprof_error *process_hold(struct spprof_target *target)
{
    struct process *process = (struct process *)target;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child, NULL); /* rest takes it */
    process->threads.count = 0;
    process->threads_known = true;
    process->holds = true;
    process->chooses = false;
    struct spprof_error *error = process_hold_new(process);
    if (error != NULL)
        process_hold_end(process);
    return error;
}

bool process_holds(struct spprof_target *target, int64_t tid)
{
    const struct process_thread *thread = process_find_thread(&((struct process *)target)->threads, tid);
    return thread != NULL && thread->seized;
}

void process_choose(struct spprof_target *target, const int64_t *tids, size_t count)
{
    struct process *process = (struct process *)target;
    process->chooses = tids != NULL;
    for (size_t i = 0; i < process->threads.count; i++)
        process->threads.items[i].chosen = false;
    for (size_t i = 0; tids != NULL && i < count; i++) {
        struct process_thread *thread = process_find_thread(&process->threads, tids[i]);
        if (thread != NULL)
            thread->chosen = true;
    }
}

static void serve(struct process *process)
{
    for (size_t i = 0; i < process->threads.count; i++) {
        struct process_thread *thread = &process->threads.items[i];
        if (thread->seized && process_settle(process, thread))
            process_let_run(thread);
    }
}

void process_rest(struct spprof_target *target, uint64_t until)
{
    struct process *process = (struct process *)target;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    serve(process);
    for (uint64_t time = now(); time < until; time = now()) {
        struct timespec rest = {(time_t)((until - time) / 1000000000u), (long)((until - time) % 1000000000u)};
        if (sigtimedwait(&child, NULL, &rest) < 0)
            return; /* the time is over, or a signal came for us */
        serve(process);
    }
}
