#include "debugger.h"

#include <cstdio>
#include <cstdlib>

namespace {

/* The signal that lldb shows as the reason why a thread of a core stands; 0 where there is none. */
int signal_of(lldb::SBThread thread)
{
    bool by_signal = thread.GetStopReason() == lldb::eStopReasonSignal && thread.GetStopReasonDataCount() > 0;
    return by_signal ? static_cast<int>(thread.GetStopReasonDataAtIndex(0)) : 0;
}

void describe(lldb::SBThread thread, bool core, struct spprof_native_thread &native)
{
    const char *name = thread.GetName();
    native = {};
    native.tid = native.target_tid = static_cast<int64_t>(thread.GetThreadID());
    native.signal = core ? signal_of(thread) : 0;
    std::snprintf(native.name, sizeof native.name, "%s", name != nullptr ? name : "");
}

} // namespace

struct spprof_error *lldb_threads(void *debugger, struct spprof_native_threads *threads)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    size_t count = state.process.GetNumThreads();
    void *grown = reallocarray(threads->items, threads->count + count + 1, sizeof *threads->items);
    if (grown == nullptr)
        return spprof_error_no_memory();
    threads->items = static_cast<struct spprof_native_thread *>(grown);
    for (size_t i = 0; i < count; i++)
        describe(state.process.GetThreadAtIndex(i), state.is_core(), threads->items[threads->count++]);
    return nullptr;
}

int64_t lldb_selected_thread(void *debugger)
{
    lldb::SBThread thread = static_cast<Debugger *>(debugger)->process.GetSelectedThread();
    return thread.IsValid() ? static_cast<int64_t>(thread.GetThreadID()) : 0;
}

void lldb_thread_label(void *debugger, int64_t tid, char *label, size_t size)
{
    lldb::SBThread thread = static_cast<Debugger *>(debugger)->process.GetThreadByID(static_cast<lldb::tid_t>(tid));
    label[0] = '\0';
    if (thread.IsValid())
        std::snprintf(label, size, "%u", thread.GetIndexID());
}
