#include "target/target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "target/budget.h"

const char *const spprof_held_names[SPPROF_HELD_KINDS] = {
    [SPPROF_HELD_STOPPED] = "stopped",
    [SPPROF_HELD_FROZEN] = "frozen",
    [SPPROF_HELD_TRACED] = "traced",
    [SPPROF_HELD_UNINTERRUPTIBLE] = "uninterruptible",
};

const char *target_read_reason(enum spprof_read_status status)
{
    switch (status) {
    case SPPROF_READ_PENDING: return "has not been read";
    case SPPROF_READ_OK: return "is readable";
    case SPPROF_READ_UNMAPPED: return "is not mapped";
    case SPPROF_READ_NOT_IN_CORE: return "is not in the core file";
    case SPPROF_READ_TRUNCATED: return "lies beyond the end of the truncated core file";
    case SPPROF_READ_GONE: return "is gone: the process has ended";
    case SPPROF_READ_NOT_KEPT: return "was left out: there is no memory left for it";
    case SPPROF_READ_DENIED: return "may not be read: permission was refused";
    }
    return "cannot be read";
}

/* Settles the ranges that no target needs to be asked about. */
static bool settle_without_target(struct spprof_range *range)
{
    range->status = SPPROF_READ_PENDING;
    if (range->size == 0)
        range->status = SPPROF_READ_OK;
    else if (range->size > TARGET_READ_MAX || range->address > UINT64_MAX - range->size)
        range->status = SPPROF_READ_UNMAPPED;
    return range->status != SPPROF_READ_PENDING;
}

static void read_batch(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    if (count == 0)
        return;
    uint64_t calls = target->read_calls;
    target->ops->read_many(target, ranges, count);
    if (target->read_calls == calls)
        target->read_calls++; /* the operation makes no system calls that it counts itself */
    for (size_t i = 0; i < count; i++)
        if (ranges[i].status == SPPROF_READ_OK)
            target->read_bytes += ranges[i].size;
    for (size_t i = 0; target->budget.is_late && i < count; i++)
        target->budget.read_late += ranges[i].size;
}

struct spprof_error *target_stop(struct spprof_target *target)
{
    struct spprof_budget *budget = &target->budget;
    budget->read_late = 0;
    TRY(target->ops->stop(target));
    budget->stop_ends = base_clock_now() + BUDGET_STOP_NS;
    budget->stop_worked = base_clock_read(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

static void let_go(struct spprof_target *target)
{
    target->budget.stop_ends = 0;
    target->budget.stop_worked = base_clock_read(CLOCK_THREAD_CPUTIME_ID) - target->budget.stop_worked;
    target->ops->resume(target);
}

void target_keep_time(struct spprof_target *target)
{
    struct spprof_budget *budget = &target->budget;
    if (budget->stop_ends == 0 || base_clock_now() < budget->stop_ends)
        return;
    let_go(target);
    budget->is_late = true;
}

void target_resume(struct spprof_target *target)
{
    if (target->budget.stop_ends != 0)
        let_go(target);
    target->budget.is_late = false;
}

void target_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        if (!settle_without_target(&ranges[i]))
            continue;
        read_batch(target, ranges + first, i - first);
        first = i + 1;
    }
    read_batch(target, ranges + first, count - first);
}

enum spprof_read_status target_try_read(struct spprof_target *target, uint64_t address, void *buffer, size_t size)
{
    struct spprof_range range = {.address = address, .size = size, .buffer = buffer};
    target_read_many(target, &range, 1);
    return range.status;
}

static enum spprof_error_kind kind_of(enum spprof_read_status status)
{
    switch (status) {
    case SPPROF_READ_DENIED: return SPPROF_ERROR_PERMISSION;
    case SPPROF_READ_GONE: return SPPROF_ERROR_NOT_FOUND;
    default: return SPPROF_ERROR_UNREADABLE;
    }
}

struct spprof_error *target_read(struct spprof_target *target, uint64_t address, void *buffer, size_t size)
{
    enum spprof_read_status status = target_try_read(target, address, buffer, size);
    if (status == SPPROF_READ_OK)
        return NULL;
    return spprof_error_new(kind_of(status), "cannot read %zu bytes: memory at 0x%" PRIx64 " %s", size, address, target_read_reason(status));
}

struct spprof_error *target_read_pointer(struct spprof_target *target, uint64_t address, uint64_t *value)
{
    if (target->pointer_size == sizeof(uint32_t)) {
        uint32_t narrow = 0;
        struct spprof_error *error = target_read(target, address, &narrow, sizeof narrow);
        *value = narrow;
        return error;
    }
    return target_read(target, address, value, sizeof *value);
}

struct spprof_error *target_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    static const struct spprof_modules none;
    *modules = &none;
    return target->ops->modules == NULL ? NULL : target->ops->modules(target, modules);
}

struct spprof_error *target_regions(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count)
{
    *regions = NULL;
    *count = 0;
    return target->ops->regions == NULL ? NULL : target->ops->regions(target, regions, count);
}

void spprof_native_threads_free(struct spprof_native_threads *threads)
{
    free(threads->items);
    *threads = (struct spprof_native_threads){0};
}

void spprof_target_close(struct spprof_target *target)
{
    if (target == NULL)
        return;
    free(target->executable);
    target->executable = NULL;
    free(target->lacks);
    target->lacks = NULL;
    spprof_problems_free(&target->problems);
    target->ops->close(target);
}
