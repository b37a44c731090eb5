/* Which of the places that may be _PyRuntime is that of a running interpreter. */
#ifndef SPPROF_SNAPSHOT_CANDIDATES_H
#define SPPROF_SNAPSHOT_CANDIDATES_H

#include "layout/layout.h"
#include "runtime/runtime.h"

struct chosen {
    struct runtime runtime;
    struct layout layout;
    enum spprof_architecture architecture; /* of the interpreter; under an emulator another one than the process's */
};

/* Every Python that runs in the target. */
struct pythons {
    struct chosen *items; /* the likelier place first; see enum runtime_place */
    size_t count;
};
void snapshot_pythons_free(struct pythons *pythons);

/*
 * Looks for Pythons place by place; behind the first place in which one runs only for what costs little, see runtime_find, so that
 * a second Python is not missed. One that was never started, or has ended, hides none. *candidates gets all that was looked at, also with an
 * error. Errors: where none runs, that of the best candidate; NOT_PYTHON where there is none.
 */
struct spprof_error *snapshot_candidates_choose(struct spprof_target *target, struct runtimes *candidates, struct pythons *pythons);

#endif
