#include "mappings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb.h"

struct spprof_error *mappings_list(void *debugger, void (*add)(void *context, const struct spprof_mapping *region), void *context)
{
    (void)debugger;
    char *text = gdb_execute("info proc mappings"), *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        struct spprof_mapping region = {.start = 0};
        char allowed[8];
        if (sscanf(line, " %" SCNx64 " %" SCNx64 " %*x %" SCNx64 " %7s", &region.start, &region.end, &region.offset, allowed) != 4)
            continue;
        region.readable = allowed[0] == 'r';
        region.writable = region.readable && allowed[1] == 'w';
        region.executable = region.readable && allowed[1] != '\0' && allowed[2] == 'x';
        if (region.readable)
            add(context, &region);
    }
    free(text);
    return NULL;
}
