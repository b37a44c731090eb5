#include "control_c.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "spprof/debugger.h"

enum { LOOK_NS = 10000000 };

/* gdbserver overlooks an interrupt that comes in one piece with the request to run; one that stays without an answer is tried again. */
#define EARLIEST_S 0.01
#define ANSWER_S 2.0

static pthread_t gdb_thread, waiting_thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool running;
static double resumed_at, sent_at; /* s */
static atomic_bool sent, pressed, over;
static void (*act)(void);
static int emulator;
static sigset_t mask_before;
static struct sigaction urgent_before;

/* On gdb's thread: what gdb has installed for Ctrl-C at this moment. */
static void call_gdbs_handler(int signal)
{
    struct sigaction gdbs_own;
    (void)signal;
    sigaction(SIGINT, NULL, &gdbs_own);
    if ((gdbs_own.sa_flags & SA_SIGINFO) == 0 && gdbs_own.sa_handler != SIG_DFL && gdbs_own.sa_handler != SIG_IGN)
        gdbs_own.sa_handler(SIGINT);
}

static double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void control_c_send(void)
{
    pthread_mutex_lock(&lock);
    double at = seconds_now();
    if (running && at - resumed_at >= EARLIEST_S && (!sent || (pressed && at - sent_at >= ANSWER_S))) {
        sent = true;
        sent_at = at;
        if (emulator < 0 || !spprof_emulator_interrupt(emulator))
            pthread_kill(gdb_thread, SIGURG);
    }
    pthread_mutex_unlock(&lock);
}

static sigset_t only(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

/* SIGINT is blocked in every thread: it waits here. */
static void *wait_for_user(void *unused)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    sigset_t interrupt = only(SIGINT);
    while (!over) {
        if (sigtimedwait(&interrupt, NULL, &look) == SIGINT)
            pressed = true;
        if (pressed)
            act();
    }
    return unused;
}

bool control_c_begin(void (*on_press)(void), int to_interrupt)
{
    sigset_t all, with_interrupt = only(SIGINT);
    gdb_thread = pthread_self();
    act = on_press;
    emulator = to_interrupt;
    sent = pressed = over = running = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask_before);
    bool started = pthread_create(&waiting_thread, NULL, wait_for_user, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
    if (!started)
        return false;
    struct sigaction urgent = {.sa_handler = call_gdbs_handler};
    sigaction(SIGURG, &urgent, &urgent_before);
    pthread_sigmask(SIG_BLOCK, &with_interrupt, NULL);
    return true;
}

void control_c_end(void)
{
    over = true;
    pthread_join(waiting_thread, NULL);
    sigaction(SIGURG, &urgent_before, NULL);
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
}

static void set_running(bool value)
{
    pthread_mutex_lock(&lock);
    if (value && !running) {
        sent = false;
        resumed_at = seconds_now();
    }
    running = value;
    pthread_mutex_unlock(&lock);
}

void control_c_resumed(void)
{
    set_running(true);
}

void control_c_stopped(void)
{
    set_running(false);
}

bool control_c_was_sent(void)
{
    return sent;
}

bool control_c_was_pressed(void)
{
    return pressed;
}
