#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"

/* In the child: the reason why exec failed goes up the pipe, which a successful one closes. */
static void become(char **argv, int report, const sigset_t *mask)
{
    cli_signals_restore();
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    int reason = errno;
    if (write(report, &reason, sizeof reason) < 0)
        _exit(126);
    _exit(127);
}

/* A signal that comes meanwhile is neither lost nor taken by a child that is not yet the command. */
static pid_t start(char **argv, int report)
{
    sigset_t all, mask;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, report, &mask);
    cli_signals_pass_on(pid > 0 ? pid : 0);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return pid;
}

struct spprof_error *cli_child_start(char **argv, pid_t *pid)
{
    int ends[2], reason = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return spprof_error_new(SPPROF_ERROR_NO_MEMORY, "cannot start '%s': %s", argv[0], strerror(errno));
    *pid = start(argv, ends[1]);
    reason = *pid < 0 ? errno : 0;
    close(ends[1]);
    bool failed = *pid < 0 || read(ends[0], &reason, sizeof reason) == (ssize_t)sizeof reason;
    close(ends[0]);
    if (!failed)
        return NULL;
    if (*pid > 0)
        cli_child_wait(*pid);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot start '%s': %s", argv[0], strerror(reason));
}

bool cli_child_has_ended(pid_t pid, int *status)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
        return false;
    if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
        return false;
    *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return true;
}

/* Until its end has been taken its number is its own, and signals can be passed on. */
int cli_child_wait(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    int code = 0;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        ;
    while (!cli_child_has_ended(pid, &code)) /* what was told was a stop, of a thread that is still traced */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    cli_signals_pass_on(0);
    waitpid(pid, NULL, 0);
    return code;
}
