#include "spprof/tracee.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

struct tracee {
    char state; /* 'R' runs, 't' stands still, 'Z' has ended */
    int64_t tracer;
    int64_t group;             /* the process: where the main thread has ended, gdb is attached to another one, whose id it takes for the process's */
    uint64_t pending, blocked; /* signals, one bit each */
};

static bool read_tracee(int64_t pid, int64_t tid, struct tracee *tracee)
{
    char path[96], line[256];
    *tracee = (struct tracee){0};
    snprintf(path, sizeof path, "/proc/%" PRId64 "/task/%" PRId64 "/status", pid, tid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "State: %c", &tracee->state);
        sscanf(line, "TracerPid: %" SCNd64, &tracee->tracer);
        sscanf(line, "Tgid: %" SCNd64, &tracee->group);
        sscanf(line, "SigPnd: %" SCNx64, &tracee->pending);
        sscanf(line, "SigBlk: %" SCNx64, &tracee->blocked);
    }
    if (file != NULL)
        fclose(file);
    return tracee->tracer == getpid() && strchr("ZX", tracee->state) == NULL;
}

static bool has(uint64_t signals, int signal)
{
    return (signals >> (signal - 1) & 1) != 0;
}

static bool takes(int64_t pid, int64_t tid, int signal)
{
    struct tracee tracee;
    return read_tracee(pid, tid, &tracee) && !has(tracee.blocked, signal);
}

int64_t spprof_tracee_for_signal(int64_t pid, int signal)
{
    char path[64];
    int64_t found = takes(pid, pid, signal) ? pid : 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/task", pid);
    DIR *folder = found == 0 ? opendir(path) : NULL;
    for (const struct dirent *entry = NULL; found == 0 && folder != NULL && (entry = readdir(folder)) != NULL;) {
        int64_t tid = strtoll(entry->d_name, NULL, 10);
        if (tid > 0 && takes(pid, tid, signal))
            found = tid;
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

bool spprof_tracee_signal(int64_t pid, int64_t tid, int signal)
{
    struct tracee tracee;
    return read_tracee(pid, tid, &tracee) && tracee.state != 't' && !has(tracee.pending, signal) &&
           syscall(SYS_tgkill, (pid_t)tracee.group, (pid_t)tid, signal) == 0;
}

bool spprof_tracee_awaits(int64_t pid, int64_t tid, int signal)
{
    struct tracee tracee;
    return read_tracee(pid, tid, &tracee) && has(tracee.pending & ~tracee.blocked, signal);
}

bool spprof_tracee_siginfo(int64_t tid, siginfo_t *info)
{
    return ptrace(PTRACE_GETSIGINFO, (pid_t)tid, NULL, info) == 0;
}

void spprof_tracee_set_siginfo(int64_t tid, const siginfo_t *info)
{
    ptrace(PTRACE_SETSIGINFO, (pid_t)tid, NULL, info);
}

enum spprof_sender spprof_tracee_stopped_by(int64_t tid, int signal)
{
    siginfo_t info;
    if (!spprof_tracee_siginfo(tid, &info) || info.si_signo != signal)
        return SPPROF_SENDER_UNKNOWN;
    if (info.si_code == SI_TKILL && info.si_pid == getpid())
        return SPPROF_SENDER_HELPER;
    return info.si_code == SI_KERNEL || (info.si_code == SI_USER && info.si_pid == getpid()) ? SPPROF_SENDER_TERMINAL : SPPROF_SENDER_OTHERS;
}
