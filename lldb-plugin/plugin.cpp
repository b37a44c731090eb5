/* What `plugin load` calls. */
#include <cstdio>

#include "command.h"

namespace lldb
{

__attribute__((visibility("default"))) bool PluginInitialize(SBDebugger debugger)
{
    const char *message;
    if (add_commands(debugger, &message))
        return true;
    std::fprintf(stderr, "spprof: cannot add its commands: %s\n", message);
    return false;
}

} // namespace lldb
