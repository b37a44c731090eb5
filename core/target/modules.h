/*
 * From the mappings of an address space to its modules, for the live process and the core alike.
 *
 * A module begins where offset 0 of a file is mapped and an ELF header lies there, and goes as far as that header's
 * segments do. Where the header cannot be read (a core that left it out), the mappings of the file that follow are taken,
 * and the anonymous memory right behind them. A file of which nothing is executable or writable is data, no module.
 */
#ifndef SPPROF_TARGET_MODULES_H
#define SPPROF_TARGET_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/target.h"

/* One range of the address space, as the system or a core's notes give it. */
struct address_mapping {
    uint64_t start, end;
    uint64_t offset; /* in the file */
    bool readable, writable, executable;
    bool permissions_unknown; /* then those of the program headers are taken */
    const char *path;         /* as the kernel writes it, " (deleted)" and all; NULL or "": anonymous; "[heap]" and the like: no file */
    uint64_t device, inode;   /* 0 where unknown: then equal paths are the same file */
};

/*
 * Makes the list from mappings sorted by start. Reads the first 1 KiB of every file that may be a module, in batches, and little else.
 * entry is an address in the executable itself (AT_ENTRY, AT_PHDR), 0 where unknown. The list is owned by the caller.
 */
struct spprof_error *target_modules_build(struct spprof_target *target, const struct address_mapping *mappings, size_t count, uint64_t entry,
                                          struct spprof_modules *modules);
void target_modules_free(struct spprof_modules *modules);

/* The module that address lies in, or NULL. */
const struct spprof_module *target_modules_at(const struct spprof_modules *modules, uint64_t address);

/* Whether the kernel marked this path as removed; *size gets its length without that mark. */
bool target_path_is_deleted(const char *path, size_t *size);

#endif
