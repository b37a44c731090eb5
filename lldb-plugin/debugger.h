/* lldb's process or core as the core's console wants it: the tables of spprof/debugger.h, filled from lldb's public API. */
#ifndef SPPROF_LLDB_DEBUGGER_H
#define SPPROF_LLDB_DEBUGGER_H

#include <cstdint>
#include <vector>

#include <lldb/API/LLDB.h>

#include "run.h"
#include "spprof/debugger.h"

/* A module whose file is the one that ran, and where it lies. */
struct Module {
    lldb::SBModule module;
    std::vector<spprof_mapping> mappings;
};

/* What tells one moment of the inferior from another; modules stands for which there are and where they lie. */
struct Moment {
    uint32_t process, stop;
    uint64_t modules;
    bool operator!=(const Moment &other) const { return process != other.process || stop != other.stop || modules != other.modules; }
};

/* The selected target of an lldb; the "debugger" of all operations. It names lldb's objects only while a command runs. */
struct Debugger {
    lldb::SBDebugger debugger;
    lldb::SBTarget target;
    lldb::SBProcess process;
    std::vector<Module> modules; /* their handles are pointers into it */
    char executable[4096];       /* what lldb_inferior said last */
    char core[4096];             /* path of the core, of the process with this unique id; "" not found */
    uint32_t core_process;
    Runs runs;

    void select(const lldb::SBDebugger &current);
    void release();
    Moment moment();
    bool is_core();
    bool is_local(); /* a process of this machine, which a server traces that this lldb has started */
};

/* inferior.cpp */
struct spprof_error *lldb_inferior(void *debugger, struct spprof_debugger_inferior *inferior);

/*
 * core_threads.cpp: what the notes of the core say of its threads, which lldb keeps to itself. False where its file is not found.
 * threads is owned by the caller.
 */
bool lldb_core_threads(Debugger &state, struct spprof_native_threads *threads);

/* memory.cpp */

/* Bytes that are never written, from the file of the module that lies at address. */
bool lldb_read_file(Debugger &state, uint64_t address, void *buffer, size_t size);
bool lldb_read(void *debugger, uint64_t address, void *buffer, size_t size);

/* modules.cpp */
struct spprof_error *lldb_modules(void *debugger, void (*add)(void *context, const struct spprof_debugger_module *module), void *context);
bool lldb_find_symbol(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address);
struct spprof_error *lldb_regions(void *debugger, void (*add)(void *context, const struct spprof_mapping *region), void *context);
bool lldb_find_section(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address, uint64_t *size);

/* threads.cpp */
struct spprof_error *lldb_threads(void *debugger, struct spprof_native_threads *threads);
int64_t lldb_selected_thread(void *debugger);
void lldb_thread_label(void *debugger, int64_t tid, char *label, size_t size);

/* frames.cpp */
bool lldb_native_frame(void *debugger, size_t level, struct spprof_native_frame *native);
size_t lldb_selected_frame(void *debugger);
bool lldb_select_frame(void *debugger, size_t level);

#endif
