/*
 * The pieces of a target's memory that a walk needs, copied in batches.
 *
 * A walker asks for a range with copy_want. What is not there yet is PENDING; when every walker has asked for all it can, one
 * copy_fetch reads everything that is pending in as few calls as possible, and the walkers go on. So the number of reads grows with the
 * longest chain of pointers, not with the number of threads, and a walker is plain sequential code that returns early on PENDING and
 * is called again.
 *
 * copy_refresh reads every range once more: what was learnt while the target ran becomes one batch when it is stopped.
 */
#ifndef SPPROF_TARGET_COPY_H
#define SPPROF_TARGET_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/target.h"

struct copy;

enum copy_status { COPY_READY, COPY_PENDING, COPY_FAILED };

/* Borrows target. */
struct spprof_error *copy_new(struct spprof_target *target, struct copy **copy);
void copy_free(struct copy *copy); /* NULL is allowed */

/*
 * READY: *data points to size bytes, which stay valid until the next copy_fetch or copy_refresh.
 * FAILED: the range cannot be read (copy_failure says why), or memory has run out.
 */
enum copy_status copy_want(struct copy *copy, uint64_t address, size_t size, const uint8_t **data);

/*
 * The same of what is there, asking for nothing: PENDING where the range was not wanted, or not fetched. That it was of use is noted, as by
 * copy_want, so that copy_reread keeps it.
 */
enum copy_status copy_look(const struct copy *copy, uint64_t address, size_t size, const uint8_t **data);

/* Why the range at address failed. */
enum spprof_read_status copy_failure(const struct copy *copy, uint64_t address);

/* Reads what is pending. False: nothing was. */
bool copy_fetch(struct copy *copy);

/* Reads every range again, as of now. */
void copy_refresh(struct copy *copy);

/*
 * Reads every range again in one batch, the first one first, then those of a word or two, then all others in the order in which they were
 * first wanted: for a target that runs, where the order tells what was seen before what. Where there is only one of a word or two, it comes
 * before the first. Ranges that were not wanted for a while are dropped. merged: all but the first range come in the order of their
 * addresses, those that lie close together as one: where there are many of them the whole is read in a shorter time.
 */
void copy_reread(struct copy *copy, bool merged);

size_t copy_bytes(const struct copy *copy); /* of all ranges */

/* Forgets every range. */
void copy_clear(struct copy *copy);

struct spprof_target *copy_target(const struct copy *copy);

#endif
