#include "target/live_linux/process_guard.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/live_linux/turn.h"

enum {
    STACK_SIZE = 64 << 10,
    LONG_NS = 20000000,  /* no stop is meant to last so long */
    LOOK_NS = 5000000,   /* the watcher looks whether spprof is stopped so often, then */
    STUCK_S = 5,         /* without a sign of life: spprof is ended */
    SIGN_NS = 500000000, /* a sign of life is not given more often */
};

struct process_guard {
    atomic_bool holds;     /* some thread stands */
    atomic_bool continued; /* by the watcher, though it was to stop */
    int alarm;             /* a timer's file, which wakes the watcher */
    int state;             /* /proc/PID/stat of spprof */
    bool is_first;         /* in line for a CPU */
    struct turn turn;      /* as it was before */
    bool has_timer;
    timer_t timer; /* which kills */
    uint64_t signed_at;
    pid_t spprof, watcher;
    char stack[STACK_SIZE] __attribute__((aligned(16)));
};

/* "123 (name) T ...": the name may hold anything, so its end is the last parenthesis. */
static bool is_stopped(const struct process_guard *guard)
{
    char stat[512];
    ssize_t size = pread(guard->state, stat, sizeof stat - 1, 0);
    if (size <= 0)
        return false;
    stat[size] = '\0';
    const char *close = strrchr(stat, ')');
    return close != NULL && close[1] == ' ' && close[2] == 'T';
}

/*
 * The watcher: a process of its own with the memory of spprof. It shares spprof's errno and locks, too, so it calls nothing that takes one, and
 * nothing that can fail while spprof lives.
 */
static int watch(void *context)
{
    struct process_guard *guard = context;
    uint64_t times;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "watcher"); /* who stops spprof by its name stops this one not */
    setpgid(0, 0);
    while (getppid() == guard->spprof && read(guard->alarm, &times, sizeof times) == (ssize_t)sizeof times) {
        while (atomic_load(&guard->holds)) {
            if (is_stopped(guard) && atomic_load(&guard->holds)) { /* and cannot have let go in between */
                atomic_store(&guard->continued, true);
                kill(guard->spprof, SIGCONT);
            }
            clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = LOOK_NS}, NULL);
        }
    }
    return 0;
}

static void set_timer(struct process_guard *guard, int seconds)
{
    if (guard->has_timer)
        timer_settime(guard->timer, 0, &(struct itimerspec){.it_value.tv_sec = seconds}, NULL);
}

static void set_alarm(struct process_guard *guard, long ns)
{
    timerfd_settime(guard->alarm, 0, &(struct itimerspec){.it_value.tv_nsec = ns}, NULL);
}

static void go_in_turn(struct process_guard *guard)
{
    if (guard->is_first)
        target_turn_take_again(&guard->turn);
    guard->is_first = false;
}

static bool start(struct process_guard *guard)
{
    struct sigevent death = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    guard->spprof = getpid();
    guard->has_timer = timer_create(CLOCK_MONOTONIC, &death, &guard->timer) == 0;
    guard->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    guard->state = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    /* No copy of the memory, which would have to be separated page by page while the threads stand. Nobody hears of its end. */
    if (guard->alarm >= 0 && guard->state >= 0)
        guard->watcher = clone(watch, guard->stack + STACK_SIZE, CLONE_VM | CLONE_FS | CLONE_FILES, guard);
    return guard->watcher > 0;
}

void target_process_guard_begin(struct process_guard **made)
{
    if (*made == NULL) {
        struct process_guard *guard = calloc(1, sizeof *guard);
        if (guard == NULL)
            return;
        if (!start(guard)) {
            target_process_guard_free(guard);
            return;
        }
        *made = guard;
    }
    struct process_guard *guard = *made;
    atomic_store(&guard->holds, true);
    guard->signed_at = base_clock_now();
    set_alarm(guard, LONG_NS);
    set_timer(guard, STUCK_S);
    guard->is_first = target_turn_go_first(&guard->turn);
}

void target_process_guard_is_alive(struct process_guard *guard)
{
    if (guard == NULL || !atomic_load(&guard->holds))
        return;
    uint64_t time = base_clock_now();
    if (time - guard->signed_at < SIGN_NS)
        return;
    guard->signed_at = time;
    set_timer(guard, STUCK_S);
}

void target_process_guard_rests(struct process_guard *guard)
{
    if (guard == NULL)
        return;
    set_timer(guard, 0);
    go_in_turn(guard);
}

void target_process_guard_end(struct process_guard *guard)
{
    if (guard == NULL)
        return;
    go_in_turn(guard);
    set_timer(guard, 0);
    set_alarm(guard, 0);
    atomic_store(&guard->holds, false);
    if (atomic_exchange(&guard->continued, false))
        raise(SIGSTOP);
}

void target_process_guard_free(struct process_guard *guard)
{
    if (guard == NULL)
        return;
    if (guard->watcher > 0) {
        kill(guard->watcher, SIGKILL);
        waitpid(guard->watcher, NULL, __WALL);
    }
    if (guard->has_timer)
        timer_delete(guard->timer);
    if (guard->alarm >= 0)
        close(guard->alarm);
    if (guard->state >= 0)
        close(guard->state);
    free(guard);
}
