/* Finding the debug information of a module. */
#ifndef SPPROF_LAYOUT_DEBUG_FILE_H
#define SPPROF_LAYOUT_DEBUG_FILE_H

#include <elfutils/libdw.h>

#include "spprof/target.h"

struct debug_file {
    Dwarf *dwarf;
    Dwarf *alternate; /* what dwz has moved out of it; NULL: none */
    char *path;       /* as the target would call it */
    int fd, alternate_fd;
};

/* Errors: NOT_FOUND where there is none, which says what was looked for. */
struct spprof_error *layout_debug_file_open(struct spprof_target *target, const struct spprof_module *module, struct debug_file *file);
void layout_debug_file_close(struct debug_file *file);

#endif
