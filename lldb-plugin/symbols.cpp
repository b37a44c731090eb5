/*
 * lldb's symbols are found when they are first called. Where lldb is a module of Python (`import lldb`) they are hidden from others:
 * then they are made visible before the first call.
 */
#include "spprof/host.h"

namespace
{

__attribute__((constructor)) void show_symbols()
{
    spprof_host_show_symbols("lldb");
}

} // namespace
