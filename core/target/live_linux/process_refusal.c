/* Why the kernel refuses to show the memory of a process: ptrace(2), "Ptrace access mode checking". */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/live_linux/process.h"

enum { CAPABILITY_SYS_PTRACE = 19, UID_NAME = 5, STATUS_SIZE = 8192 };

struct refused_process {
    int64_t pid;
    int64_t user;    /* that the process runs as; -1 unknown */
    int64_t owner;   /* of its files in /proc: root where it is not dumpable, proc(5) */
    bool privileged; /* spprof may look at every process */
};

/* Whether this process has the capability, by the line CapEff of its status. */
static bool has_capability(void)
{
    char status[STATUS_SIZE];
    CLEANUP_CLOSE int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, status, sizeof status - 1) : -1;
    if (size <= 0)
        return false;
    status[size] = '\0';
    const char *line = strstr(status, "\nCapEff:");
    return line != NULL && (strtoull(line + strlen("\nCapEff:"), NULL, 16) >> CAPABILITY_SYS_PTRACE & 1) != 0;
}

/* The second number of "Uid:", which is the effective one. */
static int64_t effective_user(const struct process *process)
{
    long real, effective;
    CLEANUP_FREE char *status = target_process_read_file(process, "status");
    const char *line = status != NULL ? strstr(status, "\nUid:") : NULL;
    return line != NULL && sscanf(line + UID_NAME, "%ld %ld", &real, &effective) == 2 ? effective : -1;
}

static char ptrace_scope(void)
{
    char scope = '0';
    CLEANUP_CLOSE int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &scope, 1) == 1 ? scope : '0';
}

/* What is so, and what to do; a static text or one in the buffer. */
static const char *explain(const struct refused_process *refusal, char *buffer, size_t size)
{
    char scope = ptrace_scope();
    if (scope == '3')
        return "/proc/sys/kernel/yama/ptrace_scope is 3, which forbids it to everybody, root too, until the next boot";
    if (refusal->privileged)
        return "although spprof has the capability SYS_PTRACE: a security module (SELinux, AppArmor) forbids it, or the process lives in a user "
               "namespace outside of this one; run spprof as root on the host";
    if (geteuid() == 0 && (refusal->user != 0 || refusal->owner != 0 || refusal->user < 0))
        return "spprof runs as root, but without the capability SYS_PTRACE, which was taken from it (by a container, a unit of systemd, setpriv or "
               "capsh). Start the container with --cap-add=SYS_PTRACE, or run spprof as root on the host";
    if (geteuid() == 0)
        return "spprof runs as root, but without the capability SYS_PTRACE, and the process has more capabilities than spprof, or is not dumpable. "
               "Start the container with --cap-add=SYS_PTRACE, or run spprof as root on the host";
    if (refusal->user != (int64_t)geteuid()) {
        snprintf(buffer, size, "it belongs to user %" PRId64 ", and spprof runs as user %u. Run spprof as root (sudo), or as that user",
                 refusal->user, geteuid());
        return buffer;
    }
    if (refusal->owner != refusal->user)
        return "it is not dumpable: it has called prctl(PR_SET_DUMPABLE, 0), has changed its user or its capabilities since it began, or its "
               "executable "
               "may not be read. Only root may look at it: run spprof as root (sudo)";
    if (scope != '0')
        return "/proc/sys/kernel/yama/ptrace_scope forbids it to ordinary users (0 would allow it for processes of the same user). Run spprof as "
               "root "
               "(sudo)";
    return "run spprof as root (sudo); inside a container add the capability SYS_PTRACE, or run spprof on the host";
}

struct spprof_error *target_process_refused(const struct process *process)
{
    struct stat status;
    char buffer[256];
    const struct refused_process refusal = {
        .pid = process->target.pid,
        .user = effective_user(process),
        .owner = fstatat(process->directory, "mem", &status, 0) == 0 ? (int64_t)status.st_uid : -1,
        .privileged = has_capability(),
    };
    return spprof_error_new(SPPROF_ERROR_PERMISSION, "cannot read the memory of process %" PRId64 ": permission was refused: %s", refusal.pid,
                            explain(&refusal, buffer, sizeof buffer));
}
