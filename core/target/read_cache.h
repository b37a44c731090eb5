/*
 * The pieces of a target's memory that a walk needs, copied in batches.
 *
 * A walker asks for a range with target_read_cache_want. What is not there yet is PENDING; when every walker has asked for all it can, one
 * target_read_cache_fetch reads everything that is pending in as few calls as possible, and the walkers go on. So the number of reads grows with the
 * longest chain of pointers, not with the number of threads, and a walker is plain sequential code that returns early on PENDING and
 * is called again.
 *
 * target_read_cache_refresh reads every range once more: what was learnt while the target ran becomes one batch when it is stopped.
 */
#ifndef SPPROF_TARGET_READ_CACHE_H
#define SPPROF_TARGET_READ_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/target.h"

struct read_cache;

enum read_cache_status { READ_CACHE_READY, READ_CACHE_PENDING, READ_CACHE_FAILED };

/* Borrows target. */
struct spprof_error *target_read_cache_new(struct spprof_target *target, struct read_cache **cache);
void target_read_cache_free(struct read_cache *cache); /* NULL is allowed */

/*
 * READY: *data points to size bytes, which stay valid until the next target_read_cache_fetch or target_read_cache_refresh.
 * FAILED: the range cannot be read (target_read_cache_failure says why), or memory has run out.
 */
enum read_cache_status target_read_cache_want(struct read_cache *cache, uint64_t address, size_t size, const uint8_t **data);

/*
 * The same of what is there, asking for nothing: PENDING where the range was not wanted, or not fetched. That it was of use is noted, as by
 * target_read_cache_want, so that target_read_cache_reread keeps it.
 */
enum read_cache_status target_read_cache_look(const struct read_cache *cache, uint64_t address, size_t size, const uint8_t **data);

/* Why the range at address failed. */
enum spprof_read_status target_read_cache_failure(const struct read_cache *cache, uint64_t address);

/* Reads what is pending. False: nothing was. */
bool target_read_cache_fetch(struct read_cache *cache);

/* Reads every range again, as of now. */
void target_read_cache_refresh(struct read_cache *cache);

/*
 * Reads every range again in one batch, the first one first, then those of a word or two, then all others in the order in which they were
 * first wanted: for a target that runs, where the order tells what was seen before what. Where there is only one of a word or two, it comes
 * before the first. Ranges that were not wanted for a while are dropped. merged: all but the first range come in the order of their
 * addresses, those that lie close together as one: where there are many of them the whole is read in a shorter time.
 */
void target_read_cache_reread(struct read_cache *cache, bool merged);

size_t target_read_cache_bytes(const struct read_cache *cache); /* of all ranges */

/* Forgets every range. */
void target_read_cache_clear(struct read_cache *cache);

struct spprof_target *target_read_cache_target(const struct read_cache *cache);

#endif
