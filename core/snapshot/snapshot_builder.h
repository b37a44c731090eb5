/* From a walk to a snapshot: texts, positions, states. Reads nothing but what a late thread name needs. */
#ifndef SPPROF_SNAPSHOT_SNAPSHOT_BUILDER_H
#define SPPROF_SNAPSHOT_SNAPSHOT_BUILDER_H

#include "spprof/snapshot.h"
#include "snapshot/candidates.h"
#include "snapshot/kernel_threads.h"
#include "snapshot/thread_names.h"
#include "snapshot/walk.h"

/* A thread state as it was met before the names were read: the same id at the same address later on is the same thread. */
struct lived {
    uint64_t address, unique_id, thread_id;
};

struct snapshot_builder {
    struct walk *walk; /* its code objects move into the snapshot */
    struct spprof_target *target;
    const struct chosen *chosen;
    struct kernel_threads *kernel;
    const struct thread_names *names;
    const struct lived *lived; /* sorted by address; NULL: nothing moves, every name holds */
    size_t lived_count;
    bool runs;        /* the target went on while it was read */
    int64_t only_tid; /* 0: all */
};

struct spprof_error *snapshot_build(const struct snapshot_builder *builder, struct spprof_snapshot **snapshot);

#endif
