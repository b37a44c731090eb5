/* The modules of a debugger's inferior: what the debugger says of them, completed by what their ELF headers in memory say. */
#ifndef SPPROF_TARGET_DEBUGGER_MODULES_H
#define SPPROF_TARGET_DEBUGGER_MODULES_H

#include "spprof/debugger.h"

/* Those that the debugger lists; owned. */
struct debugger_module_list {
    struct spprof_debugger_module *items;
    size_t count;
    bool failed; /* memory ran out */
};

struct spprof_error *target_debugger_modules_list(const struct spprof_debugger_ops *ops, void *debugger, struct debugger_module_list *list);
void target_debugger_modules_list_free(struct debugger_module_list *list);

/* The one that holds an address; NULL where there is none. */
const struct spprof_debugger_module *target_debugger_modules_at(const struct debugger_module_list *list, uint64_t address);

/*
 * Makes the modules of a target. Where the main one is an ELF object, those of the dynamic linker's list that the debugger does not know
 * are added. modules is owned by the caller, to be freed by target_modules_free.
 */
struct spprof_error *target_debugger_modules_build(struct spprof_target *target, const struct debugger_module_list *list,
                                                   struct spprof_modules *modules);

#endif
