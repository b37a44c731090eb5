#include "debugger.h"

#include <cstring>

void Debugger::select(const lldb::SBDebugger &current)
{
    debugger = current;
    target = debugger.GetSelectedTarget();
    process = target.GetProcess();
}

void Debugger::release()
{
    process = lldb::SBProcess();
    target = lldb::SBTarget();
    debugger = lldb::SBDebugger();
}

/* Expressions count, too: they may have run code of the inferior. */
Moment Debugger::moment()
{
    return {process.GetUniqueID(), process.GetStopID(true), target.GetNumModules()};
}

/* "elf-core", "mach-o-core", "minidump"; of live processes "gdb-remote" and the like. */
bool Debugger::is_core()
{
    const char *name = process.GetPluginName();
    return name != nullptr && (std::strstr(name, "core") != nullptr || std::strcmp(name, "minidump") == 0);
}
