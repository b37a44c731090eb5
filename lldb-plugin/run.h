/* The inferior runs for a while, as often as sampling wants it to, and is stopped again: run.cpp. */
#ifndef SPPROF_LLDB_RUN_H
#define SPPROF_LLDB_RUN_H

#include <csignal>

#include <lldb/API/LLDB.h>

#include "ctrl_c.h"
#include "spprof/debugger.h"

struct Debugger;

/* What lldb does when a signal comes to the inferior. */
struct Handling {
    bool stop, notify, suppress;
    static Handling of(const lldb::SBUnixSignals &signals, int signal);
    void set(lldb::SBUnixSignals signals, int signal) const;
};

/*
 * What many runs in a row share, and what is put back behind them. A signal stops the inferior ten times faster than lldb's own interrupt,
 * which takes a tenth of a second. It is SIGURG: lldb is told to stop at it and to keep it from the inferior.
 */
struct Runs {
    int process = -1;          /* a descriptor of it, where it can be sent signals */
    int emulator = -1;         /* of spprof_emulator_open */
    lldb::pid_t local_pid = 0; /* 0: it is of another machine */
    bool was_async = false;    /* lldb's mode */
    CtrlC ctrl_c;
    lldb::SBUnixSignals signals;
    Handling before = {};   /* of SIGURG */
    bool altered = false;   /* SIGURG is not handled as before */
    bool on_hold = false;   /* a thread stands at our signal: it is to run before lldb may pass signals on again */
    bool elsewhere = false; /* something else has stopped the inferior */
    uint32_t owed_at = 0;   /* lldb's number of the stop at which our signal was still under way; 0: none is owed */
    lldb::pid_t owed_by = 0;
    lldb::tid_t thread = 0; /* what was selected */
    uint32_t frame = 0;
    uint64_t frame_address = 0;

    void begin(Debugger &state);
    void use_signal(Debugger &state);
    void owe(Debugger &state);
    void end(Debugger &state);

    /* Lets lldb handle SIGURG as before where that had to wait until the inferior has gone on. */
    void settle(Debugger &state);

  private:
    void remember_selection(Debugger &state);
    void select_as_before(Debugger &state);
    void release_held(Debugger &state);
    void close_process();
};

struct spprof_error *lldb_run_begin(void *debugger);
struct spprof_error *lldb_run(void *debugger, struct spprof_run *run);
void lldb_run_end(void *debugger);

#endif
