#include "debugger.h"

#include <cinttypes>
#include <climits>
#include <cstring>
#include <unistd.h>

#include "spprof/host.h"

namespace
{

bool starts_with(const char *text, const char *start)
{
    return std::strncmp(text, start, std::strlen(start)) == 0;
}

enum spprof_architecture architecture_of(const char *triple)
{
    if (starts_with(triple, "x86_64"))
        return SPPROF_X86_64;
    return starts_with(triple, "aarch64") || starts_with(triple, "arm64") ? SPPROF_AARCH64 : SPPROF_ARCHITECTURE_UNKNOWN;
}

/* C's long is as wide as a pointer everywhere but on 64-bit Windows. */
unsigned long_size_of(const char *triple, unsigned pointer_size)
{
    return std::strstr(triple, "-windows") != nullptr ? 4 : pointer_size;
}

int signal_of_core(Debugger &state)
{
    struct spprof_native_threads threads = {nullptr, 0};
    int signal = 0;
    spprof_error_free(lldb_threads(&state, &threads));
    for (size_t i = 0; i < threads.count && signal == 0; i++)
        signal = threads.items[i].signal;
    spprof_native_threads_free(&threads);
    return signal;
}

struct spprof_error *check_state(Debugger &state)
{
    switch (state.process.IsValid() ? state.process.GetState() : lldb::eStateInvalid) {
    case lldb::eStateStopped:
    case lldb::eStateCrashed:
    case lldb::eStateSuspended: return nullptr;
    case lldb::eStateRunning:
    case lldb::eStateStepping:
        return spprof_error_new(SPPROF_ERROR_USAGE, "cannot look at process %" PRIu64 " while it runs: stop it (process interrupt) and try again",
                                state.process.GetProcessID());
    default:
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND,
                                "there is no process to look at: attach to one (process attach --pid PID), launch one (process launch), "
                                "or open a core file (target create --core FILE)");
    }
}

} // namespace

bool Debugger::is_local()
{
    int64_t tracer = is_core() ? 0 : spprof_host_tracer(static_cast<int64_t>(process.GetProcessID()));
    return tracer > 0 && (tracer == getpid() || spprof_host_parent(tracer) == getpid());
}

struct spprof_error *lldb_inferior(void *debugger, struct spprof_debugger_inferior *inferior)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    struct spprof_error *error = check_state(state);
    if (error != nullptr)
        return error;
    const char *triple = state.target.GetTriple() != nullptr ? state.target.GetTriple() : "";
    lldb::SBFileSpec executable = state.target.GetExecutable();
    executable.GetPath(state.executable, sizeof state.executable);
    *inferior = {};
    inferior->kind = state.is_core() ? SPPROF_TARGET_CORE : SPPROF_TARGET_PROCESS;
    inferior->architecture = architecture_of(triple);
    inferior->pointer_size = state.process.GetAddressByteSize();
    inferior->long_size = long_size_of(triple, inferior->pointer_size);
    inferior->pid = static_cast<int64_t>(state.process.GetProcessID());
    inferior->local = state.is_local();
    inferior->signal = state.is_core() ? signal_of_core(state) : 0;
    inferior->executable = state.executable[0] != '\0' ? state.executable : nullptr;
    return nullptr;
}
