/* The checked reads that everything above the target goes through. */
#ifndef SPPROF_TARGET_TARGET_H
#define SPPROF_TARGET_TARGET_H

#include "spprof/target.h"

/* Reads size bytes at address into buffer, all or nothing; the error says which address failed and why. */
struct spprof_error *target_read(struct spprof_target *target, uint64_t address, void *buffer, size_t size);

/* The same without an error to allocate: for probing memory that is expected to fail often. */
enum spprof_read_status target_try_read(struct spprof_target *target, uint64_t address, void *buffer, size_t size);

/* Many ranges in one batch. A range of size 0 is OK at once; one that wraps around or exceeds TARGET_READ_MAX is UNMAPPED. */
void target_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count);

/* Reads a pointer, widened to 64 bits. */
struct spprof_error *target_read_pointer(struct spprof_target *target, uint64_t address, uint64_t *value);

/*
 * Stops every thread, and lets them go again: by target_resume, or by target_keep_time as soon as they have stood still for
 * BUDGET_STOP_NS. What is read then until target_resume is read late (budget.h). target_keep_time is to be called often.
 */
struct spprof_error *target_stop(struct spprof_target *target);
void target_keep_time(struct spprof_target *target);
void target_resume(struct spprof_target *target);

/* Words for a status: "is not mapped", "is not in the core file", ... */
const char *target_read_reason(enum spprof_read_status status);

/* The modules of the target; an empty list where it has none. */
struct spprof_error *target_modules(struct spprof_target *target, const struct spprof_modules **modules);

/* What is mapped, sorted by start, whether it is a file's or not; none where the target cannot tell. */
struct spprof_error *target_regions(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count);

enum { TARGET_READ_MAX = 1 << 28 };

#endif
