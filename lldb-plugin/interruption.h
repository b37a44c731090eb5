/* The threads beside a run: one does the work, the other stops the inferior when that is done or the user has had enough. */
#ifndef SPPROF_LLDB_INTERRUPTION_H
#define SPPROF_LLDB_INTERRUPTION_H

#include <pthread.h>

#include <lldb/API/LLDB.h>

#include "spprof/debugger.h"

class Interruption {
public:
    /* process: a descriptor of the inferior, to stop it by SIGURG; -1: by lldb's own interrupt. */
    Interruption(lldb::SBDebugger debugger, lldb::SBProcess inferior, int process, struct spprof_run &run);
    ~Interruption();
    Interruption(const Interruption &) = delete;
    Interruption &operator=(const Interruption &) = delete;

    /* Before the inferior is resumed, and after it has stopped. Nothing is sent to it any more then. */
    struct spprof_error *begin();
    void end();

    bool by_signal = false; /* SIGURG was sent */
    bool by_lldb = false;   /* lldb was asked for an interrupt */
    bool by_user = false;   /* Ctrl-C was pressed */
    bool work_done = false;

private:
    static void *do_work(void *self);
    static void *watch(void *self);
    bool start(pthread_t *thread, void *(*function)(void *self));
    void wait(long milliseconds);
    void wait_for_reason();
    bool stands() const;
    void interrupt();

    lldb::SBCommandInterpreter interpreter;
    lldb::SBProcess inferior;
    lldb::pid_t inferior_pid;
    int process;
    struct spprof_run &run;
    bool over = false;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed;
    pthread_t worker, watcher;
};

#endif
