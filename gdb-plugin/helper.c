#include "helper.h"

#include <signal.h>
#include <string.h>
#include <time.h>

enum { SECOND_NS = 1000000000, SOON_NS = SECOND_NS / 1000, AGAIN_NS = SECOND_NS / 20 };

static void wait_for(struct helper *helper, long time_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += time_ns;
    until.tv_sec += until.tv_nsec / SECOND_NS;
    until.tv_nsec %= SECOND_NS;
    pthread_cond_clockwait(&helper->changed, &helper->lock, CLOCK_MONOTONIC, &until);
}

/* An interrupt is made under the lock, so that none is made after the run is over. */
static void *help(void *argument)
{
    struct helper *helper = argument;
    helper->run->work(helper->run->context);
    pthread_mutex_lock(&helper->lock);
    helper->worked = true;
    while (!helper->over && !helper->resumed)
        pthread_cond_wait(&helper->changed, &helper->lock);
    while (!helper->over)
        wait_for(helper, helper->interrupt() ? AGAIN_NS : SOON_NS);
    pthread_mutex_unlock(&helper->lock);
    return NULL;
}

/* A new thread has the signal mask of the one that makes it. */
static int start_without_signals(struct helper *helper)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&helper->thread, NULL, help, helper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

struct spprof_error *helper_start(struct helper *helper, const struct spprof_run *run, bool (*interrupt)(void))
{
    *helper = (struct helper){.run = run, .interrupt = interrupt};
    pthread_mutex_init(&helper->lock, NULL);
    pthread_cond_init(&helper->changed, NULL);
    int failure = start_without_signals(helper);
    if (failure == 0)
        return NULL;
    pthread_cond_destroy(&helper->changed);
    pthread_mutex_destroy(&helper->lock);
    return spprof_error_new(SPPROF_ERROR_NO_MEMORY, "cannot start the thread that samples: %s", strerror(failure));
}

static void tell(struct helper *helper, bool *what)
{
    pthread_mutex_lock(&helper->lock);
    *what = true;
    pthread_cond_signal(&helper->changed);
    pthread_mutex_unlock(&helper->lock);
}

void helper_cancel(struct helper *helper)
{
    helper->run->cancel(helper->run->context);
}

void helper_resumed(struct helper *helper)
{
    tell(helper, &helper->resumed);
}

static bool has_worked(struct helper *helper)
{
    pthread_mutex_lock(&helper->lock);
    bool worked = helper->worked;
    pthread_mutex_unlock(&helper->lock);
    return worked;
}

void helper_end(struct helper *helper)
{
    if (!has_worked(helper))
        helper_cancel(helper);
    tell(helper, &helper->over);
    pthread_join(helper->thread, NULL);
    pthread_cond_destroy(&helper->changed);
    pthread_mutex_destroy(&helper->lock);
}
