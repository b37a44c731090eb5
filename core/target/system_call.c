#include "target/system_call.h"

enum { ARM_SVC = 0xd4000001u }; /* svc #0 */

bool target_system_call_is_interrupted(uint64_t result)
{
    enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_RESTARTBLOCK = 516, INTERRUPTED = 4 };
    switch (-result) {
    case INTERRUPTED:
    case RESTARTSYS:
    case RESTARTNOINTR:
    case RESTARTNOHAND:
    case RESTART_RESTARTBLOCK: return true;
    default: return false;
    }
}

void target_system_call_waits(struct spprof_native_thread *thread, uint64_t number, uint64_t argument)
{
    thread->activity = SPPROF_ACTIVITY_IDLE;
    thread->in_system_call = true;
    thread->system_call = (int64_t)number;
    thread->system_call_argument = argument;
}

void target_system_call_of_aarch64(const uint32_t code[2], uint64_t x0, uint64_t x8, struct spprof_native_thread *thread)
{
    if (code[1] == ARM_SVC) {
        target_system_call_waits(thread, x8, x0);
    } else if (code[0] == ARM_SVC && target_system_call_is_interrupted(x0)) {
        thread->activity = SPPROF_ACTIVITY_IDLE; /* it ended with EINTR: the argument is lost */
    } else {
        thread->activity = SPPROF_ACTIVITY_RUNNING;
        thread->in_system_call = false;
    }
}

enum spprof_activity target_system_call_activity_of_aarch64(const uint32_t code[2])
{
    if (code[1] == ARM_SVC)
        return SPPROF_ACTIVITY_IDLE;
    return code[0] == ARM_SVC ? SPPROF_ACTIVITY_UNKNOWN : SPPROF_ACTIVITY_RUNNING;
}
