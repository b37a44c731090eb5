#include "debugger.h"

/* Segments hold the sections; what is read may reach from one section to the next. */
static lldb::SBSection outermost(lldb::SBSection section)
{
    while (section.GetParent().IsValid())
        section = section.GetParent();
    return section;
}

bool lldb_read_file(Debugger &state, uint64_t address, void *buffer, size_t size)
{
    lldb::SBError error;
    lldb::SBSection section = outermost(state.target.ResolveLoadAddress(address).GetSection());
    uint64_t start = section.GetLoadAddress(state.target);
    if (!section.IsValid() || start == LLDB_INVALID_ADDRESS || (section.GetPermissions() & lldb::ePermissionsWritable) != 0)
        return false;
    return section.GetSectionData(address - start, size).ReadRawData(error, 0, buffer, size) == size;
}

/*
 * Memory that is never written is left out of core files, and some lldbs read zeros there: it is taken from the module's file, if that
 * is the one that ran (modules.cpp).
 */
static bool read_module(Debugger &state, uint64_t address, void *buffer, size_t size)
{
    lldb::SBModule module = state.target.ResolveLoadAddress(address).GetModule();
    for (const Module &one : state.modules)
        if (one.module == module)
            return lldb_read_file(state, address, buffer, size);
    return false;
}

bool lldb_read(void *debugger, uint64_t address, void *buffer, size_t size)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    lldb::SBError error;
    if (state.is_core() && read_module(state, address, buffer, size))
        return true;
    return state.process.ReadMemory(address, buffer, size, error) == size;
}
