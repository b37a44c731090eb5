/*
 * Stopping every thread of a process together: PTRACE_SEIZE, then PTRACE_INTERRUPT (Linux 3.4 and later). No signal is sent, the parent
 * sees nothing of it, a process that job control has stopped stays so, and when spprof dies the kernel lets go of all threads.
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

#include "cleanup.h"
#include "target/process.h"
#include "target/system_call.h"
#include "target/target.h"

enum {
    LISTINGS_MAX = 100, /* new threads may appear as fast as they are found; the last listing is then as good as any */
    STOP_DEADLINE_MS = 500,   /* then it is asked again whether the thread sleeps so that it cannot be interrupted */
    BUSY_DEADLINE_MS = 10000, /* for one that could stop, and only waits for a CPU */
    SLEEPER_DEADLINE_MS = 3, /* for one that slept uninterruptibly before: it runs no code, and all others wait for it */
    SPIN_NS = 30000, /* a thread on another CPU stops within that; then it may be ours that it waits for */
    LOOK_NS = 200000,
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct spprof_error *traced_by_another(const struct process *process)
{
    CLEANUP_FREE char *status = process_read_file(process, "status");
    const char *line = status != NULL ? strstr(status, "\nTracerPid:\t") : NULL;
    long tracer = line != NULL ? strtol(line + 12, NULL, 10) : 0;
    if (tracer != 0)
        return spprof_error_new(SPPROF_ERROR_PERMISSION,
                                "cannot stop process %" PRId64 ": process %ld (a debugger?) traces it already. Read it without stopping it: "
                                "--no-stop",
                                process->target.pid, tracer);
    return spprof_error_new(SPPROF_ERROR_PERMISSION,
                            "cannot stop process %" PRId64 ": permission was refused (%s). Run spprof as root, inside a container with the "
                            "capability SYS_PTRACE; or read it without stopping it: --no-stop",
                            process->target.pid, strerror(errno));
}

/* A thread that ends meanwhile is no error. */
static struct spprof_error *seize(const struct process *process, struct process_thread *thread)
{
    if (thread->seized || thread->state == 'Z' || thread->state == 'X')
        return NULL;
    if (ptrace(PTRACE_SEIZE, (pid_t)thread->native.tid, NULL, NULL) == 0) {
        thread->seized = true;
        return NULL;
    }
    bool stands = errno == EPERM && thread->state == 't'; /* another holds it: it runs no code */
    return errno == ESRCH || stands ? NULL : traced_by_another(process);
}

struct spprof_error *process_seize_all(const struct process *process, struct process_threads *threads)
{
    for (size_t i = 0; i < threads->count; i++)
        TRY(seize(process, &threads->items[i]));
    return NULL;
}

static bool ran(const struct process_thread *thread)
{
    return thread->state == 'R';
}

static bool is_to_stop(const struct process *process, const struct process_thread *thread)
{
    return thread->seized && (!process->chooses || thread->chosen);
}

/* Threads that run are stopped last and released first: the others wait for something anyhow. */
static void interrupt_new(const struct process *process)
{
    const struct process_threads *threads = &process->threads;
    for (int running = 0; running <= 1; running++)
        for (size_t i = 0; i < threads->count; i++)
            if (is_to_stop(process, &threads->items[i]) && !threads->items[i].stopped && ran(&threads->items[i]) == running)
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
    bool waited = call >= 0 && system_call_is_interrupted(registers.rax);
    thread->native.in_system_call = call >= 0;
    thread->native.system_call = call >= 0 ? call : 0;
    thread->native.system_call_argument = call >= 0 ? registers.rdi : 0;
    if (thread->state != 'T' && thread->state != 't')
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
    if (thread->state == 'T' || thread->state == 't')
        return;
    if (ptrace(PTRACE_GETREGSET, (pid_t)thread->native.tid, (void *)NT_PRSTATUS, &all) == 0 && all.iov_len == sizeof registers &&
        target_try_read(&process->target, registers.pc - sizeof code[0], code, sizeof code) == SPPROF_READ_OK)
        system_call_of_aarch64(code, registers.regs[0], registers.regs[8], &thread->native);
}
#endif

bool process_waited(struct spprof_target *target, int64_t tid)
{
    struct process *process = (struct process *)target;
    struct process_thread *thread = process_find_thread(&process->threads, tid);
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

bool process_settle(const struct process *process, struct process_thread *thread)
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

/* Whether a thread that has not stopped for so long never will. What it did when it was listed may be long ago. */
static bool is_hopeless(const struct process *process, const struct process_thread *thread, uint64_t waited_ms)
{
    uint64_t deadline_ms = thread->state == 'D' ? SLEEPER_DEADLINE_MS : STOP_DEADLINE_MS;
    return waited_ms > BUSY_DEADLINE_MS || (waited_ms > deadline_ms && process_thread_state(process, thread->native.tid) == 'D');
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
    if (thread->native.tid != process->target.pid || process_thread_state(process, thread->native.tid) != 'Z')
        return false;
    thread->seized = false;
    thread->state = 'Z';
    return true;
}

static void wait_for_all(struct process *process, uint64_t began)
{
    struct process_threads *threads = &process->threads;
    for (size_t i = 0; i < threads->count;) {
        if (!is_to_stop(process, &threads->items[i]) || process_settle(process, &threads->items[i])) {
            i++;
            continue;
        }
        uint64_t waited = now() - began;
        if (is_hopeless(process, &threads->items[i], waited / 1000000)) {
            if (!process_is_frozen(process))
                spprof_problems_add(&process->target.problems,
                                "thread %" PRId64 " did not stop (it sleeps in the kernel and cannot be interrupted); its stack was read all "
                                "the same",
                                threads->items[i].native.tid);
            i++;
        } else if (waited > SPIN_NS && !is_ended_main(process, &threads->items[i])) {
            sleep_until_stop();
        }
    }
}

static void release(const struct process *process, struct process_thread *thread)
{
    if (!thread->seized)
        return;
    /* One that did not stop in time stops now or never: detaching needs it stopped, so it is left to the kernel at our end. */
    if (!thread->stopped && !process_settle(process, thread))
        return;
    if (thread->seized)
        ptrace(PTRACE_DETACH, (pid_t)thread->native.tid, NULL, (void *)(uintptr_t)thread->pending_signal);
    thread->seized = thread->stopped = false;
}

static void release_all(struct process *process)
{
    for (int running = 1; running >= 0; running--)
        for (size_t i = 0; i < process->threads.count; i++)
            if (ran(&process->threads.items[i]) == running)
                process->holds ? process_let_run(&process->threads.items[i]) : release(process, &process->threads.items[i]);
    if (process->stop_began != 0)
        process->target.stopped_ns = now() - process->stop_began;
    process->stop_began = 0;
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

/* Threads that were made while the others were being stopped: with nobody left to make new ones, a listing that finds none is final. */
static struct spprof_error *stop_all(struct process *process)
{
    struct process_threads *threads = &process->threads;
    process->stop_began = now();
    for (size_t listing = 0, count = 0; listing < LISTINGS_MAX; listing++) {
        interrupt_new(process);
        wait_for_all(process, process->stop_began);
        count = threads->count;
        TRY(process_list_threads(process, threads));
        if (threads->count == count)
            break;
        TRY(process_seize_all(process, threads));
    }
    for (size_t i = 0; i < threads->count; i++)
        if (threads->items[i].stopped)
            read_registers(process, &threads->items[i]);
    return NULL;
}

/* The threads are seized already: no list is made where none has come or gone, and no registers are read. */
static struct spprof_error *stop_held(struct process *process)
{
    TRY(process_hold_new(process));
    block_signals(true);
    process->stop_began = now();
    interrupt_new(process);
    wait_for_all(process, process->stop_began);
    return NULL;
}

struct spprof_error *process_stop(struct spprof_target *target)
{
    struct process *process = (struct process *)target;
    if (process->holds)
        return stop_held(process);
    process->threads.count = 0;
    TRY(process_list_threads(process, &process->threads));
    process->threads_known = true;
    block_signals(true);
    struct spprof_error *error = process_seize_all(process, &process->threads);
    if (error == NULL)
        error = stop_all(process);
    if (error == NULL)
        return NULL;
    /* Seized threads that run can only be let go once they are stopped. */
    interrupt_new(process);
    wait_for_all(process, now());
    release_all(process);
    block_signals(false);
    return error;
}

/* Threads that run can only be let go once they stand. */
void process_hold_end(struct process *process)
{
    if (!process->holds)
        return;
    process->holds = process->chooses = false;
    block_signals(true);
    interrupt_new(process);
    wait_for_all(process, now());
    release_all(process);
    block_signals(false);
}

void process_resume(struct spprof_target *target)
{
    release_all((struct process *)target);
    block_signals(false);
}
