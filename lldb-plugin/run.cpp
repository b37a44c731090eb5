#include "run.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include "debugger.h"
#include "interruption.h"
#include "spprof/host.h"

namespace
{

const Handling OURS = {true, false, true};     /* stop, and keep it from the inferior */
const Handling SWALLOW = {false, false, true}; /* keep it from the inferior, and nothing else */

/* Whose a stop is. */
enum class Origin { ours, by_user, other };

struct Stop {
    Origin origin = Origin::ours;
    bool has_signal = false; /* a thread stands at SIGURG */
    lldb::SBThread thread;   /* that shows why, where it is not ours */
};

bool is_interrupt(uint64_t signal)
{
    return signal == SIGSTOP || signal == SIGINT || signal == SIGTRAP || signal == 0;
}

/* Whether lldb itself says that it has interrupted the process, which it does for Ctrl-C when a program shares its terminal. */
bool was_interrupted_by_lldb(lldb::SBProcess process)
{
    return lldb::SBProcess::GetInterruptedFromEvent(process.GetStopEventForStopID(process.GetStopID()));
}

Origin origin_of_signal(uint64_t signal, const Interruption &interruption, lldb::SBProcess process)
{
    if (signal == SIGURG && interruption.by_signal)
        return Origin::ours;
    if (!is_interrupt(signal))
        return Origin::other;
    if (interruption.by_lldb)
        return Origin::ours;
    return was_interrupted_by_lldb(process) ? Origin::by_user : Origin::other;
}

Origin origin_of(lldb::SBThread thread, const Interruption &interruption, lldb::SBProcess process)
{
    switch (thread.GetStopReason()) {
    case lldb::eStopReasonInvalid:
    case lldb::eStopReasonNone:
    case lldb::eStopReasonThreadExiting: return Origin::ours;
    case lldb::eStopReasonSignal: return origin_of_signal(thread.GetStopReasonDataAtIndex(0), interruption, process);
    default: return Origin::other;
    }
}

bool stands_at_signal(lldb::SBThread thread)
{
    return thread.GetStopReason() == lldb::eStopReasonSignal && thread.GetStopReasonDataAtIndex(0) == SIGURG;
}

/* Any thread may have met something while our signal was under way. */
Stop look_at_stop(lldb::SBProcess process, const Interruption &interruption)
{
    Stop stop;
    for (uint32_t i = 0; i < process.GetNumThreads(); i++) {
        lldb::SBThread thread = process.GetThreadAtIndex(i);
        Origin origin = origin_of(thread, interruption, process);
        stop.has_signal = stop.has_signal || stands_at_signal(thread);
        if (origin > stop.origin) {
            stop.origin = origin;
            stop.thread = thread;
        }
    }
    return stop;
}

void tell_exit(lldb::SBProcess process, struct spprof_run *run)
{
    const char *description = process.GetExitDescription();
    run->end = SPPROF_RUN_EXITED;
    std::snprintf(run->why, sizeof run->why, "exited with status = %d (0x%8.8x)%s%s", process.GetExitStatus(),
                  static_cast<unsigned>(process.GetExitStatus()), description != nullptr ? " " : "", description != nullptr ? description : "");
}

/* As lldb shows any stop. */
void show_stop(Debugger &state)
{
    lldb::SBCommandReturnObject shown;
    size_t written;
    state.debugger.GetCommandInterpreter().HandleCommand("process status", shown);
    if (shown.GetOutputSize() > 0)
        state.debugger.GetOutputFile().Write(reinterpret_cast<const uint8_t *>(shown.GetOutput()), shown.GetOutputSize(), &written);
}

void tell_stop(Debugger &state, Stop &stop, struct spprof_run *run)
{
    run->end = SPPROF_RUN_STOPPED;
    stop.thread.GetStopDescription(run->why, sizeof run->why);
    state.process.SetSelectedThread(stop.thread);
    show_stop(state);
}

bool is_over(lldb::SBProcess process)
{
    switch (process.GetState()) {
    case lldb::eStateExited:
    case lldb::eStateDetached:
    case lldb::eStateUnloaded:
    case lldb::eStateInvalid: return true;
    default: return false;
    }
}

/* Our signal may have come too late to stop anything, or be one of two reasons: then it is for lldb to keep it from the inferior. */
void note_signal(Debugger &state, const Stop &stop)
{
    Runs &runs = state.runs;
    runs.on_hold = stop.has_signal && stop.origin != Origin::other;
    if (!runs.on_hold)
        runs.owe(state);
}

/* Says of the stop what it was; the inferior has stopped, or ended. */
void tell(Debugger &state, const Interruption &interruption, struct spprof_run *run)
{
    state.runs.on_hold = false;
    if (is_over(state.process)) {
        tell_exit(state.process, run);
        return;
    }
    Stop stop = look_at_stop(state.process, interruption);
    if (interruption.by_signal)
        note_signal(state, stop);
    state.runs.elsewhere = stop.origin == Origin::other;
    if (stop.origin == Origin::other)
        tell_stop(state, stop, run);
    else
        run->end = interruption.by_user || stop.origin == Origin::by_user ? SPPROF_RUN_INTERRUPTED : SPPROF_RUN_DONE;
}

/* A SIGURG that is not ours, and at which lldb was not to stop. */
bool goes_on(Debugger &state, const Interruption &interruption)
{
    if (state.process.GetState() != lldb::eStateStopped || interruption.by_signal || state.runs.before.stop)
        return false;
    Stop stop = look_at_stop(state.process, interruption);
    return stop.origin == Origin::other && stands_at_signal(stop.thread);
}

lldb::SBError resume(Debugger &state, const Interruption &interruption)
{
    Runs &runs = state.runs;
    lldb::SBError failed = state.process.Continue();
    while (failed.Success() && runs.altered && goes_on(state, interruption)) {
        runs.signals.SetShouldSuppress(SIGURG, runs.before.suppress);
        failed = state.process.Continue();
        runs.signals.SetShouldSuppress(SIGURG, true);
    }
    return failed;
}

/* One run, ended by SIGURG, or by lldb's own interrupt where process is -1. */
struct spprof_error *run_once(Debugger &state, int process, struct spprof_run *run)
{
    Interruption interruption(state.debugger, state.process, state.runs.local_pid, process, state.runs.emulator, *run);
    struct spprof_error *error = interruption.begin();
    if (error != nullptr)
        return error;
    lldb::SBError failed = resume(state, interruption);
    interruption.end();
    if (failed.Fail() && !is_over(state.process))
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "lldb cannot let process %" PRIu64 " run: %s", state.process.GetProcessID(),
                                failed.GetCString() != nullptr ? failed.GetCString() : "it does not say why");
    tell(state, interruption, run);
    return nullptr;
}

void nothing(void *) {}

} // namespace

Handling Handling::of(const lldb::SBUnixSignals &signals, int signal)
{
    return {signals.GetShouldStop(signal), signals.GetShouldNotify(signal), signals.GetShouldSuppress(signal)};
}

void Handling::set(lldb::SBUnixSignals signals, int signal) const
{
    signals.SetShouldStop(signal, stop);
    signals.SetShouldNotify(signal, notify);
    signals.SetShouldSuppress(signal, suppress);
}

void Runs::remember_selection(Debugger &state)
{
    lldb::SBThread selected = state.process.GetSelectedThread();
    thread = selected.GetThreadID();
    frame = selected.GetSelectedFrame().GetFrameID();
    frame_address = selected.GetSelectedFrame().GetCFA();
}

/* A frame is the same one where it lies at the same address. */
void Runs::select_as_before(Debugger &state)
{
    lldb::SBThread again = state.process.GetThreadByID(thread);
    if (!again.IsValid())
        return;
    state.process.SetSelectedThread(again);
    if (frame > 0 && again.GetFrameAtIndex(frame).GetCFA() == frame_address)
        again.SetSelectedFrame(frame);
}

void Runs::begin(Debugger &state)
{
    settle(state);
    remember_selection(state);
    was_async = state.debugger.GetAsync();
    state.debugger.SetAsync(false);
    ctrl_c.begin();
    elsewhere = false;
    local_pid = state.is_local() ? state.process.GetProcessID() : 0;
    emulator = local_pid == 0 ? spprof_emulator_open(lldb_selected_thread(&state)) : -1;
    process = local_pid != 0 && !altered ? spprof_host_process_open(static_cast<int64_t>(local_pid)) : -1;
}

void Runs::use_signal(Debugger &state)
{
    if (altered || process < 0)
        return;
    signals = state.process.GetUnixSignals();
    before = Handling::of(signals, SIGURG);
    altered = true;
    OURS.set(signals, SIGURG);
}

void Runs::owe(Debugger &state)
{
    owed_at = state.process.GetStopID(true);
    owed_by = state.process.GetProcessID();
    SWALLOW.set(signals, SIGURG);
    close_process();
}

void Runs::settle(Debugger &state)
{
    bool same = state.process.IsValid() && state.process.GetProcessID() == owed_by && !is_over(state.process);
    if (!altered || (same && (state.process.GetStopID(true) == owed_at || spprof_host_signal_pends(static_cast<int64_t>(owed_by), SIGURG))))
        return;
    before.set(signals, SIGURG);
    altered = false;
    owed_at = 0;
}

void Runs::close_process()
{
    if (process >= 0)
        close(process);
    process = -1;
}

/* The thread that stands at our signal would get it if it went on with lldb's handling as it was: it goes on now, until lldb interrupts. */
void Runs::release_held(Debugger &state)
{
    struct spprof_run run = {};
    run.work = run.cancel = nothing;
    spprof_error_free(run_once(state, -1, &run));
}

static void tell_owed(Debugger &state)
{
    const char text[] = "spprof: a SIGURG that was to stop the program is still under way. lldb keeps it from the program; how lldb handles SIGURG "
                        "is put back by the next command of spprof after the program has gone on.\n";
    size_t written;
    state.debugger.GetErrorFile().Write(reinterpret_cast<const uint8_t *>(text), sizeof text - 1, &written);
}

void Runs::end(Debugger &state)
{
    close_process();
    if (emulator >= 0)
        close(emulator);
    emulator = -1;
    if (on_hold)
        release_held(state);
    on_hold = false;
    if (owed_at != 0) {
        tell_owed(state);
    } else if (altered) {
        before.set(signals, SIGURG);
        altered = false;
    }
    if (!elsewhere && !is_over(state.process))
        select_as_before(state);
    ctrl_c.end();
    state.debugger.SetAsync(was_async);
}

struct spprof_error *lldb_run_begin(void *debugger)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    state.runs.begin(state);
    return nullptr;
}

struct spprof_error *lldb_run(void *debugger, struct spprof_run *run)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    if (!run->last)
        state.runs.use_signal(state);
    return run_once(state, run->last ? -1 : state.runs.process, run);
}

void lldb_run_end(void *debugger)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    state.runs.end(state);
}
