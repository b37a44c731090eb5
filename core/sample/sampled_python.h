/* One Python of a target that is sampled: its threads, what is remembered of its code, and the samples of it that wait to be counted. */
#ifndef SPPROF_SAMPLE_SAMPLED_PYTHON_H
#define SPPROF_SAMPLE_SAMPLED_PYTHON_H

#include "sample/pending.h"

struct sampled_python {
    struct spprof_target *target;
    const struct chosen *chosen;
    struct capture_context context;
    struct thread_table thread_table;
    struct pending pending;
    bool gone; /* its memory can be read no more */
};

/* May not be moved afterwards. Borrows all three. Also with an error to be freed. Errors: NO_MEMORY. */
struct spprof_error *sample_python_init(struct sampled_python *python, struct spprof_target *target, const struct chosen *chosen,
                                        struct spprof_profile *profile);
void sample_python_free(struct sampled_python *python);

/* Code objects that come and go would fill the memory: now and then all of them are forgotten. Only after sample_pending_commit. */
struct spprof_error *sample_python_settle(struct sampled_python *python);

/* All stacks of it begin with a place that names it, as where a process has several Pythons. */
struct spprof_error *sample_python_name(struct sampled_python *python);

/* Whether a thread of it holds its GIL; without a GIL, whether it is attached to its interpreter. */
bool sample_python_runs(const struct sampled_python *python, const struct sampled_thread *thread);

#endif
