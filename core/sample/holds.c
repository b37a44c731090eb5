#include "sample/holds.h"

#include <string.h>

#include "target/held.h"

#define FREEZER_NS UINT64_C(250000000) /* between two questions whether the process is frozen, which take some 100 us */

static void ask_freezer(struct holds *holds, int64_t pid, uint64_t now, struct spprof_sample_counts *counts)
{
    char by[sizeof counts->held_by];
    if (holds->asked_at != 0 && now - holds->asked_at < FREEZER_NS)
        return;
    holds->asked_at = now;
    holds->frozen = target_held_by_freezer(pid, by, sizeof by);
    if (holds->frozen)
        memcpy(counts->held_by, by, sizeof by);
}

static enum spprof_held held(const struct holds *holds, struct sampled_thread *thread, int64_t pid, uint64_t now, struct spprof_sample_counts *counts)
{
    enum spprof_activity activity = sample_activity_of(&thread->activity, now);
    if (holds->frozen && activity == SPPROF_ACTIVITY_IDLE)
        return SPPROF_HELD_FROZEN;
    bool by_us = thread->activity.held == SPPROF_HELD_TRACED && !target_held_by_tracer(pid, thread->tid, counts->held_by, sizeof counts->held_by);
    return by_us ? SPPROF_HELD_NOT : thread->activity.held;
}

void sample_holds_count(struct holds *holds, const struct sampled_threads *threads, int64_t pid, uint64_t now, struct spprof_sample_counts *counts)
{
    ask_freezer(holds, pid, now, counts);
    for (size_t i = 0; i < threads->count; i++)
        if (threads->items[i]->activity.state_file >= 0)
            counts->held[held(holds, threads->items[i], pid, now, counts)]++;
    counts->held[SPPROF_HELD_NOT] = 0;
}
