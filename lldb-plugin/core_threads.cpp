#include "debugger.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

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

/* The path of a file that is mapped from its first byte on ("7f62…-7f62… rw-p 00000000 fe:00 1140 /path"), at the end of the line. */
const char *mapped_path(char *line)
{
    uint64_t offset = 1;
    int path = 0;
    line[std::strcspn(line, "\n")] = '\0';
    if (std::sscanf(line, "%*x-%*x %*s %" SCNx64 " %*s %*s %n", &offset, &path) != 1 || offset != 0 || path == 0)
        return nullptr;
    return line[path] == '/' ? line + path : nullptr;
}

bool is_library(const char *path)
{
    return std::strstr(path, ".so") != nullptr;
}

/* lldb 17 and later tell the path of a core, those before do not; all of them map the file. */
bool find_core(int64_t pid, char *path, size_t size)
{
    char line[4096 + 128];
    struct spprof_target *target = nullptr;
    FILE *maps = std::fopen("/proc/self/maps", "re");
    if (maps == nullptr)
        return false;
    while (target == nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
        const char *mapped = mapped_path(line);
        if (mapped == nullptr || is_library(mapped) || std::strlen(mapped) >= size)
            continue;
        target = open_core_of(mapped, pid);
        std::strcpy(path, mapped);
    }
    std::fclose(maps);
    spprof_target_close(target);
    return target != nullptr;
}

} // namespace

bool lldb_core_threads(Debugger &state, struct spprof_native_threads *threads)
{
    int64_t pid = static_cast<int64_t>(state.process.GetProcessID());
    if (state.core_process != state.process.GetUniqueID() && !find_core(pid, state.core, sizeof state.core))
        state.core[0] = '\0';
    state.core_process = state.process.GetUniqueID();
    struct spprof_target *target = state.core[0] != '\0' ? open_core_of(state.core, pid) : nullptr;
    struct spprof_error *error = target != nullptr ? target->ops->threads(target, threads) : nullptr;
    spprof_target_close(target);
    spprof_error_free(error);
    return target != nullptr && error == nullptr;
}
