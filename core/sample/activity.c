#include "sample/activity.h"

#include <unistd.h>

enum { FRESH_NS = 200000 }; /* to ask takes some 2 us */

void sample_activity_open(struct activity *activity, int64_t pid, int64_t tid)
{
    *activity = (struct activity){.state_file = target_run_state_open(pid, tid), .time_file = target_cpu_use_open(pid, tid), .cpu = -1};
}

static void close_file(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

void sample_activity_close(struct activity *activity)
{
    close_file(&activity->state_file);
    close_file(&activity->time_file);
}

enum spprof_activity sample_activity_ask(struct activity *activity, uint64_t now)
{
    const struct run_state said = target_run_state_read(activity->state_file);
    activity->state = said.activity;
    activity->held = said.held;
    activity->ended = said.ended;
    activity->cpu = said.cpu;
    activity->asked_at = now;
    return activity->state;
}

enum spprof_activity sample_activity_of(struct activity *activity, uint64_t now)
{
    bool fresh = activity->asked_at != 0 && now - activity->asked_at < FRESH_NS;
    return fresh ? activity->state : sample_activity_ask(activity, now);
}

struct cpu_use sample_activity_use(const struct activity *activity)
{
    return target_cpu_use_read(activity->time_file);
}

enum spprof_activity sample_activity_since(struct activity *activity, uint64_t now, uint64_t went)
{
    enum { PART = 5 }; /* of the time that it could run; a thread that waits runs for a moment when it is stopped, too */
    uint64_t before = activity->asked_at, ran_before = activity->ran;
    activity->state = SPPROF_ACTIVITY_UNKNOWN;
    activity->ran = sample_activity_use(activity).time;
    if (activity->ran == 0)
        return SPPROF_ACTIVITY_UNKNOWN;
    activity->asked_at = now;
    if (now - before < went)
        went = now - before;
    if (before != 0)
        activity->state = (activity->ran - ran_before) * PART >= went ? SPPROF_ACTIVITY_RUNNING : SPPROF_ACTIVITY_IDLE;
    return activity->state;
}
