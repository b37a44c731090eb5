#include "target/budget.h"

#include <inttypes.h>

enum {
    RESERVED_PART = 3,
    SEARCHED_PER_MEMORY = 4, /* some seconds of work */
    OUTPUT_PER_MEMORY = 2,   /* its part that a report may have */
    DISK_PER_MEMORY = 32,    /* as much as systemd-coredump stores of a core by default */
};

uint64_t target_budget_memory_limit(const struct spprof_budget *budget)
{
    return budget->memory_limit == 0 ? SPPROF_MEMORY_DEFAULT : budget->memory_limit;
}

static uint64_t times(uint64_t bytes, uint64_t factor)
{
    return bytes > INT64_MAX / factor ? INT64_MAX : bytes * factor;
}

static uint64_t search_limit(const struct spprof_budget *budget)
{
    return times(target_budget_memory_limit(budget), SEARCHED_PER_MEMORY);
}

static uint64_t output_limit(const struct spprof_budget *budget)
{
    return target_budget_memory_limit(budget) / OUTPUT_PER_MEMORY;
}

uint64_t target_budget_disk_limit(const struct spprof_budget *budget)
{
    return times(target_budget_memory_limit(budget), DISK_PER_MEMORY);
}

void target_budget_begin(struct spprof_budget *budget)
{
    budget->searched = budget->shown = budget->read_late = 0;
    budget->output_refused = budget->memory_refused = budget->search_refused = budget->check_refused = budget->out_of_memory = false;
}

void target_budget_reserve(struct spprof_budget *budget)
{
    budget->reserved = target_budget_memory_limit(budget) / RESERVED_PART;
}

void target_budget_release(struct spprof_budget *budget)
{
    budget->reserved = 0;
}

bool target_budget_take(struct spprof_budget *budget, uint64_t bytes)
{
    uint64_t limit = target_budget_memory_limit(budget) - budget->reserved;
    if (budget->memory > limit || bytes > limit - budget->memory) {
        budget->memory_refused = true;
        return false;
    }
    budget->memory += bytes;
    if (budget->memory > budget->memory_peak)
        budget->memory_peak = budget->memory;
    return true;
}

void target_budget_give(struct spprof_budget *budget, uint64_t bytes)
{
    budget->memory -= bytes;
}

bool target_budget_search(struct spprof_budget *budget, uint64_t bytes)
{
    uint64_t limit = search_limit(budget);
    if (budget->searched > limit || bytes > limit - budget->searched) {
        budget->search_refused = true;
        return false;
    }
    budget->searched += bytes;
    return true;
}

bool target_budget_check(struct spprof_budget *budget, uint64_t bytes)
{
    uint64_t limit = search_limit(budget) / 2;
    if (budget->searched > limit || bytes > limit - budget->searched) {
        budget->check_refused = true;
        return false;
    }
    budget->searched += bytes;
    return true;
}

bool target_budget_show(struct spprof_budget *budget, uint64_t bytes)
{
    uint64_t limit = output_limit(budget);
    if (budget->shown > limit || bytes > limit - budget->shown) {
        budget->output_refused = true;
        return false;
    }
    budget->shown += bytes;
    return true;
}

void target_budget_out_of_memory(struct spprof_budget *budget)
{
    budget->out_of_memory = true;
}

const char *target_budget_reason(const struct spprof_budget *budget)
{
    return budget->out_of_memory ? "out of memory" : "the budget of memory is used up (--memory)";
}

static bool tell(struct spprof_problems *problems, const char *what, uint64_t limit)
{
    bool is_small = limit < UINT64_C(10) << 20;
    return spprof_problems_add(problems,
                               "the budget of %s, %" PRIu64 " %s, is used up, and what would have come next is left out; --memory SIZE gives more",
                               what, is_small ? limit >> 10 : limit >> 20, is_small ? "kB" : "MB");
}

struct spprof_error *target_budget_tell(const struct spprof_budget *budget, struct spprof_problems *problems)
{
    bool told = !budget->memory_refused || tell(problems, "memory", target_budget_memory_limit(budget));
    told = told && (!budget->search_refused || tell(problems, "searching", search_limit(budget)));
    told = told && (!budget->check_refused ||
                    spprof_problems_add(problems, "the budget of searching is used up: not every frame was compared with the one that it has called; "
                                                  "--memory SIZE gives more"));
    told = told && (!budget->output_refused || tell(problems, "output", output_limit(budget)));
    told = told && (budget->read_late == 0 ||
                    spprof_problems_add(problems,
                                        "the threads were let go after %d ms: %" PRIu64 " bytes were read while they ran on, and what changed "
                                        "meanwhile may be wrong",
                                        (int)(BUDGET_STOP_NS / 1000000), budget->read_late));
    told = told && (!budget->out_of_memory || spprof_problems_add(problems, "out of memory: what would have come next is left out"));
    return told ? NULL : spprof_error_no_memory();
}
