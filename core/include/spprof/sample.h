/* Sampling: many looks at a target, folded into a profile. */
#ifndef SPPROF_SAMPLE_H
#define SPPROF_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "spprof/error.h"
#include "spprof/profile.h"
#include "spprof/target.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spprof_sample_options {
    double duration_s; /* 0: until it is ended */
    double rate_hz;    /* looks a second; 0: 100 */
    bool stop;         /* every look stops the threads (a live process); else it is read while it runs */
    bool idle;         /* count threads that wait, too; else only those that the kernel has on a CPU, or in its queue */
    bool gil;          /* only the thread that holds the GIL; without a GIL those that are attached to the interpreter */
};

struct spprof_sampler;

/* How far it is; what spprof_sampler_run calls now and then. */
struct spprof_sample_progress {
    double elapsed_s;
    uint64_t samples, dropped;
    uint32_t threads;
};

/* Borrows target until spprof_sampler_free. Errors: those of spprof_session_open. */
struct spprof_error *spprof_sampler_new(struct spprof_target *target, const struct spprof_sample_options *options, struct spprof_sampler **sampler);
void spprof_sampler_free(struct spprof_sampler *sampler); /* NULL is allowed */

/*
 * Samples at the rate asked, with jitter, until the duration is over, *ended is not 0 (another thread or a signal handler sets it), or
 * the target is gone, which is no error. progress may be NULL; it is called about ten times a second on the same thread. May run in
 * a thread of its own.
 */
struct spprof_error *spprof_sampler_run(struct spprof_sampler *sampler, volatile int *ended,
                                        void (*progress)(void *context, const struct spprof_sample_progress *progress), void *context);

/* One look at a target that stands still, as a debugger's does. For callers that stop and resume it themselves. */
struct spprof_error *spprof_sampler_look(struct spprof_sampler *sampler);

/*
 * How long the target is to run until the next look is due, in seconds. Looks that came too late are counted as overruns; behind them, too,
 * it runs for a fifth of the period, or it would stand still for good. For the same callers.
 */
double spprof_sampler_due(struct spprof_sampler *sampler);

/* Whether the target was gone at the last look. */
bool spprof_sampler_is_over(const struct spprof_sampler *sampler);

/* Lets go of the target, which may be closed then: what was sampled stays, and spprof_sampler_rebind goes on with another. Errors: NO_MEMORY. */
struct spprof_error *spprof_sampler_unbind(struct spprof_sampler *sampler);

/* Goes on with another target, borrowed in place of the one before, as after an exec. Errors: as spprof_sampler_new; it can be tried again. */
struct spprof_error *spprof_sampler_rebind(struct spprof_sampler *sampler, struct spprof_target *target);

/* Ends sampling and gives the profile, finished, owned by the caller. */
struct spprof_error *spprof_sampler_finish(struct spprof_sampler *sampler, struct spprof_profile **profile);

#ifdef __cplusplus
}
#endif
#endif
