#include "target/live_linux/turn.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool get(struct turn *turn)
{
    *turn = (struct turn){.size = sizeof *turn};
    return syscall(SYS_sched_getattr, 0, turn, sizeof *turn, 0) == 0 && turn->policy == SCHED_OTHER;
}

bool target_turn_go_first(struct turn *before)
{
    struct turn first = {.size = sizeof first, .policy = SCHED_FIFO, .priority = 1};
    return get(before) && syscall(SYS_sched_setattr, 0, &first, 0) == 0;
}

void target_turn_take_again(const struct turn *before)
{
    syscall(SYS_sched_setattr, 0, before, 0);
}

void target_turn_shorten(uint64_t slice_ns)
{
    struct turn turn;
    if (!get(&turn))
        return;
    turn.runtime = slice_ns;
    syscall(SYS_sched_setattr, 0, &turn, 0);
}
