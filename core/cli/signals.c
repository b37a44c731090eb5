#include "signals.h"

#include <errno.h>
#include <signal.h>

enum { COUNT = 3 };

volatile int cli_signals_ended;

static const int numbers[COUNT] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[COUNT];
static volatile pid_t heir;

static void end(int number, siginfo_t *info, void *context)
{
    int reason = errno;
    pid_t process = heir;
    (void)context;
    cli_signals_ended = 1;
    if (process > 0 && number != SIGINT && info->si_code != SI_KERNEL)
        kill(process, number);
    errno = reason;
}

void cli_signals_catch(bool command)
{
    for (int i = 0; i < COUNT; i++) {
        struct sigaction action = {.sa_sigaction = end, .sa_flags = SA_SIGINFO | SA_RESTART};
        if (numbers[i] == SIGINT && !command)
            action.sa_flags |= (int)SA_RESETHAND;
        sigaction(numbers[i], NULL, &before[i]);
        if (numbers[i] != SIGHUP || before[i].sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

void cli_signals_pass_on(pid_t process)
{
    heir = process;
}

void cli_signals_restore(void)
{
    heir = 0;
    for (int i = 0; i < COUNT; i++)
        sigaction(numbers[i], &before[i], NULL);
}
