/*
 * Stopping every thread of a process together: PTRACE_SEIZE, then PTRACE_INTERRUPT (Linux 3.4 and later). No signal is sent, the parent
 * sees nothing of it, a process that job control has stopped stays so, and when spprof dies the kernel lets go of all threads.
 *
 * Threads are traced from a stop to its end only. One that stays traced stands still at each signal that comes for it, at its end, and at an
 * exec, until its tracer has served it; so whatever holds up a sampler between two looks (a terminal that takes no more, a shell that has
 * suspended it) would hold up the program. Meanwhile all signals are blocked, and nothing is done that waits for anybody but these threads.
 * What else can hold spprof up is the matter of process_guard.h.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "target/live_linux/process.h"
#include "target/system_call.h"
#include "target/target.h"

enum {
    LISTINGS_MAX = 100,       /* new threads may appear as fast as they are found; the last listing is then as good as any */
    STOP_DEADLINE_MS = 500,   /* then it is asked again whether the thread sleeps so that it cannot be interrupted */
    BUSY_DEADLINE_MS = 10000, /* for one that could stop, and only waits for a CPU */
    SLEEPER_DEADLINE_MS = 3,  /* for one that slept uninterruptibly before: it runs no code, and all others wait for it */
    SLEEPER_TRIES = 6,        /* all are let go between them: most sleepers wait for a disk, and for no more than milliseconds */
    SLEEPER_PAUSE_MS = 10,    /* behind the first try; twice as long behind each other */
    LOOK_DEADLINE_MS = 20,    /* of one look of many */
    CLOSE_DEADLINE_MS = 50,   /* for one that is late already */
    SPIN_NS = 30000,          /* a thread on another CPU stops within that; then it may be ours that it waits for */
    LOOK_NS = 200000,
};

/* The thread's own tracer, where it has one: that of the process may be another. */
static long tracer_of(const struct process *process, int64_t tid)
{
    char name[64];
    snprintf(name, sizeof name, "task/%" PRId64 "/status", tid);
    CLEANUP_FREE char *status = target_process_read_file(process, name);
    const char *line = status != NULL ? strstr(status, "\nTracerPid:\t") : NULL;
    return line != NULL ? strtol(line + 12, NULL, 10) : 0;
}

static struct spprof_error *refused(const struct process *process, int64_t tid, int reason)
{
    long tracer = tracer_of(process, tid);
    if (tracer != 0)
        return spprof_error_new(SPPROF_ERROR_PERMISSION,
                                "cannot stop process %" PRId64 ": process %ld (a debugger?) traces it already. Read it without stopping it: "
                                "--no-stop",
                                process->target.pid, tracer);
    return spprof_error_new(SPPROF_ERROR_PERMISSION,
                            "cannot stop process %" PRId64 ": permission was refused (%s). Run spprof as root, inside a container with the "
                            "capability SYS_PTRACE; or read it without stopping it: --no-stop",
                            process->target.pid, strerror(reason));
}

static bool has_ended(char state)
{
    return state == 'Z' || state == 'X' || state == '?';
}

/* A thread that ends meanwhile is no error: the kernel refuses it as it refuses what is not permitted (ptrace_attach, kernel/ptrace.c). */
static struct spprof_error *seize(const struct process *process, struct process_thread *thread)
{
    if (thread->seized || has_ended(thread->state))
        return NULL;
    thread->seized = ptrace(PTRACE_SEIZE, (pid_t)thread->native.tid, NULL, NULL) == 0;
    int reason = errno;
    if (thread->seized)
        return NULL;
    char state = target_process_thread_state(process, thread->native.tid);
    bool ended = reason == ESRCH || has_ended(state), stands = reason == EPERM && state == 't'; /* another holds it: it runs no code */
    if (!ended && !stands)
        return refused(process, thread->native.tid, reason);
    thread->state = ended ? 'X' : 't';
    return NULL;
}

static struct spprof_error *seize_all(const struct process *process, struct process_threads *threads)
{
    for (size_t i = 0; i < threads->count; i++)
        TRY(seize(process, &threads->items[i]));
    return NULL;
}

static bool ran(const struct process_thread *thread)
{
    return thread->state == 'R';
}

static bool is_to_stop(const struct process_thread *thread)
{
    return thread->seized && !thread->late;
}

/* Threads that run are stopped last and released first: the others wait for something anyhow. */
static void interrupt_new(const struct process *process)
{
    const struct process_threads *threads = &process->threads;
    for (int running = 0; running <= 1; running++)
        for (size_t i = 0; i < threads->count; i++)
            if (is_to_stop(&threads->items[i]) && !threads->items[i].stopped && ran(&threads->items[i]) == running)
                ptrace(PTRACE_INTERRUPT, (pid_t)threads->items[i].native.tid, NULL, NULL);
}

/* What the registers say: the thread pointer, and the system call that the stop has interrupted. */
#ifdef __x86_64__
static void read_registers(struct process *process, struct process_thread *thread)
{
    struct user_regs_struct registers;
    struct iovec all = {&registers, sizeof registers};
    (void)process;
    if (ptrace(PTRACE_GETREGSET, (pid_t)thread->native.tid, (void *)NT_PRSTATUS, &all) != 0 || all.iov_len != sizeof registers)
        return;
    thread->native.thread_pointer = registers.fs_base;
    /* Not negative: the stop came inside a system call or on the way out of it. */
    int64_t call = (int64_t)registers.orig_rax;
    bool waited = call >= 0 && target_system_call_is_interrupted(registers.rax);
    thread->native.in_system_call = call >= 0;
    thread->native.system_call = call >= 0 ? call : 0;
    thread->native.system_call_argument = call >= 0 ? registers.rdi : 0;
    if (thread->state != 'T' && thread->state != 't' && !thread->group_stopped)
        thread->native.activity = waited ? SPPROF_ACTIVITY_IDLE : SPPROF_ACTIVITY_RUNNING;
}
#elif defined(__aarch64__)
static void read_registers(struct process *process, struct process_thread *thread)
{
    struct user_regs_struct registers;
    uint64_t pointer = 0;
    uint32_t code[2];
    struct iovec all = {&registers, sizeof registers}, one = {&pointer, sizeof pointer};
    if (ptrace(PTRACE_GETREGSET, (pid_t)thread->native.tid, (void *)NT_ARM_TLS, &one) == 0)
        thread->native.thread_pointer = pointer;
    if (thread->state == 'T' || thread->state == 't' || thread->group_stopped)
        return;
    if (ptrace(PTRACE_GETREGSET, (pid_t)thread->native.tid, (void *)NT_PRSTATUS, &all) == 0 && all.iov_len == sizeof registers &&
        target_try_read(&process->target, registers.pc - sizeof code[0], code, sizeof code) == SPPROF_READ_OK)
        target_system_call_of_aarch64(code, registers.regs[0], registers.regs[8], &thread->native);
}
#endif

bool target_process_waited(struct spprof_target *target, int64_t tid)
{
    struct process *process = (struct process *)target;
    struct process_thread *thread = target_process_find_thread(&process->threads, tid);
    if (thread == NULL)
        return false;
    thread->native.activity = SPPROF_ACTIVITY_RUNNING;
    read_registers(process, thread);
    return thread->native.activity == SPPROF_ACTIVITY_IDLE;
}

static void note_stop(struct process_thread *thread, int status)
{
    int signal = WSTOPSIG(status);
    bool by_event = status >> 16 == PTRACE_EVENT_STOP;
    thread->stopped = true;
    thread->group_stopped = by_event && signal != SIGTRAP;
    thread->pending_signal = by_event ? 0 : signal;
}

/* The end of a child of ours is left to those who want its exit status. */
static pid_t wait_for_thread(const struct process *process, const struct process_thread *thread, int *status)
{
    siginfo_t info = {.si_pid = 0};
    pid_t tid = (pid_t)thread->native.tid;
    bool peek = process->is_child && thread->native.tid == process->target.pid;
    if (peek && waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0 && info.si_pid != 0 &&
        (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED))
        return -1;
    return waitpid(tid, status, __WALL | WNOHANG);
}

/* Whether there is nothing left to wait for: the thread stands, has ended, or was never to stand. */
static bool settle(const struct process *process, struct process_thread *thread)
{
    int status;
    if (!thread->seized || thread->stopped)
        return true;
    pid_t waited = wait_for_thread(process, thread, &status);
    if (waited == 0)
        return false;
    if (waited < 0 || !WIFSTOPPED(status)) {
        thread->seized = false; /* it has ended */
        thread->state = 'X';
        return true;
    }
    note_stop(thread, status);
    return true;
}

/* Whether a thread that has not stopped for so long is not waited for any longer. What it did when it was listed may be long ago. */
static bool is_hopeless(const struct process *process, const struct process_thread *thread, uint64_t waited_ms)
{
    bool soon = thread->state == 'D' || process->one_of_many;
    if (waited_ms > (process->one_of_many ? LOOK_DEADLINE_MS : BUSY_DEADLINE_MS))
        return true;
    if (waited_ms <= (soon ? SLEEPER_DEADLINE_MS : STOP_DEADLINE_MS))
        return false;
    char state = target_process_thread_state(process, thread->native.tid);
    return state == 'D' || has_ended(state);
}

/* Whether a thread sleeps on, as far as is known. The threads of a frozen process do, and are told of as such. */
static bool is_sleeper(const struct process *process, const struct process_thread *thread)
{
    return thread->late && !target_process_is_frozen(process) && !has_ended(target_process_thread_state(process, thread->native.tid));
}

static bool any_sleeps(const struct process *process)
{
    const struct process_threads *threads = &process->threads;
    bool any = false;
    for (size_t i = 0; i < threads->count && !any; i++)
        any = is_sleeper(process, &threads->items[i]);
    return any;
}

static void tell_sleepers(struct process *process)
{
    const struct process_threads *threads = &process->threads;
    for (size_t i = 0; i < threads->count; i++)
        if (is_sleeper(process, &threads->items[i]))
            spprof_problems_add(&process->target.problems,
                                "thread %" PRId64 " did not stop (it sleeps in the kernel and cannot be interrupted); its stack was read all "
                                "the same",
                                threads->items[i].native.tid);
}

/* Until a thread has stopped, which the kernel tells by SIGCHLD, unless somebody has let that be ignored before we were started. */
static void sleep_until_stop(void)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigtimedwait(&child, NULL, &(struct timespec){.tv_nsec = LOOK_NS});
}

/* The end of a main thread is told to nobody who waits for it, until the others have ended, too. */
static bool is_ended_main(const struct process *process, struct process_thread *thread)
{
    if (thread->native.tid != process->target.pid || target_process_thread_state(process, thread->native.tid) != 'Z')
        return false;
    thread->seized = false;
    thread->state = 'Z';
    return true;
}

static void wait_for_all(struct process *process, uint64_t began)
{
    struct process_threads *threads = &process->threads;
    for (size_t i = 0; i < threads->count;) {
        struct process_thread *thread = &threads->items[i];
        if (!is_to_stop(thread) || settle(process, thread)) {
            i++;
            continue;
        }
        uint64_t waited = base_clock_now() - began;
        target_process_guard_is_alive(process->guard);
        if (is_hopeless(process, thread, waited / 1000000))
            thread->late = true;
        else if (waited > SPIN_NS && !is_ended_main(process, thread))
            sleep_until_stop();
    }
}

/* One that has not stopped cannot be let go: detaching needs it stopped. */
static void release(const struct process *process, struct process_thread *thread)
{
    if (!thread->seized || (!thread->stopped && !settle(process, thread)))
        return;
    if (thread->seized)
        ptrace(PTRACE_DETACH, (pid_t)thread->native.tid, NULL, (void *)(uintptr_t)thread->pending_signal);
    thread->seized = thread->stopped = thread->late = false;
}

/* Whether none is left to be let go. */
static bool release_all(const struct process *process)
{
    const struct process_threads *threads = &process->threads;
    bool all = true;
    for (int running = 1; running >= 0; running--)
        for (size_t i = 0; i < threads->count; i++)
            if (ran(&threads->items[i]) == running)
                release(process, &threads->items[i]);
    for (size_t i = 0; i < threads->count; i++)
        all &= !threads->items[i].seized;
    return all;
}

/* A signal that stopped us here would leave the target stopped, too. */
static void block_signals(bool block)
{
    static _Thread_local sigset_t before;
    sigset_t all;
    sigfillset(&all);
    if (block)
        pthread_sigmask(SIG_SETMASK, &all, &before);
    else
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Processes with threads that stop too late: these are let go as soon as they stop, which the kernel tells, whatever we are doing then. */
static struct process *late_processes;

/* A signal handler, and called with all signals blocked: nothing but system calls, on what does not change where signals are not blocked. */
static void release_late(int signal)
{
    (void)signal;
    int reason = errno;
    for (struct process **link = &late_processes; *link != NULL;) {
        struct process *process = *link;
        if (release_all(process)) {
            *link = process->next_late;
            target_process_guard_end(process->guard);
        } else {
            link = &process->next_late;
        }
    }
    errno = reason;
}

static void add_late(struct process *process)
{
    struct sigaction action = {.sa_handler = release_late, .sa_flags = SA_RESTART};
    process->next_late = late_processes;
    late_processes = process;
    target_process_guard_rests(process->guard);
    sigaction(SIGCHLD, &action, NULL);
}

static void remove_late(const struct process *process)
{
    struct process **link = &late_processes;
    while (*link != NULL && *link != process)
        link = &(*link)->next_late;
    if (*link != NULL)
        *link = process->next_late;
}

/* Those that are late stay in the list. */
static void begin_stop(struct process *process)
{
    struct process_threads *threads = &process->threads;
    size_t kept = 0;
    block_signals(true);
    release_late(0);
    remove_late(process);
    target_process_guard_begin(&process->guard);
    for (size_t i = 0; i < threads->count; i++)
        if (threads->items[i].seized)
            threads->items[kept++] = threads->items[i];
    threads->count = kept;
}

static void end_stop(struct process *process)
{
    bool all = release_all(process);
    if (process->stop_began != 0)
        process->target.stopped_ns = base_clock_now() - process->stop_began;
    process->stop_began = 0;
    if (all)
        target_process_guard_end(process->guard);
    else
        add_late(process);
    block_signals(false);
}

/* Seized threads that run can only be let go once they are stopped. */
static struct spprof_error *give_up(struct process *process, struct spprof_error *error)
{
    interrupt_new(process);
    wait_for_all(process, base_clock_now());
    end_stop(process);
    return error;
}

/* Threads that were made while the others were being stopped: with nobody left to make new ones, a listing that finds none is final. */
static struct spprof_error *stop_all(struct process *process)
{
    struct process_threads *threads = &process->threads;
    TRY(seize_all(process, threads));
    process->stop_began = base_clock_now();
    for (size_t listing = 0, count = 0; listing < LISTINGS_MAX; listing++) {
        interrupt_new(process);
        wait_for_all(process, process->stop_began);
        count = threads->count;
        TRY(target_process_list_threads(process, threads));
        if (threads->count == count)
            break;
        TRY(seize_all(process, threads));
    }
    return NULL;
}

static struct spprof_error *stop_these(struct process *process)
{
    TRY(seize_all(process, &process->threads));
    process->stop_began = base_clock_now();
    interrupt_new(process);
    wait_for_all(process, process->stop_began);
    return NULL;
}

static struct spprof_error *try_to_stop(struct process *process)
{
    begin_stop(process);
    process->one_of_many = false;
    for (size_t i = 0; i < process->threads.count; i++)
        process->threads.items[i].late = false;
    struct spprof_error *error = target_process_list_threads(process, &process->threads);
    process->threads_known = error == NULL;
    return error == NULL ? stop_all(process) : error;
}

/* A thread that wakes meanwhile stands at once; it is let go by release_late, whose signal ends this pause. */
static void pause_for_sleepers(size_t tries)
{
    uint64_t pause_ns = (uint64_t)SLEEPER_PAUSE_MS * 1000000 << tries;
    nanosleep(&(struct timespec){.tv_sec = (time_t)(pause_ns / 1000000000), .tv_nsec = (long)(pause_ns % 1000000000)}, NULL);
}

struct spprof_error *target_process_stop(struct spprof_target *target)
{
    struct process *process = (struct process *)target;
    struct process_threads *threads = &process->threads;
    struct spprof_error *error = try_to_stop(process);
    for (size_t tries = 1; error == NULL && tries < SLEEPER_TRIES && any_sleeps(process); tries++) {
        end_stop(process);
        pause_for_sleepers(tries - 1);
        error = try_to_stop(process);
    }
    if (error != NULL)
        return give_up(process, error);
    tell_sleepers(process);
    for (size_t i = 0; i < threads->count; i++)
        if (threads->items[i].stopped)
            read_registers(process, &threads->items[i]);
    return NULL;
}

struct spprof_error *target_process_stop_some(struct spprof_target *target, const int64_t *tids, size_t count)
{
    struct process *process = (struct process *)target;
    struct process_threads *threads = &process->threads;
    begin_stop(process);
    process->one_of_many = true;
    process->threads_known = false;
    struct spprof_error *error =
        tids == NULL ? target_process_list_threads(process, threads) : target_process_add_threads(process, threads, tids, count);
    if (error == NULL)
        error = tids == NULL ? stop_all(process) : stop_these(process);
    return error != NULL ? give_up(process, error) : NULL;
}

enum spprof_standing target_process_stands(struct spprof_target *target, int64_t tid)
{
    const struct process_thread *thread = target_process_find_thread(&((struct process *)target)->threads, tid);
    if (thread == NULL || (!thread->seized && thread->state != 't'))
        return SPPROF_HAS_ENDED;
    return thread->stopped ? SPPROF_STANDS : SPPROF_STILL_RUNS;
}

void target_process_resume(struct spprof_target *target)
{
    end_stop((struct process *)target);
}

bool target_process_stop_end(struct process *process)
{
    uint64_t began = base_clock_now();
    bool all;
    block_signals(true);
    remove_late(process);
    while (!(all = release_all(process)) && base_clock_now() - began < (uint64_t)CLOSE_DEADLINE_MS * 1000000)
        sleep_until_stop();
    end_stop(process);
    return all;
}
