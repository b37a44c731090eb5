/* What is told where no Python was found: what is there instead, and what to do. */
#ifndef SPPROF_SNAPSHOT_NOT_PYTHON_H
#define SPPROF_SNAPSHOT_NOT_PYTHON_H

#include "spprof/error.h"
#include "spprof/target.h"

/* A NOT_PYTHON error. */
struct spprof_error *snapshot_not_python(struct spprof_target *target);

#endif
