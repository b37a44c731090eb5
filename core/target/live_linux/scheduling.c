#include "target/scheduling.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLICE_NS = 100000 }; /* the shortest there is: __setparam_fair, kernel/sched/syscalls.c of Linux 6.12 */

/* struct sched_attr, the first version of it, for which Linux's header and glibc's get in each other's way: sched_setattr(2). */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period; /* ns */
};

void scheduling_take_short_turns(void)
{
    struct attributes attributes = {.size = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 || attributes.policy != SCHED_OTHER)
        return;
    attributes.runtime = SLICE_NS;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static _Thread_local struct attributes in_turn;

bool scheduling_go_first(void)
{
    struct attributes first = {.size = sizeof first, .policy = SCHED_FIFO, .priority = 1};
    in_turn = (struct attributes){.size = sizeof in_turn};
    return syscall(SYS_sched_getattr, 0, &in_turn, sizeof in_turn, 0) == 0 && in_turn.policy == SCHED_OTHER &&
           syscall(SYS_sched_setattr, 0, &first, 0) == 0;
}

void scheduling_go_in_turn(void)
{
    syscall(SYS_sched_setattr, 0, &in_turn, 0);
}

void scheduling_avoid(const cpu_set_t *used)
{
    cpu_set_t allowed, free;
    int here = sched_getcpu();
    if (here < 0 || !CPU_ISSET((unsigned)here, used) || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    CPU_AND(&free, &allowed, used);
    CPU_XOR(&free, &free, &allowed);
    if (CPU_COUNT(&free) > 0 && sched_setaffinity(0, sizeof free, &free) == 0)
        sched_setaffinity(0, sizeof allowed, &allowed);
}
