#include "debugger.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace
{

/* A core that a debugger wrote (gcore) has signals of threads, too: those by which it stopped them. */
bool kills(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGABRT || signal == SIGSYS ||
           signal == SIGQUIT || signal == SIGXCPU || signal == SIGXFSZ;
}

/* The signal that a thread of a core died of, as far as lldb shows it as the reason why it stands; 0 where there is none. */
int signal_of(lldb::SBThread thread)
{
    bool by_signal = thread.GetStopReason() == lldb::eStopReasonSignal && thread.GetStopReasonDataCount() > 0;
    int signal = by_signal ? static_cast<int>(thread.GetStopReasonDataAtIndex(0)) : 0;
    return kills(signal) ? signal : 0;
}

void set_program_counter(lldb::SBThread thread, struct spprof_native_thread &native)
{
    lldb::SBFrame frame = thread.GetFrameAtIndex(0);
    native.has_program_counter = frame.IsValid() && frame.GetPC() != LLDB_INVALID_ADDRESS;
    native.program_counter = native.has_program_counter ? frame.GetPC() : 0;
}

/* What the core itself says of a thread, but for its name where only lldb has one. */
void take_facts(const struct spprof_native_threads &facts, struct spprof_native_thread &native)
{
    for (size_t i = 0; i < facts.count; i++) {
        if (facts.items[i].tid != native.tid)
            continue;
        struct spprof_native_thread known = facts.items[i];
        if (known.name[0] == '\0')
            std::memcpy(known.name, native.name, sizeof known.name);
        native = known;
        return;
    }
}

void describe(lldb::SBThread thread, bool core, struct spprof_native_thread &native)
{
    const char *name = thread.GetName();
    native = {};
    native.tid = native.target_tid = static_cast<int64_t>(thread.GetThreadID());
    native.signal = core ? signal_of(thread) : 0;
    if (native.signal != 0)
        set_program_counter(thread, native);
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
    struct spprof_native_threads facts = {nullptr, 0};
    bool has_facts = state.is_core() && lldb_core_threads(state, &facts);
    for (size_t i = 0; i < count; i++) {
        struct spprof_native_thread &native = threads->items[threads->count++];
        describe(state.process.GetThreadAtIndex(i), state.is_core(), native);
        if (has_facts)
            take_facts(facts, native);
    }
    spprof_native_threads_free(&facts);
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
