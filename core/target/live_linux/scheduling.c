#include "target/scheduling.h"

#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "target/live_linux/turn.h"

enum { SLICE_NS = 100000 }; /* the shortest there is: __setparam_fair, kernel/sched/syscalls.c of Linux 6.12 */

/* The slice of SCHED_OTHER, Linux 6.12 and later. */
void target_scheduling_take_short_turns(void)
{
    target_turn_shorten(SLICE_NS);
}

void target_scheduling_wake_exactly(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
}

void target_cpus_add(struct cpus *cpus, int cpu)
{
    if (cpu >= 0 && cpu < SCHEDULING_CPUS_MAX)
        cpus->bits[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

static bool has(const struct cpus *cpus, int cpu)
{
    return cpu >= 0 && cpu < SCHEDULING_CPUS_MAX && (cpus->bits[cpu / 64] >> cpu % 64 & 1) != 0;
}

void target_scheduling_avoid(const struct cpus *used)
{
    cpu_set_t allowed, free;
    int here = sched_getcpu();
    if (!has(used, here) || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    free = allowed;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (has(used, cpu))
            CPU_CLR((unsigned)cpu, &free);
    if (CPU_COUNT(&free) > 0 && sched_setaffinity(0, sizeof free, &free) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
}
