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

/* FNV-1a of where the modules lie. A user may tell lldb of one, or move it, while the process stands. */
static uint64_t hash_modules(lldb::SBTarget &target)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (uint32_t i = 0; i < target.GetNumModules(); i++)
        hash = (hash ^ target.GetModuleAtIndex(i).GetObjectFileHeaderAddress().GetLoadAddress(target)) * 0x100000001b3;
    return hash;
}

/* Expressions count, too: they may have run code of the inferior. */
Moment Debugger::moment()
{
    return {process.GetUniqueID(), process.GetStopID(true), hash_modules(target)};
}

/* "elf-core", "mach-o-core", "minidump"; of live processes "gdb-remote" and the like. */
bool Debugger::is_core()
{
    const char *name = process.GetPluginName();
    return name != nullptr && (std::strstr(name, "core") != nullptr || std::strcmp(name, "minidump") == 0);
}
