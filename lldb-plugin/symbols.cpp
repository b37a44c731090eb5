/*
 * lldb's symbols are found when they are first called. Where lldb is a module of Python (`import lldb`) they are hidden from others:
 * then they are made visible before the first call.
 */
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <string>
#include <vector>

namespace {

int note_lldb(struct dl_phdr_info *object, size_t, void *names)
{
    const char *slash = std::strrchr(object->dlpi_name, '/');
    if (slash != nullptr && std::strstr(slash, "lldb") != nullptr)
        static_cast<std::vector<std::string> *>(names)->push_back(object->dlpi_name);
    return 0;
}

__attribute__((constructor)) void show_symbols()
{
    std::vector<std::string> names;
    dl_iterate_phdr(note_lldb, &names);
    for (const std::string &name : names)
        dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
}

} // namespace
