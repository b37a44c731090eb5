/* Snapshots of several Pythons in one process become one. */
#ifndef SPPROF_SNAPSHOT_SNAPSHOT_H
#define SPPROF_SNAPSHOT_SNAPSHOT_H

#include "spprof/snapshot.h"

/* Adds what other shows, which it takes over and frees, behind what *all shows; NULL: there is nothing yet. Errors: NO_MEMORY. */
struct spprof_error *snapshot_join(struct spprof_snapshot **all, struct spprof_snapshot *other);

#endif
