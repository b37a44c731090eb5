#include "debugger.h"

/*
 * Memory that is never written is left out of core files, and some lldbs read zeros there: it is taken from the module's file, which
 * modules.cpp has found to be the one that ran.
 */
static bool read_from_file(Debugger &state, uint64_t address, void *buffer, size_t size)
{
    lldb::SBAddress place = state.target.ResolveLoadAddress(address);
    lldb::SBSection section = place.GetSection();
    lldb::SBError error;
    if (!section.IsValid() || (section.GetPermissions() & lldb::ePermissionsWritable) != 0)
        return false;
    for (const Module &one : state.modules)
        if (one.module == place.GetModule())
            return state.target.ReadMemory(place, buffer, size, error) == size;
    return false;
}

bool lldb_read(void *debugger, uint64_t address, void *buffer, size_t size)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    lldb::SBError error;
    if (state.is_core() && read_from_file(state, address, buffer, size))
        return true;
    return state.process.ReadMemory(address, buffer, size, error) == size;
}
