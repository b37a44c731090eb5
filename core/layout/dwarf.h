/* The layout as the interpreter's debug information says it: covers debug builds, patched and unusual builds. */
#ifndef SPPROF_LAYOUT_DWARF_H
#define SPPROF_LAYOUT_DWARF_H

#include "layout/layout.h"

struct dwarf_offsets {
    int32_t offset[LAYOUT_FIELD_COUNT]; /* LAYOUT_ABSENT where it does not have the field */
    size_t found;                       /* how many it has */
    char *file;                         /* the file that the debug information is in, as the target would call it; raw bytes */
};

/*
 * Reads the debug information of a module: from its own file, or from its separate file by build id or debug link, where gdb looks for
 * it too, below the target's root. A separate file must have the module's build id. wanted tells the fields to stop at once they are all
 * found (an offset for each, LAYOUT_ABSENT: not wanted); NULL: all. Slow beside everything else here: up to some hundred milliseconds.
 * Errors: NOT_FOUND where there is none, which says what was looked for.
 */
struct spprof_error *layout_dwarf_offsets_read(struct spprof_target *target, const struct spprof_module *module, const int32_t *wanted,
                                               struct dwarf_offsets *offsets);
void layout_dwarf_offsets_free(struct dwarf_offsets *offsets);

#endif
