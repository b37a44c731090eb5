#include "debugger.h"

#include <cstdint>

namespace
{

uint64_t known(uint64_t address)
{
    return address != LLDB_INVALID_ADDRESS ? address : 0;
}

lldb::SBFrame frames_frame_at(lldb::SBThread thread, size_t level)
{
    return level < UINT32_MAX ? thread.GetFrameAtIndex(static_cast<uint32_t>(level)) : lldb::SBFrame();
}

} // namespace

/*
 * Inlined functions share the part of the stack with the function that they are in, which is the last of them; where lldb loses that one, as lldb 14
 * may, the last of them stands for it, by the symbol that they all have. lldb's names are its own for as long as it lives.
 */
bool lldb_native_frame(void *debugger, size_t level, struct spprof_native_frame *native)
{
    lldb::SBThread thread = static_cast<Debugger *>(debugger)->process.GetSelectedThread();
    lldb::SBFrame frame = frames_frame_at(thread, level), caller = frames_frame_at(thread, level + 1);
    if (!frame.IsValid())
        return false;
    *native = {};
    native->pc = known(frame.GetPC());
    native->stack_pointer = known(frame.GetSP());
    native->caller_stack_pointer = known(caller.IsValid() ? caller.GetSP() : frame.GetCFA());
    bool last = native->stack_pointer != native->caller_stack_pointer;
    native->function = last ? frame.GetSymbol().GetName() : nullptr;
    if (native->function == nullptr)
        native->function = frame.GetFunctionName();
    native->generated = native->function == nullptr && !frame.GetModule().IsValid();
    return true;
}

size_t lldb_selected_frame(void *debugger)
{
    lldb::SBFrame frame = static_cast<Debugger *>(debugger)->process.GetSelectedThread().GetSelectedFrame();
    return frame.IsValid() ? frame.GetFrameID() : 0;
}

bool lldb_select_frame(void *debugger, size_t level)
{
    lldb::SBThread thread = static_cast<Debugger *>(debugger)->process.GetSelectedThread();
    return thread.SetSelectedFrame(static_cast<uint32_t>(level)).IsValid();
}
