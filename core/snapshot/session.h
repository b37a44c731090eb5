/* What a session holds, for the rooms below that take other things than snapshots from it. */
#ifndef SPPROF_SNAPSHOT_SESSION_H
#define SPPROF_SNAPSHOT_SESSION_H

#include "spprof/session.h"
#include "snapshot/candidates.h"

struct spprof_session {
    struct spprof_target *target;
    struct chosen chosen; /* the first of all */
    struct pythons pythons;
};

#endif
