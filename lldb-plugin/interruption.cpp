#include "interruption.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "ctrl_c.h"
#include "spprof/host.h"

enum {
    SOON_MS = 1,
    LOOK_MS = 10,   /* how often it is asked whether the user has pressed Ctrl-C */
    AGAIN_MS = 200, /* an interrupt may be lost where it comes before lldb has resumed the inferior, a signal where all threads block it */
};

Interruption::Interruption(lldb::SBDebugger debugger, lldb::SBProcess stopped, lldb::pid_t pid, int descriptor, int qemu, struct spprof_run &wanted)
    : interpreter(debugger.GetCommandInterpreter()), inferior(stopped), local_pid(pid), process(descriptor), emulator(qemu), run(wanted)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

Interruption::~Interruption()
{
    pthread_cond_destroy(&changed);
}

/* With all signals blocked: SIGINT and SIGCHLD are lldb's. */
bool Interruption::start(pthread_t *thread, void *(*function)(void *self))
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(thread, nullptr, function, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return failed == 0;
}

struct spprof_error *Interruption::begin()
{
    if (!start(&worker, do_work))
        return spprof_error_new(SPPROF_ERROR_NO_MEMORY, "cannot sample: no thread can be started beside lldb's: %s", std::strerror(EAGAIN));
    if (start(&watcher, watch))
        return nullptr;
    run.cancel(run.context);
    pthread_join(worker, nullptr);
    return spprof_error_new(SPPROF_ERROR_NO_MEMORY, "cannot sample: no thread can be started beside lldb's: %s", std::strerror(EAGAIN));
}

void Interruption::end()
{
    pthread_mutex_lock(&mutex);
    over = true;
    if (!work_done)
        run.cancel(run.context);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    pthread_join(worker, nullptr);
    pthread_join(watcher, nullptr);
}

void *Interruption::do_work(void *context)
{
    Interruption *self = static_cast<Interruption *>(context);
    self->run.work(self->run.context);
    pthread_mutex_lock(&self->mutex);
    self->work_done = !self->over;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return nullptr;
}

void Interruption::wait(long milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += milliseconds * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (!over)
        pthread_cond_timedwait(&changed, &mutex, &until);
}

void Interruption::wait_for_reason()
{
    for (;;) {
        by_user = CtrlC::was_pressed() || interpreter.WasInterrupted();
        if (over || work_done || by_user)
            return;
        wait(LOOK_MS);
    }
}

/*
 * Whether the process has stopped or ended already: lldb needs some milliseconds to say so. A signal that comes in that time is left over, an
 * interrupt makes lldb lose the server.
 */
bool Interruption::has_stopped() const
{
    return local_pid != 0 && spprof_host_stands(static_cast<int64_t>(local_pid));
}

/* A main thread that has ended while others run looks like a process that has: the wait has an end. */
void Interruption::wait_for_lldb()
{
    for (int i = 0; i < AGAIN_MS && !over && has_stopped(); i++)
        wait(SOON_MS);
}

/* A signal by descriptor cannot meet another process of the same id. An emulator that is sent a second one would keep it for the next run. */
void Interruption::interrupt()
{
    if (emulator >= 0) {
        if (!by_lldb)
            by_lldb = spprof_emulator_interrupt(emulator);
        return;
    }
    if (process >= 0 && !by_signal && spprof_host_process_signal(process, SIGURG)) {
        by_signal = true;
        return;
    }
    by_lldb = true;
    inferior.SendAsyncInterrupt();
}

/* The mutex is held but for the waits: what is sent is sent before the end, or not at all. */
void *Interruption::watch(void *context)
{
    Interruption *self = static_cast<Interruption *>(context);
    pthread_mutex_lock(&self->mutex);
    self->wait_for_reason();
    while (!self->over) {
        self->wait_for_lldb();
        if (!self->over)
            self->interrupt();
        self->wait(AGAIN_MS);
    }
    pthread_mutex_unlock(&self->mutex);
    return nullptr;
}
