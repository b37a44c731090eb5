/* Which of the places that may be _PyRuntime is that of a running interpreter. */
#ifndef SPPROF_WALK_CANDIDATES_H
#define SPPROF_WALK_CANDIDATES_H

#include "layout/layout.h"
#include "runtime/runtime.h"

struct chosen {
    struct runtime runtime;
    struct layout layout;
    enum spprof_architecture architecture; /* of the interpreter; under an emulator another one than the process's */
};

/* Every place that may be _PyRuntime; see runtime_find. */
struct spprof_error *candidates_find(struct spprof_target *target, struct runtimes *candidates);

/* The first candidate whose layout passes its probes. Another one that passes, too, is told among the target's problems: what is shown
 * then is not all. Where none passes, the error of the best. */
struct spprof_error *candidates_choose(struct spprof_target *target, const struct runtimes *candidates, struct chosen *chosen);

#endif
