/* The names that the threading module gives to threads: threading._active, Lib/threading.py 3.9 to 3.15. */
#ifndef SPPROF_SNAPSHOT_THREAD_NAMES_H
#define SPPROF_SNAPSHOT_THREAD_NAMES_H

#include "layout/layout.h"
#include "spprof/snapshot.h"
#include "spprof/target.h"
#include "frames/thread_list.h"

struct thread_name {
    uint64_t interpreter; /* address */
    uint64_t thread_id;   /* Thread.ident */
    struct spprof_text name;
    int64_t native_id; /* Thread.native_id, read where thread states have none, before 3.11; 0: unknown */
};

struct thread_names {
    struct thread_name *items;
    size_t count, capacity;
};

/* Reads all names of the interpreters in list. A name that cannot be read is left out, and told in the target's problems. */
struct spprof_error *snapshot_thread_names_read(struct spprof_target *target, const struct layout *layout, const struct thread_list *list,
                                                struct thread_names *names);
void snapshot_thread_names_free(struct thread_names *names);

/* The name of a thread; NULL where threading does not know it. A thread that ended since may have left its ident to another one: the
 * caller knows whether the thread state lived from before the names were read until now. */
const struct thread_name *snapshot_thread_names_find(const struct thread_names *names, const struct interpreter *interpreter,
                                                     const struct thread_state *state);

#endif
