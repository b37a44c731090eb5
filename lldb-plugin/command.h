/* The commands that lldb's users type: the console's, under the names that lldb gives them. */
#ifndef SPPROF_LLDB_COMMAND_H
#define SPPROF_LLDB_COMMAND_H

#include <lldb/API/LLDB.h>

/* Adds "spprof NAME" and "py-NAME" to this lldb; false where lldb refuses, or memory is out: then *message says so. */
bool add_commands(lldb::SBDebugger debugger, const char **message);

#endif
