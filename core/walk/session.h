/* What a session holds, for the rooms below that take other things than snapshots from it. */
#ifndef SPPROF_WALK_SESSION_H
#define SPPROF_WALK_SESSION_H

#include "spprof/session.h"
#include "walk/candidates.h"

struct spprof_session {
    struct spprof_target *target;
    struct chosen chosen;  /* the first of all */
    struct pythons pythons;
};

#endif
