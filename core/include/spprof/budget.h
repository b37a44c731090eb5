/* What reading one target may cost. Every reader draws from the budget of its target, so that the sum is bounded, and not only each part. */
#ifndef SPPROF_BUDGET_H
#define SPPROF_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that may be kept of a target where nobody says otherwise. */
#define SPPROF_MEMORY_DEFAULT (UINT64_C(1) << 30)

/* An account is zero until something is drawn from it. All sizes are bytes. */
struct spprof_budget {
    uint64_t memory_limit;        /* 0: SPPROF_MEMORY_DEFAULT; the limits of searching and of output follow from it */
    uint64_t memory, memory_peak; /* taken: copies of the target's memory and what is made of them */
    uint64_t reserved;            /* of the limit, for what is made in the end of what was read */
    uint64_t searched;            /* bytes that were looked through */
    uint64_t shown;               /* bytes that a report of the snapshot takes, roughly */
    uint64_t stop_ends;           /* CLOCK_MONOTONIC, ns: when threads that stand still are let go; 0: they run */
    uint64_t stop_worked;         /* ns of CPU that the reader had while they stood still, in the last stop */
    uint64_t read_late;           /* bytes that were to be read while threads stood still, and were read after they had been let go */
    bool memory_refused, search_refused, output_refused; /* more was wanted than there is */
    bool check_refused;                                  /* the same of what is looked at only to doubt what was read */
    bool is_late;                                        /* what is read now should have been read while they stood */
    bool out_of_memory;                                  /* the machine had none, whatever the budget allows */
};

#ifdef __cplusplus
}
#endif
#endif
