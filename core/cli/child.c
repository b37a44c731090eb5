#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: the reason why exec failed goes up the pipe, which a successful one closes. */
static void become(char **argv, int report)
{
    execvp(argv[0], argv);
    int reason = errno;
    if (write(report, &reason, sizeof reason) < 0)
        _exit(126);
    _exit(127);
}

struct spprof_error *child_start(char **argv, pid_t *pid)
{
    int ends[2], reason = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return spprof_error_new(SPPROF_ERROR_NO_MEMORY, "cannot start '%s': %s", argv[0], strerror(errno));
    *pid = fork();
    if (*pid == 0)
        become(argv, ends[1]);
    close(ends[1]);
    bool failed = *pid < 0 || read(ends[0], &reason, sizeof reason) == (ssize_t)sizeof reason;
    close(ends[0]);
    if (!failed)
        return NULL;
    reason = *pid < 0 ? errno : reason;
    if (*pid > 0)
        waitpid(*pid, NULL, 0);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot start '%s': %s", argv[0], strerror(reason));
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool child_has_ended(pid_t pid, int *status)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
        return false;
    *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return true;
}

int child_wait(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return exit_code(status);
}
