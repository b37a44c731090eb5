/* The threads that are sampled: listed anew when the target's own lists have changed. */
#ifndef SPPROF_SAMPLE_THREAD_TABLE_H
#define SPPROF_SAMPLE_THREAD_TABLE_H

#include "base/hash_table.h"
#include "sample/activity.h"
#include "sample/stack/capture.h"
#include "snapshot/candidates.h"

struct sampled_python;

struct sampled_thread {
    struct sampled_python *python;    /* that its state is of; set by sample_threads_gather, */
    struct sampled_thread *elsewhere; /* and so is another state of the same thread, in another interpreter or Python; NULL: none */
    uint64_t address;                 /* of its thread state */
    uint64_t interpreter;             /* address */
    uint64_t unique_id, thread_id;
    int64_t tid; /* as the user sees it; 0 unknown */
    bool main;
    bool listed; /* in the last listing */
    uint64_t
        born_by; /* ns, UINT64_MAX for ever; until then the thread may not have begun, and what its state says of it is another one's; 0: it has */
    char os_name[64];
    struct spprof_text name; /* bytes NULL: not known yet */
    struct activity activity;
    /* Where threads are stopped one by one: for this look */
    bool stops;
    bool runs;               /* all the time */
    struct cpu_use use;      /* when it was asked last; time 0: it waited */
    uint64_t asked_at, went; /* ns: when that was, and how long after it had been asked before */
    uint64_t waits;          /* turn on a CPU in which it was stopped while it waited, the last time that it was stopped; 0: it ran */
    struct capture capture;
    struct capture_outcome outcome;
    bool taken;              /* the outcome is to be counted */
    uint32_t profile_thread; /* SPPROF_NONE until its first sample is counted */
};

/* A word of the target that changes when a thread or an interpreter is added, or a thread begins. */
struct watched {
    uint64_t address, value;
};

struct thread_table {
    struct spprof_target *target;
    const struct chosen *chosen;
    struct sampled_thread **threads;
    size_t count, capacity;
    struct hash_table by_address; /* struct sampled_thread, of their thread state */
    struct watched *watched;
    size_t watched_count;
    uint64_t listed_at; /* ns */
    uint64_t listing;   /* ns that it took */
    size_t left_over;   /* thread states that no thread has: they are not sampled */
    bool unsure;        /* some of those were not left over before: one's thread may have been overlooked, or its state just released */
    uint64_t named_at;
    uint64_t seen; /* threads that were ever listed */
};

void sample_thread_table_init(struct thread_table *thread_table, struct spprof_target *target, const struct chosen *chosen);
void sample_thread_table_free(struct thread_table *thread_table);

enum thread_table_state { THREAD_TABLE_CURRENT, THREAD_TABLE_CHANGED, THREAD_TABLE_GONE };

/* Whether the lists are still what they were, by one batch of reads. GONE: the target has ended, or holds something else now. */
enum thread_table_state sample_thread_table_check(const struct thread_table *thread_table);

/* Lists the threads anew. Those that have gone are freed: nothing may point to them. Errors: no thread list can be read. */
struct spprof_error *sample_thread_table_list(struct thread_table *thread_table);

/* Looks up the names of threads that have none yet. */
void sample_thread_table_name(struct thread_table *thread_table);

#endif
