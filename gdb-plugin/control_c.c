#include "control_c.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static pthread_t gdb_thread;
static struct sigaction gdbs_own;
static atomic_bool sent, pressed;

/* gdb then does what it always does. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
    if (info->si_code != SI_TKILL || info->si_pid != getpid())
        pressed = true;
    if ((gdbs_own.sa_flags & SA_SIGINFO) != 0)
        gdbs_own.sa_sigaction(signal, info, context);
    else if (gdbs_own.sa_handler != SIG_DFL && gdbs_own.sa_handler != SIG_IGN)
        gdbs_own.sa_handler(signal);
}

void control_c_watch(void)
{
    gdb_thread = pthread_self();
    sent = pressed = false;
    sigaction(SIGINT, NULL, &gdbs_own);
    struct sigaction ours = {.sa_sigaction = on_signal, .sa_mask = gdbs_own.sa_mask, .sa_flags = gdbs_own.sa_flags | SA_SIGINFO};
    sigaction(SIGINT, &ours, NULL);
}

void control_c_unwatch(void)
{
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal)
        sigaction(SIGINT, &gdbs_own, NULL);
}

void control_c_send(void)
{
    if (sent)
        return;
    sent = true;
    pthread_kill(gdb_thread, SIGINT);
}

bool control_c_was_sent(void)
{
    return sent;
}

bool control_c_was_pressed(void)
{
    return pressed;
}
