#include "debugger.h"

#include <cstring>

#include "spprof/host.h"

namespace
{

/* The core of this process in a file; nullptr: the file is none, or that of another: that lldb has mapped it says only that it was opened. */
struct spprof_target *open_core_of(const char *path, int64_t pid)
{
    struct spprof_target *target = nullptr;
    spprof_error_free(spprof_core_open(path, nullptr, &target));
    if (target == nullptr || target->pid == pid)
        return target;
    spprof_target_close(target);
    return nullptr;
}

bool is_library(const char *path)
{
    return std::strstr(path, ".so") != nullptr;
}

struct Search {
    int64_t pid;
    char *path; /* of size bytes; the core's where it is found */
    size_t size;
};

bool is_core_of(void *context, const char *mapped)
{
    const Search *search = static_cast<Search *>(context);
    if (is_library(mapped) || std::strlen(mapped) >= search->size)
        return false;
    struct spprof_target *target = open_core_of(mapped, search->pid);
    if (target == nullptr)
        return false;
    std::strcpy(search->path, mapped);
    spprof_target_close(target);
    return true;
}

/* lldb 17 and later tell the path of a core, those before do not; all of them map the file. "": it is not found. */
void find_core(int64_t pid, char *path, size_t size)
{
    Search search = {pid, path, size};
    path[0] = '\0';
    spprof_host_find_mapped(is_core_of, &search);
}

} // namespace

bool lldb_core_threads(Debugger &state, struct spprof_native_threads *threads)
{
    int64_t pid = static_cast<int64_t>(state.process.GetProcessID());
    if (state.core_process != state.process.GetUniqueID())
        find_core(pid, state.core, sizeof state.core);
    state.core_process = state.process.GetUniqueID();
    struct spprof_target *target = state.core[0] != '\0' ? open_core_of(state.core, pid) : nullptr;
    struct spprof_error *error = target != nullptr ? target->ops->threads(target, threads) : nullptr;
    spprof_target_close(target);
    spprof_error_free(error);
    return target != nullptr && error == nullptr;
}
