/* A target whose Python was found: the one object from which snapshots are taken. */
#ifndef SPPROF_SESSION_H
#define SPPROF_SESSION_H

#include "spprof/snapshot.h"
#include "spprof/target.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spprof_session;

/* Finds _PyRuntime, its version and its layout. Borrows target, which must outlive the session. Errors: NOT_PYTHON, UNSUPPORTED, UNREADABLE. */
struct spprof_error *spprof_session_open(struct spprof_target *target, struct spprof_session **session);
void spprof_session_close(struct spprof_session *session); /* NULL is allowed */

struct spprof_snapshot_options {
    bool no_stop;       /* read a live process without stopping it; every stack is validated, and retried where it moved */
    int64_t only_tid;   /* 0: all threads */
    uint64_t values_of; /* address of a thread state, as an earlier snapshot told it: values of this thread only; 0: of all */
    bool locals;        /* the variables of every frame */
    bool exceptions;    /* what every thread raises or handles */
    bool entries;       /* every frame's entry, for native.h; in 3.10 and 3.11 that takes more reads, and is not done with no_stop */
    struct spprof_value_limits limits;
};

/* Reads every stack. A stack that could not be read is in the snapshot with its reason; an error means that nothing could be read. */
struct spprof_error *spprof_snapshot_take(struct spprof_session *session, const struct spprof_snapshot_options *options,
                                          struct spprof_snapshot **snapshot);

/* One line of what the doctor found. Texts are raw: escape before showing. */
struct spprof_finding {
    enum { SPPROF_FINDING_FACT, SPPROF_FINDING_CHECK_PASSED, SPPROF_FINDING_CHECK_FAILED, SPPROF_FINDING_MISSING } kind;
    char *subject; /* "version", "debug offsets", ... */
    char *text;
};

struct spprof_diagnosis {
    struct spprof_finding *findings;
    size_t count;
};

/* Looks at everything that reading stacks depends on: every candidate for _PyRuntime, every source of the layout and how they
 * compare field by field, the probes, what the target misses. Needs no session; errors as spprof_session_open, with the findings made so far. */
struct spprof_error *spprof_diagnose(struct spprof_target *target, struct spprof_diagnosis *diagnosis);
void spprof_diagnosis_free(struct spprof_diagnosis *diagnosis);

#ifdef __cplusplus
}
#endif
#endif
