/* Drawing from the budget of a target, and telling what it has cut. */
#ifndef SPPROF_TARGET_BUDGET_H
#define SPPROF_TARGET_BUDGET_H

#include <stddef.h>

#include "spprof/budget.h"
#include "spprof/error.h"

/* How long the threads of a process may stand still for one look. */
#define BUDGET_STOP_NS UINT64_C(50000000)

uint64_t target_budget_memory_limit(const struct spprof_budget *budget);
uint64_t target_budget_disk_limit(const struct spprof_budget *budget); /* written to decompress a core, holes not counted */

/* Begins one look at the target: what was searched before does not count, and what was refused before is forgotten. */
void target_budget_begin(struct spprof_budget *budget);

/* Keeps a part of the memory for later, until it is released: frames without their names are worth little. */
void target_budget_reserve(struct spprof_budget *budget);
void target_budget_release(struct spprof_budget *budget);

/* Takes memory; false where there is not so much left. What is taken is given back by the same size. */
bool target_budget_take(struct spprof_budget *budget, uint64_t bytes);
void target_budget_give(struct spprof_budget *budget, uint64_t bytes);

/* Draws what is about to be looked through; false where the budget of searching is used up. */
bool target_budget_search(struct spprof_budget *budget, uint64_t bytes);

/*
 * Draws what is about to be looked through only to doubt what was read; false where half the budget of searching is used up, so that it takes
 * nothing from what is to be shown.
 */
bool target_budget_check(struct spprof_budget *budget, uint64_t bytes);

/* Draws what is to be shown; false where the report is full. */
bool target_budget_show(struct spprof_budget *budget, uint64_t bytes);

/* Notes that the machine had no memory. */
void target_budget_out_of_memory(struct spprof_budget *budget);

/* Why memory was refused last, for the reason of what was cut: a static text. */
const char *target_budget_reason(const struct spprof_budget *budget);

/* Adds what was refused to the problems. Errors: NO_MEMORY, where not even that is possible. */
struct spprof_error *target_budget_tell(const struct spprof_budget *budget, struct spprof_problems *problems);

#endif
