/* The threads beside a run: one does the work, the other stops the inferior when that is done or the user has had enough. */
#ifndef SPPROF_LLDB_INTERRUPTION_H
#define SPPROF_LLDB_INTERRUPTION_H

#include <pthread.h>

#include <lldb/API/LLDB.h>

#include "spprof/debugger.h"

class Interruption
{
  public:
    /*
     * local_pid: 0 where it is of another machine. process: a descriptor of it, to stop it by SIGURG; -1: by lldb's own interrupt, or that of the
     * emulator, where there is one.
     */
    Interruption(lldb::SBDebugger debugger, lldb::SBProcess inferior, lldb::pid_t local_pid, int process, int emulator, struct spprof_run &run);
    ~Interruption();
    Interruption(const Interruption &) = delete;
    Interruption &operator=(const Interruption &) = delete;

    /* Before the inferior is resumed, and after it has stopped. Nothing is sent to it any more then. */
    struct spprof_error *begin();
    void end();

    bool by_signal = false; /* SIGURG was sent */
    bool by_lldb = false;   /* lldb, or the emulator, was asked for an interrupt */
    bool by_user = false;   /* Ctrl-C was pressed */
    bool work_done = false;

  private:
    static void *do_work(void *self);
    static void *watch(void *self);
    bool start(pthread_t *thread, void *(*function)(void *self));
    void wait(long milliseconds);
    void wait_for_reason();
    bool has_stopped() const;
    void wait_for_lldb();
    void interrupt();

    lldb::SBCommandInterpreter interpreter;
    lldb::SBProcess inferior;
    lldb::pid_t local_pid;
    int process, emulator;
    struct spprof_run &run;
    bool over = false;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed;
    pthread_t worker, watcher;
};

#endif
