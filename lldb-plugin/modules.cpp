#include "debugger.h"

#include <algorithm>
#include <climits>
#include <cstring>

namespace
{

enum { HEADER_SIZE = 1024 };

bool loads_at(Debugger &state, lldb::SBSection section, uint64_t &start)
{
    start = section.GetLoadAddress(state.target);
    return start != LLDB_INVALID_ADDRESS && section.GetByteSize() > 0 && section.GetByteSize() <= UINT64_MAX - start;
}

/* Sorted, and each address once: thread-local sections are templates that lie inside others. */
void sort(std::vector<spprof_mapping> &mappings)
{
    std::vector<spprof_mapping> sorted;
    std::sort(mappings.begin(), mappings.end(), [](const spprof_mapping &a, const spprof_mapping &b) { return a.start < b.start; });
    for (const spprof_mapping &mapping : mappings)
        if (sorted.empty() || mapping.start >= sorted.back().end)
            sorted.push_back(mapping);
    mappings = sorted;
}

/* The outermost sections: segments of ELF and Mach-O, the sections of PE. Those that nobody may touch are no memory (__PAGEZERO). */
std::vector<spprof_mapping> mappings_of(Debugger &state, lldb::SBModule module)
{
    std::vector<spprof_mapping> mappings;
    uint64_t start;
    for (size_t i = 0; i < module.GetNumSections(); i++) {
        lldb::SBSection section = module.GetSectionAtIndex(i);
        uint32_t permissions = section.GetPermissions();
        if (permissions == 0 || !loads_at(state, section, start))
            continue;
        mappings.push_back({start, start + section.GetByteSize(), section.GetFileOffset(), (permissions & lldb::ePermissionsReadable) != 0,
                            (permissions & lldb::ePermissionsWritable) != 0, (permissions & lldb::ePermissionsExecutable) != 0, false});
    }
    sort(mappings);
    return mappings;
}

/* Whether a core has other bytes at the head of the module than the file that lldb found: such a file must not speak for the core. */
bool is_another_file(Debugger &state, lldb::SBModule module)
{
    char in_core[HEADER_SIZE], in_file[HEADER_SIZE];
    lldb::SBError error;
    uint64_t address = module.GetObjectFileHeaderAddress().GetLoadAddress(state.target);
    if (address == LLDB_INVALID_ADDRESS || state.process.ReadMemory(address, in_core, HEADER_SIZE, error) != HEADER_SIZE)
        return false;
    return lldb_read_file(state, address, in_file, HEADER_SIZE) && std::memcmp(in_core, in_file, HEADER_SIZE) != 0;
}

/* Whether what lldb says of a module can be believed. Of a core's whose file it has not found it knows no more than the place. */
bool is_known(Debugger &state, lldb::SBModule module)
{
    bool missing = module.IsFileBacked() && !module.GetFileSpec().Exists();
    return !state.is_core() || (!missing && !is_another_file(state, module));
}

void add_module(Module &found, bool main, void (*add)(void *context, const struct spprof_debugger_module *module), void *context)
{
    char path[PATH_MAX] = "";
    found.module.GetPlatformFileSpec().GetPath(path, sizeof path);
    spprof_debugger_module module = {};
    module.path = path;
    module.main = main;
    module.mappings = found.mappings.data();
    module.mapping_count = found.mappings.size();
    module.start = found.mappings.front().start;
    module.end = found.mappings.back().end;
    module.handle = &found;
    add(context, &module);
}

/* The memory of a process or core. Where lldb knows of no writable piece at all (Mach-O cores) any may be. */
std::vector<spprof_mapping> regions_of(Debugger &state)
{
    std::vector<spprof_mapping> mappings;
    bool known = false;
    lldb::SBMemoryRegionInfoList regions = state.process.GetMemoryRegions();
    for (uint32_t i = 0; i < regions.GetSize(); i++) {
        lldb::SBMemoryRegionInfo region;
        if (!regions.GetMemoryRegionAtIndex(i, region) || !region.IsMapped() || region.GetRegionBase() >= region.GetRegionEnd())
            continue;
        known = known || region.IsWritable();
        mappings.push_back({region.GetRegionBase(), region.GetRegionEnd(), 0, region.IsReadable(), region.IsWritable(), region.IsExecutable(), true});
    }
    for (spprof_mapping &mapping : mappings)
        mapping.writable = mapping.writable || !known;
    return mappings;
}

/* A core has its memory even where no file of it is at hand: each piece is a module. Those that are known come before. */
void add_regions(Debugger &state, void (*add)(void *context, const struct spprof_debugger_module *module), void *context)
{
    for (const spprof_mapping &mapping : regions_of(state)) {
        char path[PATH_MAX] = "";
        state.target.ResolveLoadAddress(mapping.start).GetModule().GetPlatformFileSpec().GetPath(path, sizeof path);
        spprof_debugger_module module = {};
        module.path = path;
        module.mappings = &mapping;
        module.mapping_count = 1;
        module.start = mapping.start;
        module.end = mapping.end;
        add(context, &module);
    }
}

const Module *module_of(const struct spprof_debugger_module *module)
{
    return static_cast<const Module *>(module->handle);
}

} // namespace

struct spprof_error *lldb_modules(void *debugger, void (*add)(void *context, const struct spprof_debugger_module *module), void *context)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    lldb::SBFileSpec executable = state.target.GetExecutable();
    lldb::SBModule main = state.target.FindModule(executable);
    state.modules.clear();
    for (uint32_t i = 0; i < state.target.GetNumModules(); i++) {
        lldb::SBModule module = state.target.GetModuleAtIndex(i);
        std::vector<spprof_mapping> mappings = mappings_of(state, module);
        if (!mappings.empty() && is_known(state, module))
            state.modules.push_back({module, mappings});
    }
    for (Module &found : state.modules)
        add_module(found, found.module == main, add, context);
    if (state.is_core())
        add_regions(state, add, context);
    return nullptr;
}

struct spprof_error *lldb_regions(void *debugger, void (*add)(void *context, const struct spprof_mapping *region), void *context)
{
    for (const spprof_mapping &mapping : regions_of(*static_cast<Debugger *>(debugger)))
        if (mapping.readable)
            add(context, &mapping);
    return nullptr;
}

bool lldb_find_symbol(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    const Module *found = module_of(module);
    if (found == nullptr)
        return false;
    lldb::SBModule place = found->module;
    lldb::SBSymbolContextList list = place.FindSymbols(name);
    for (uint32_t i = 0; i < list.GetSize(); i++) { /* one that is only referred to has no address */
        *address = list.GetContextAtIndex(i).GetSymbol().GetStartAddress().GetLoadAddress(state.target);
        if (*address != LLDB_INVALID_ADDRESS)
            return true;
    }
    return false;
}

bool lldb_find_section(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address, uint64_t *size)
{
    Debugger &state = *static_cast<Debugger *>(debugger);
    const Module *found = module_of(module);
    if (found == nullptr)
        return false;
    lldb::SBModule place = found->module;
    lldb::SBSection section = place.FindSection(name);
    if (!section.IsValid() || !loads_at(state, section, *address))
        return false;
    *size = section.GetByteSize();
    return true;
}
