/* The sections that gdb has loaded, from `info files`: the same text in every gdb, for processes, cores and remote targets alike. */
#ifndef SPPROF_GDB_SECTIONS_H
#define SPPROF_GDB_SECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct section {
    uint64_t start, end;
    const char *name;
    const char *file; /* path on the target */
    bool main;        /* of the executable */
};

struct sections {
    char *text; /* owned: what the names point into */
    struct section *items;
    size_t count;
    const char *executable, *core; /* paths; NULL: none */
};

/* Asks gdb. Empty where it says nothing, or memory has run out. */
void sections_read(struct sections *sections);
void sections_free(struct sections *sections);

#endif
