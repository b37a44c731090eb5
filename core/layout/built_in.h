/* The built-in tables: offsets that generate.py measured in CPython's headers. Py_DEBUG and the architecture move none of our fields. */
#ifndef SPPROF_LAYOUT_BUILT_IN_H
#define SPPROF_LAYOUT_BUILT_IN_H

#include "layout/layout.h"

/* One table: the releases since .. until, PY_VERSION_HEX, inclusive, all of one minor version. */
struct built_in {
    uint32_t since, until;
    bool free_threaded;
};

/* Every table, by version. */
const struct built_in *layout_built_in_tables(size_t *count);

/*
 * The table for a version and build, or the nearest one: for a pre-release that none covers the first of its minor version, for a
 * version newer than all the newest. *exact tells that the table covers the version. NULL for one older than 3.9, and for a
 * free-threaded one older than 3.13.
 */
const struct built_in *layout_built_in_find(uint32_t version, bool free_threaded, bool *exact);

/* LAYOUT_ABSENT where the version does not have the field. */
int32_t layout_built_in_offset(const struct built_in *table, enum layout_field field);
void layout_built_in_copy(const struct built_in *table, int32_t offset[LAYOUT_FIELD_COUNT]);

#endif
