/*
 * Memory that a debugger reads, kept in pages until the inferior runs again: a debugger's call costs far more than its bytes, and it
 * fails whole where one byte is not mapped.
 */
#ifndef SPPROF_TARGET_DEBUGGER_PAGES_H
#define SPPROF_TARGET_DEBUGGER_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "spprof/target.h"

struct debugger_pages {
    /* Reads size bytes at address, all or nothing. */
    bool (*read)(void *context, uint64_t address, void *buffer, size_t size);
    void *context;
    bool zeros_are_holes;         /* what a core leaves out some debuggers read as zeros: a page of nothing else is not believed */
    struct hash_table by_address; /* struct debugger_page */
    uint64_t calls;               /* of read */
};

/* Fills every range and sets its status. */
void target_debugger_pages_read(struct debugger_pages *pages, struct spprof_range *ranges, size_t count);

void target_debugger_pages_clear(struct debugger_pages *pages);

#endif
