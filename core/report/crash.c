#include "report/crash.h"

#include <stdio.h>

/* signal(7) */
static const char *const names[] = {
    [1] = "SIGHUP",   [2] = "SIGINT",     [3] = "SIGQUIT",  [4] = "SIGILL",   [5] = "SIGTRAP",    [6] = "SIGABRT",  [7] = "SIGBUS",
    [8] = "SIGFPE",   [9] = "SIGKILL",    [10] = "SIGUSR1", [11] = "SIGSEGV", [12] = "SIGUSR2",   [13] = "SIGPIPE", [14] = "SIGALRM",
    [15] = "SIGTERM", [16] = "SIGSTKFLT", [17] = "SIGCHLD", [18] = "SIGCONT", [19] = "SIGSTOP",   [20] = "SIGTSTP", [21] = "SIGTTIN",
    [22] = "SIGTTOU", [23] = "SIGURG",    [24] = "SIGXCPU", [25] = "SIGXFSZ", [26] = "SIGVTALRM", [27] = "SIGPROF", [28] = "SIGWINCH",
    [29] = "SIGIO",   [30] = "SIGPWR",    [31] = "SIGSYS",
};

void report_signal_name(int signal, char name[SIGNAL_NAME_SIZE])
{
    if (signal > 0 && (size_t)signal < sizeof names / sizeof names[0])
        snprintf(name, SIGNAL_NAME_SIZE, "%s", names[signal]);
    else
        snprintf(name, SIGNAL_NAME_SIZE, "signal %d", signal);
}
