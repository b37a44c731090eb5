/* One walk over everything: interpreters, thread states, stacks, code objects, in rounds of one batched read each. */
#ifndef SPPROF_SNAPSHOT_WALK_H
#define SPPROF_SNAPSHOT_WALK_H

#include "object/reader.h"
#include "frames/crowd.h"
#include "frames/code_table.h"
#include "snapshot/exceptions.h"
#include "snapshot/locals.h"
#include "frames/thread_list.h"

struct walk {
    struct crowd crowd;
    struct reader reader;
    struct thread_list list;
    struct code_table *codes;
    struct locals *locals;         /* NULL until snapshot_walk_values */
    struct exceptions *exceptions; /* NULL until snapshot_walk_values */
};

/* Borrows copy and layout. */
struct spprof_error *snapshot_walk_new(struct read_cache *cache, const struct layout *layout, uint64_t runtime, struct walk **walk);
void snapshot_walk_free(struct walk *walk); /* NULL is allowed */

/* Walks until everything is settled. What the copy holds already is not read again. */
void snapshot_walk_run(struct walk *walk);

/* Whether a thread was met in a moment in which nothing tells its newest frame, or its stack contradicts itself: c_frame_trial.entering. */
bool snapshot_walk_met_entering(const struct walk *walk);

/* Finds the entry of every frame, where snapshot_walk_run has not. What the copy holds already is not read again. */
void snapshot_walk_entries(struct walk *walk);

/*
 * Makes the exceptions of all threads text, and with locals the variables of all frames; with only_thread (the address of a thread state,
 * 0: none) those of this thread. What the copy holds already is not read again.
 */
struct spprof_error *snapshot_walk_values(struct walk *walk, const struct spprof_value_limits *limits, bool locals, uint64_t only_thread);

/* The thread state at an address; NULL where the walk met none. Its interpreter is told, too. */
const struct thread_state *snapshot_walk_find_thread(const struct walk *walk, uint64_t address, const struct interpreter **interpreter);

#endif
