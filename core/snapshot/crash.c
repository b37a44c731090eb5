#include "snapshot/crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/target.h"

static bool holds_address(const struct spprof_module *module, uint64_t address)
{
    for (size_t i = 0; i < module->mapping_count; i++)
        if (address >= module->mappings[i].start && address < module->mappings[i].end)
            return true;
    return false;
}

/* Where no module holds it, the thread has jumped to what is no code, or code was made while it ran. */
static struct spprof_error *find_module(struct spprof_target *target, struct spprof_crash *crash)
{
    const struct spprof_modules *modules;
    struct spprof_error *error = target_modules(target, &modules);
    if (error != NULL) { /* that is told by others */
        spprof_error_free(error);
        return NULL;
    }
    for (size_t i = 0; i < modules->count; i++) {
        const struct spprof_module *module = &modules->items[i];
        if (!holds_address(module, crash->program_counter))
            continue;
        crash->module = strdup(module->path);
        crash->offset = crash->program_counter - module->bias;
        crash->build_id_size = module->build_id_size;
        memcpy(crash->build_id, module->build_id, module->build_id_size);
        return crash->module == NULL ? spprof_error_no_memory() : NULL;
    }
    return NULL;
}

static void describe_thread(const struct spprof_native_thread *thread, struct spprof_crash *crash)
{
    crash->tid = thread->tid;
    crash->signal = thread->signal;
    crash->has_fault_address = thread->has_fault_address;
    crash->fault_address = thread->fault_address;
    crash->has_program_counter = thread->has_program_counter;
    crash->program_counter = thread->program_counter;
    snprintf(crash->name, sizeof crash->name, "%s", thread->name);
}

struct spprof_error *snapshot_crash_describe(struct spprof_target *target, const struct kernel_threads *kernel, struct spprof_snapshot *snapshot)
{
    struct spprof_crash *crash = &snapshot->crash;
    const struct spprof_native_threads *natives = &kernel->natives;
    for (size_t i = 0; i < natives->count && crash->signal == 0; i++) {
        if (natives->items[i].signal == 0)
            continue;
        describe_thread(&natives->items[i], crash);
        crash->known = kernel->known[i];
    }
    return crash->has_program_counter ? find_module(target, crash) : NULL;
}
